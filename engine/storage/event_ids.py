"""Identities of events: how the log makes them, and how an event is found by one.

The log's own are UUIDs of version 7 (RFC 9562 §5.7) whose time is that of the event's stamp, so they are found through
the index by time, without one of their own. Every other id has a row in `event_key`.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Collection, Iterator

from engine.events.chain import canonical
from engine.events.event import Event
from engine.events.hlc import COUNTER_BITS, at_milliseconds
from engine.storage.event_rows import SELECT, to_events

AT_A_TIME = 1 << (COUNTER_BITS - 1)
"""So many ids share one time: the stamps of so many events are in the same millisecond or the next."""

LENGTH = 36
"""Of a UUID as text."""

_TIME = re.compile(r"[0-6][0-9a-f]{11}")
"""Before the year 5872: later stamps would be too large for SQLite, and other identities often look like one."""

KEEP_ID = "INSERT OR IGNORE INTO event_key VALUES (?, ?)"

_BY_KEY = "SELECT id, position FROM event_key WHERE id IN (SELECT value FROM json_each(?))"

_SPAN = """
    SELECT min((SELECT min(hlc) FROM event WHERE type = t.id)), max((SELECT max(hlc) FROM event WHERE type = t.id))
    FROM event_type t
"""
"""First and last time of the log: nearly all identities that others make by chance lie outside."""

_AMONG = "WHERE e.position IN (SELECT value FROM json_each(?)) ORDER BY e.position"

_BY_TIME = """
    SELECT id, position FROM event WHERE type IN (SELECT id FROM event_type) AND hlc >= ? AND hlc < ?
"""


def new_ids(stamp: int, count: int) -> Iterator[str]:
    """Yield identities for events stamped from this on: they count on from chance (RFC 9562 §6.2 method 2)."""
    for first in range(0, count, AT_A_TIME):
        yield from _some_ids(stamp + first >> COUNTER_BITS, min(AT_A_TIME, count - first))


def _some_ids(milliseconds: int, count: int) -> list[str]:
    time, chance = f"{milliseconds:012x}", os.urandom(10).hex()
    variant = "89ab"[int(chance[0], 16) & 3]
    prefix = f"{time[:8]}-{time[8:]}-7{chance[1:4]}-{variant}{chance[4:7]}-"
    first = int(chance[8:], 16) >> 1  # room to count on
    return [f"{prefix}{number:012x}" for number in range(first, first + count)]


def is_found_by_time(identity: str, stamp: int) -> bool:
    """Tell whether an event's id leads to its time."""
    time, begins = stamp >> COUNTER_BITS, identity[:8] + identity[9:13]
    return len(identity) == LENGTH and begins < "7" and (begins == f"{time:012x}" or begins == f"{time - 1:012x}")


def _time_of(identity: str) -> int | None:
    """Return the millisecond in which to look for an id; None if it does not look as if the log had made it."""
    begins = identity[:8] + identity[9:13]
    return int(begins, 16) if len(identity) == LENGTH and _TIME.fullmatch(begins) else None


def positions_of(connection: sqlite3.Connection, identities: Collection[str]) -> dict[str, int]:
    """Return where the events of these ids are, of those that are here."""
    found = dict(connection.execute(_BY_KEY, (canonical(list(identities)).decode(),)).fetchall())
    sought = {each: time for each in identities if each not in found and (time := _time_of(each)) is not None}
    if sought:
        earliest, latest = ((stamp or 0) >> COUNTER_BITS for stamp in connection.execute(_SPAN).fetchone())
        sought = {each: time for each, time in sought.items() if earliest - 1 <= time <= latest}
    for first, end in _spans(set(sought.values())):
        rows = connection.execute(_BY_TIME, (at_milliseconds(first), at_milliseconds(end)))
        found |= {identity: position for identity, position in rows if identity in sought}
    return found


def events_of(connection: sqlite3.Connection, identities: Collection[str]) -> dict[str, Event]:
    """Return the events of these ids, of those that are here."""
    positions = canonical(list(positions_of(connection, identities).values())).decode()
    return {event.id: event for event in to_events(connection.execute(SELECT + _AMONG, (positions,)))}


def _spans(times: set[int]) -> Iterator[tuple[int, int]]:
    """Yield spans of milliseconds (the second exclusive) that hold these times, and the next of each."""
    begun: tuple[int, int] | None = None
    for time in sorted(times):
        if begun and time > begun[1]:
            yield begun
            begun = None
        begun = (begun[0] if begun else time, time + 2)
    if begun:
        yield begun
