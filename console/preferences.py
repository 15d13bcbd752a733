"""What a person prefers on this machine: theme and keys, in `console.toml` of the user's settings folder.

theme = "syncdeck-light"

[keys]
"overview.plan" = "ctrl+n"      # ids as `?` shows them
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from console.keymap import WORLD_CHANGING, all_keys, key_of
from console.styles.themes import DARK, THEMES

FILE_NAME = "console.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """Preferences that can be used as they are; `problems` says what in the file could not be."""

    theme: str = DARK.name
    keys: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def load_preferences(folder: Path | None = None) -> Preferences:
    """Read the file; without one all is as delivered. Never raises: a bad line must not keep the console shut."""
    file = (folder or _folder()) / FILE_NAME
    if not file.exists():
        return Preferences()
    import tomllib

    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return Preferences(problems=(f"{file} cannot be read ({error}); the preferences in it are not used.",))
    return chosen(found, str(file))


def chosen(found: Mapping[str, Any], file: str) -> Preferences:
    """Return what is usable of a file's content, and a sentence for each thing that is not."""
    problems = [
        f"{file}: unknown setting {name!r}. Allowed: theme, keys." for name in found if name not in {"theme", "keys"}
    ]
    theme = str(found.get("theme", DARK.name))
    names = [known.name for known in THEMES]
    if theme not in names:
        problems.append(f"{file}: there is no theme {theme!r}. Allowed: {', '.join(names)}.")
        theme = DARK.name
    keys = {}
    for binding_id, pressed in dict(found.get("keys", {})).items():
        if problem := _key_problem(binding_id, str(pressed)):
            problems.append(f"{file}: {problem}")
        else:
            keys[binding_id] = str(pressed)
    return Preferences(theme=theme, keys=keys, problems=tuple(problems))


def _key_problem(binding_id: str, pressed: str) -> str:
    key = key_of(binding_id)
    if key is None:
        near = get_close_matches(binding_id, [known.id for known in all_keys()], n=1)
        return f"there is no key {binding_id!r}." + (f" Did you mean {near[0]!r}?" if near else " `?` lists them.")
    if key.changes and not all(len(each) == 1 and each.isupper() for each in pressed.split(",")):
        capitals = ", ".join(sorted(WORLD_CHANGING))
        return f"{binding_id!r} changes the world and needs a capital letter, as {capitals} are; found {pressed!r}."
    return ""


def _folder() -> Path:
    from platformdirs import user_config_path

    return user_config_path("syncdeck")
