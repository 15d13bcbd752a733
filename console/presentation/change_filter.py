"""The filter language of a plan: `op:- target:wiki ann` to what is wanted, or why not."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

HINT = "op:-  target:wiki  a name or a word of the why"

OPERATIONS = {
    "+": "add", "add": "add", "additions": "add",
    "-": "remove", "remove": "remove", "removals": "remove",
    "~": "update", "update": "update", "updates": "update",
    ">": "rename", "rename": "rename", "renames": "rename",
    "!": "parked", "parked": "parked",
    "carried": "carried",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeFilter:
    """What is wanted; empty conditions let everything through. True when there is any condition."""

    text: str = ""
    kinds: frozenset[str] = frozenset()
    target: str = ""
    problem: str = ""

    def __bool__(self) -> bool:
        return bool(self.text or self.kinds or self.target)


def parse(text: str) -> ChangeFilter:
    """Read a filter; a problem is a finished sentence, and nothing else is to be used then."""
    words: list[str] = []
    kinds: set[str] = set()
    target = ""
    for part in text.split():
        key, colon, value = part.partition(":")
        if not colon or key not in {"op", "target"}:
            near = get_close_matches(key, ("op", "target"), n=1, cutoff=0.6) if colon else []
            if near:
                return ChangeFilter(problem=f"{key}: is not known here; did you mean {near[0]}:?")
            words.append(part)
        elif key == "target":
            target = value.casefold()
        else:
            for sign in value.split(","):
                if sign not in OPERATIONS:
                    return ChangeFilter(problem=f"op:{sign} is not known; there are op:- op:+ op:~ op:> and op:parked.")
                kinds.add(OPERATIONS[sign])
    return ChangeFilter(text=" ".join(words).casefold(), kinds=frozenset(kinds), target=target)
