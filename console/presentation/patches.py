"""Values and merge patches in a few words: what an event sets, removes or deletes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from console.presentation.spans import clean
from engine.events.merging.values import Path, dotted

LONGEST = 300
"""Characters of a patch's words; the rest is cut."""
DEEPEST = 32
SHORT_LIST = 4


def patch_words(data: object) -> str:
    """Return what a merge patch (RFC 7396) does: "title: Principal, tags: [a, b], phone removed"."""
    if data is None:
        return "deleted"
    if not isinstance(data, Mapping):
        return f"the whole becomes {brief(data)}"
    if not data:
        return "nothing changed"
    parts: list[str] = []
    length = 0
    for path, value in leaves(data):
        name = field_name(path)
        parts.append(f"{name} removed" if value is None else f"{name}: {brief(value)}")
        length += len(parts[-1]) + 2
        if length > LONGEST:
            break
    return ", ".join(parts)


def leaves(value: object, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield (path, value) of everything in a JSON value that is no object; empty objects are leaves too."""
    if isinstance(value, Mapping) and value and len(path) < DEEPEST:
        for name, each in value.items():
            yield from leaves(each, (*path, str(name)))
    else:
        yield path, value


def field_name(path: Path) -> str:
    """Return a path as a line shows it; the root is "(whole)"."""
    return clean(dotted(path), 80) or "(whole)"


def brief(value: object, longest: int = 120) -> str:
    """Return a JSON value in a few words: plain values as they are, short lists in full, larger ones by their size."""
    match value:
        case str():
            return clean(value, longest) or '""'
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Mapping():
            return f"{{{len(value)}}}" if value else "{}"
        case list() | tuple() if len(value) <= SHORT_LIST and all(_plain(each) for each in value):
            return f"[{', '.join(brief(each, 30) for each in value)}]"
        case list() | tuple():
            return f"[{len(value):,} items]"
        case _:
            return clean(str(value), 40)


def _plain(value: object) -> bool:
    return not isinstance(value, Mapping | list | tuple)
