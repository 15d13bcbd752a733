"""What a person prefers on this machine: theme, time and keys, in `console.toml` of the user's settings folder.

theme = "syncdeck-light"          # `f2` writes it
time = "UTC"                      # of events: local, UTC or age; `t` writes it

[keys]
"overview.plan" = "ctrl+n"      # ids as `?` shows them
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from console.keymap import WORLD_CHANGING, all_keys, key_of
from console.presentation.ages import TimeStyle
from console.styles.themes import DARK, THEMES

FILE_NAME = "console.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """Preferences that can be used as they are; `problems` says what in the file could not be."""

    theme: str = DARK.name
    time: TimeStyle = TimeStyle.LOCAL
    keys: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    file: Path | None = None
    """Where what is chosen in the console is kept; nowhere if None."""


def load_preferences(folder: Path | None = None) -> Preferences:
    """Read the file; without one all is as delivered. Never raises: a bad line must not keep the console shut."""
    file = (folder or _folder()) / FILE_NAME
    if not file.exists():
        return Preferences(file=file)
    import tomllib

    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return Preferences(problems=(f"{file} cannot be read ({error}); the preferences in it are not used.",))
    return replace(chosen(found, str(file)), file=file)


def chosen(found: Mapping[str, Any], file: str) -> Preferences:
    """Return what is usable of a file's content, and a sentence for each thing that is not."""
    problems = [
        f"{file}: unknown setting {name!r}. Allowed: theme, time, keys."
        for name in found
        if name not in {"theme", "time", "keys"}
    ]
    theme = str(found.get("theme", DARK.name))
    names = [known.name for known in THEMES]
    if theme not in names:
        problems.append(f"{file}: there is no theme {theme!r}. Allowed: {', '.join(names)}.")
        theme = DARK.name
    style = str(found.get("time", TimeStyle.LOCAL))
    if style not in set(TimeStyle):
        problems.append(f"{file}: there is no time {style!r}. Allowed: {', '.join(TimeStyle)}.")
        style = TimeStyle.LOCAL
    keys = {}
    for binding_id, pressed in dict(found.get("keys", {})).items():
        if problem := _key_problem(binding_id, str(pressed)):
            problems.append(f"{file}: {problem}")
        else:
            keys[binding_id] = str(pressed)
    return Preferences(theme=theme, time=TimeStyle(style), keys=keys, problems=tuple(problems))


def keep(file: Path, setting: str, value: str) -> str:
    """Write one setting into the file, whole or not at all; every other line stays as it is.

    Returns why it could not be kept, or nothing. A file that cannot be read is left alone.
    """
    import tomllib

    line = f'{setting} = "{value}"'
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        if str(tomllib.loads(text).get(setting, "")) == value:
            return ""
        changed = _with_line(text, setting, line)
        tomllib.loads(changed)
        file.parent.mkdir(parents=True, exist_ok=True)
        # A name of its own: two consoles may write at once, and the last one wins with a whole file.
        with NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, prefix=f".{file.name}.", delete=False) as new:
            new.write(changed)
        Path(new.name).replace(file)
    except (OSError, ValueError) as error:
        return f"{setting} is not remembered: {file} cannot be changed ({error})."
    return ""


def _with_line(text: str, setting: str, line: str) -> str:
    """Return the text with the setting's line above the first table, where TOML keeps what belongs to none."""
    table = re.search(r"^\s*\[", text, re.MULTILINE)
    top, rest = (text[: table.start()], text[table.start() :]) if table else (text, "")
    there = re.compile(rf"^[ \t]*{setting}[ \t]*=[^\n#]*?(?=[ \t]*(?:#|$))", re.MULTILINE)
    if there.search(top):
        return there.sub(lambda _: line, top, count=1) + rest
    return f"{line}\n{top}{rest}"


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
