"""What the shell completes: names of syncs and adapters, read from the file alone (no engine, no validation)."""

from __future__ import annotations

from argparse import Action, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from engine.errors import SyncdeckError
from engine.settings.reading import find_workspace


def names_of(section: str) -> Callable[..., list[str]]:
    """Return a completer for the keys of a section of the workspace file."""

    def complete(prefix: str, parsed_args: Namespace, **_: object) -> list[str]:
        try:
            file = find_workspace(Path(getattr(parsed_args, "workspace", ".")).expanduser())
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
            return [name for name in content.get(section, {}) if name.startswith(prefix)]
        except (SyncdeckError, OSError, yaml.YAMLError, AttributeError):
            return []

    return complete


def completed(argument: Action, section: str) -> None:
    """Let an argument be completed from a section of the workspace file."""
    with_completer: Any = argument
    with_completer.completer = names_of(section)
