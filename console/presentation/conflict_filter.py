"""The filter language of the conflicts: `field:title aggregate:user:* ann` to what is wanted, or why not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from console.presentation.patches import field_name
from engine.events.event import node_of
from engine.events.merging.patterns import matches
from engine.events.merging.queue import ConflictSummary

KEYS = ("field", "aggregate", "node", "by")
HINT = "field:title  aggregate:user:*  node:berlin-1  by:ann  a word"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictFilter:
    """What is wanted; every condition given must hold, with * and ? in patterns. With a `problem` it is not used."""

    field: str = ""
    aggregate: str = ""
    node: str = ""
    by: str = ""
    words: tuple[str, ...] = ()
    problem: str = ""

    def __bool__(self) -> bool:
        return bool(self.field or self.aggregate or self.node or self.by or self.words)

    def lets_through(self, summary: ConflictSummary) -> bool:
        """Tell whether a conflict is wanted."""
        people = (summary.claimed_by, summary.settled_by)
        fields = [field_name(path) for path in summary.fields]
        text = " ".join((summary.id, summary.aggregate_id, *fields, *summary.origins, *people)).casefold()
        return (
            _any(self.field, fields)
            and _any(self.aggregate, [summary.aggregate_id])
            and _any(self.node, map(node_of, summary.origins))
            and _any(f"{self.by}*" if self.by else "", people)
            and all(word in text for word in self.words)
        )


def parse(text: str) -> ConflictFilter:
    """Read a filter; a problem is a finished sentence."""
    found: dict[str, str] = {}
    words: list[str] = []
    for part in text.split():
        key, colon, value = part.partition(":")
        if not colon or (key not in KEYS and not get_close_matches(key, KEYS, n=1, cutoff=0.6)):
            words.append(part.casefold())
        elif key not in KEYS:
            near = get_close_matches(key, KEYS, n=1, cutoff=0.6)[0]
            return ConflictFilter(problem=f"{key}: is not known here; did you mean {near}:?")
        elif not value:
            return ConflictFilter(problem=f"{key}: needs a value, for example {_EXAMPLES[key]}")
        elif key in found:
            return ConflictFilter(problem=f"{key}: is asked for twice. Keep one of them.")
        else:
            found[key] = value
    return ConflictFilter(words=tuple(words), **found)


def _any(pattern: str, texts: Iterable[str]) -> bool:
    wanted = pattern.casefold()
    return not wanted or any(matches(wanted, text.casefold()) for text in texts)


_EXAMPLES = {"field": "field:title", "aggregate": "aggregate:user:*", "node": "node:berlin-1", "by": "by:ann"}
