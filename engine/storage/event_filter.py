"""A filter of events as SQL: a condition on the rows, and how the file is best searched for them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from msgspec import json

from engine.events.hlc import at_milliseconds
from engine.events.log import Filter
from engine.storage.event_grams import grams_of

FEW = 5_000
"""A filter that an index narrows to so few rows is answered from that index at once; any other by walking along the
log in ranges, where matches come early or the walk can stop."""


TIME_SPAN = """
    SELECT min(position), max(position) FROM event
    WHERE type IN (SELECT id FROM event_type) AND hlc >= ? AND hlc < ?
"""
"""First and last position of what was written at a time. Takes 0.1 ms for each thousand of these events: received
events may stand anywhere, so that positions alone do not tell."""

_LAST_STAMP = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """`sql` is about a row `e` of event. `indexed` promises that an index holds few rows that it could be true for."""

    sql: str = "1"
    parameters: tuple[object, ...] = ()
    indexed: bool = False
    impossible: bool = False
    """Nothing can match: a type or an origin that does not exist is asked for."""
    grams: tuple[int, ...] = ()
    """Runs of characters (`event_grams.py`) that every row has for which `sql` is true; none: nothing is known."""
    stamps: tuple[int, int] | None = None
    """From (inclusive) and to (exclusive), if the time is asked for: `TIME_SPAN` tells where in the log that is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the log holds: types with number and count, origins with number."""

    types: Mapping[str, tuple[int, int]]
    origins: Mapping[str, int]


def compile_filter(where: Filter, known: Known, few: int = FEW) -> Condition:
    """Return the condition that is true for exactly the events that `where` wants; an index is used for up to `few`."""
    parts: list[tuple[str, tuple[object, ...]]] = []
    indexed = bool(where.aggregate) and not where.aggregate.endswith("*")
    if where.type:
        fitting = [row for name, row in known.types.items() if fits(where.type, name)]
        rare = not indexed and sum(count for _, count in fitting) <= few
        parts.append(_one_of("e.type" if rare else "+e.type", [number for number, _ in fitting]))
        indexed = indexed or rare
    if where.origin:
        parts.append(
            _one_of("+e.origin", [number for name, number in known.origins.items() if fits(where.origin, name)])
        )
    if where.aggregate:
        parts.append(_text_fits("e.aggregate", where.aggregate))
    if where.actor:
        parts.append(_actor_fits(where.actor))
    stamps = _stamps(where)
    if stamps:
        parts.append(("e.hlc >= ? AND e.hlc < ?", stamps))
    if where.search:
        parts.append(_holds(where.search, known))
    return Condition(
        sql=" AND ".join(sql for sql, _ in parts) or "1",
        parameters=tuple(value for _, values in parts for value in values),
        indexed=indexed,
        impossible=any(sql == "0" for sql, _ in parts),
        grams=() if indexed or not where.search else _grams_of(where.search, known),
        stamps=stamps,
    )


def fits(pattern: str, text: str) -> bool:
    """Tell whether a text fits a pattern that may end in `*`."""
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern


def _stamps(where: Filter) -> tuple[int, int] | None:
    if where.since_ms is None and where.until_ms is None:
        return None
    until = _LAST_STAMP if where.until_ms is None else at_milliseconds(where.until_ms)
    return at_milliseconds(where.since_ms or 0), until


def _one_of(column: str, numbers: Collection[int]) -> tuple[str, tuple[object, ...]]:
    if not numbers:
        return "0", ()
    return f"{column} IN ({', '.join('?' * len(numbers))})", tuple(numbers)  # a + before it keeps indexes out of it


def _text_fits(column: str, pattern: str) -> tuple[str, tuple[object, ...]]:
    if not pattern.endswith("*"):
        return f"{column} = ?", (pattern,)
    prefix = pattern[:-1]
    return f"substr({column}, 1, ?) = ?", (len(prefix), prefix)


def _actor_fits(pattern: str) -> tuple[str, tuple[object, ...]]:
    """The cheap look for the text comes first; only where it is found is the JSON read."""
    begins = '"actor":' + json.encode(pattern.removesuffix("*")).decode()[:-1]
    fit, values = _text_fits("json_extract(e.metadata, '$.actor')", pattern)
    return f"(instr(e.metadata, ?) AND {fit})", (begins, *values)


def _holds(search: str, known: Known) -> tuple[str, tuple[object, ...]]:
    """Look for a text in type, aggregate, data or metadata.

    SQLite's LIKE knows letter case for ASCII only. A text with other letters is looked for with a gap in their places
    first, and what comes out of that is compared in full (`folded`, which reading connections know).
    """
    types = [number for name, (number, _) in known.types.items() if search.casefold() in name.casefold()]
    written = json.encode(search).decode()[1:-1]
    parts = [
        _one_of("+e.type", types),
        _like("e.aggregate", search),
        _like("e.data", written),
        _like("e.metadata", written),
    ]
    return f"({' OR '.join(sql for sql, _ in parts)})", tuple(value for _, values in parts for value in values)


def _grams_of(search: str, known: Known) -> tuple[int, ...]:
    """Return what every event has that `_holds` finds. Types are compared in full letter case, where `ß` is `ss`: then
    nothing is known."""
    types = [name for name in known.types if search.casefold() in name.casefold()]
    return grams_of(search) if all(name.isascii() for name in types) else ()


def _like(column: str, text: str) -> tuple[str, tuple[object, ...]]:
    escaped = re.sub(r"([\\%_])", r"\\\1", text)
    gapped = re.sub(r"[^\x00-\x7f]+", "%", escaped)
    like = f"{column} LIKE ? ESCAPE '\\'"
    if text.isascii():
        return like, (f"%{gapped}%",)
    return f"({like} AND instr(folded({column}), ?))", (f"%{gapped}%", text.casefold())
