"""Merge patches (RFC 7396): folded one after another, or taken apart into the single writes that they are made of."""

from __future__ import annotations

from typing import Any, Final

from engine.events.chain import canonical
from engine.events.merging.values import ABSENT, Absent, Path


class ObjectHere:
    """A write that wants an object at its path, whatever is in it: what `{}` says in a patch."""

    def __repr__(self) -> str:
        return "OBJECT"


OBJECT: Final = ObjectHere()

Write = tuple[Path, Any]
"""A path, and what is written there: any JSON value that is no object, `ABSENT` (removed), or `OBJECT`."""


def apply(state: Any, patch: Any) -> Any:
    """Return the state after a patch. A dict that is given as `state` is changed in place and returned; nothing of the
    patch is ever changed later, although lists of it become part of the state."""
    if not isinstance(patch, dict):
        return ABSENT if patch is None else patch
    if not isinstance(state, dict):
        state = {}
    for key, value in patch.items():
        if value is None:
            state.pop(key, None)
        elif isinstance(value, dict):
            state[key] = apply(state.get(key), value)
        else:
            state[key] = value
    return state


def copied(state: Any) -> Any:
    """Return a state whose dicts may be changed without changing the one given."""
    return apply({}, state) if isinstance(state, dict) else state


def writes_of(patch: Any) -> list[Write]:
    """Return the writes of a patch, at its leaves; no path among them is a prefix of another."""
    if not isinstance(patch, dict):
        return [((), ABSENT if patch is None else patch)]
    found: list[Write] = []
    _gather(patch, (), found)
    return found


def _gather(patch: dict[str, Any], path: Path, found: list[Write]) -> None:
    if not patch:
        found.append((path, OBJECT))
    for key, value in patch.items():
        if isinstance(value, dict):
            _gather(value, (*path, key), found)
        else:
            found.append(((*path, key), ABSENT if value is None else value))


def patch_at(path: Path, value: Any) -> Any:
    """Return the patch that writes one value (or `ABSENT`, `OBJECT`) at a path; what is an object is merged there."""
    patch = None if isinstance(value, Absent) else {} if value is OBJECT else value
    for key in reversed(path):
        patch = {key: patch}
    return patch


def at(state: Any, path: Path) -> Any:
    """Return what a state holds at a path, `ABSENT` where it holds nothing."""
    for key in path:
        if not isinstance(state, dict) or key not in state:
            return ABSENT
        state = state[key]
    return state


def placed(state: Any, path: Path, value: Any) -> Any:
    """Return a state that holds exactly this at a path (nothing, for `ABSENT`), and else what the given one holds."""
    if not path:
        return value
    inside = dict(state) if isinstance(state, dict) else {}
    changed = placed(inside.get(path[0], ABSENT), path[1:], value)
    if isinstance(changed, Absent):
        inside.pop(path[0], None)
    else:
        inside[path[0]] = changed
    return inside


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are the same JSON: 1, 1.0 and true are three values."""
    if one is other:
        return True
    if isinstance(one, Absent | ObjectHere) or isinstance(other, Absent | ObjectHere):
        return isinstance(one, Absent) and isinstance(other, Absent)
    return canonical(one) == canonical(other)
