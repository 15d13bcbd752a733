"""Take compacted events out of the log, inside a transaction: rows go, marks, counters and ids stay right."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from engine.events.chain import canonical
from engine.storage.event_compaction import WHY, Group
from engine.storage.event_ids import KEEP_ID

_UNCHANGED = """
    SELECT (SELECT max(position) FROM event WHERE aggregate = ?1) = ?2
    AND NOT EXISTS (SELECT 1 FROM contested WHERE aggregate = ?1)
"""

_ROWS = """
    SELECT position, origin, seq, chain, type, id FROM event
    WHERE position IN (SELECT value FROM json_each(?)) ORDER BY origin, seq
"""

_DELETE = "DELETE FROM event WHERE position IN (SELECT value FROM json_each(?))"

_MARK_BEFORE = "SELECT first, last, why FROM event_skip WHERE origin = ? AND first < ? ORDER BY first DESC LIMIT 1"
_MARK_AFTER = "SELECT last, chain FROM event_skip WHERE origin = ? AND first = ? AND why = ?"


class _Run(NamedTuple):
    """Events of an origin that follow one another; `chain` is that of the last."""

    origin: int
    first: int
    last: int
    chain: bytes


def remove(connection: sqlite3.Connection, groups: Sequence[Group]) -> int:
    """Remove the events of those groups whose aggregates are as they were when they were looked at; return how many."""
    still = [group for group in groups if not group.newest or _unchanged(connection, group)]
    positions = canonical([position for group in still for position in group.positions]).decode()
    rows = connection.execute(_ROWS, (positions,)).fetchall()
    foreign = {position for group in still if group.newest for position in group.positions}
    connection.executemany(KEEP_ID, [(row[5], row[0]) for row in rows if row[0] in foreign])
    connection.execute(_DELETE, (positions,))
    for kind, count in Counter(row[4] for row in rows).items():
        connection.execute("UPDATE event_type SET count = count - ? WHERE id = ?", (count, kind))
    for run in _runs(rows):
        _mark(connection, run)
    return len(rows)


def _unchanged(connection: sqlite3.Connection, group: Group) -> bool:
    ((same,),) = connection.execute(_UNCHANGED, (group.aggregate, group.newest))
    return bool(same)


def _runs(rows: Iterable[tuple[int, int, int, bytes, int, str]]) -> Iterator[_Run]:
    run: _Run | None = None
    for _, origin, seq, chain, *_ in rows:
        if run and (run.origin, run.last + 1) == (origin, seq):
            run = run._replace(last=seq, chain=chain)
            continue
        if run:
            yield run
        run = _Run(origin, seq, seq, chain)
    if run:
        yield run


def _mark(connection: sqlite3.Connection, run: _Run) -> None:
    """Note what is left out, together with what was left out beside it before."""
    first, last, chain = run.first, run.last, run.chain
    before = connection.execute(_MARK_BEFORE, (run.origin, first)).fetchone()
    if before and before[1] == first - 1 and before[2] == WHY:
        first = before[0]
    after = connection.execute(_MARK_AFTER, (run.origin, last + 1, WHY)).fetchone()
    if after:
        connection.execute("DELETE FROM event_skip WHERE origin = ? AND first = ?", (run.origin, last + 1))
        last, chain = after
    connection.execute("DELETE FROM event_skip WHERE origin = ? AND first = ?", (run.origin, first))
    connection.execute("INSERT INTO event_skip VALUES (?, ?, ?, ?, ?)", (run.origin, first, last, chain, WHY))
