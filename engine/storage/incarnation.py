"""A node begins to write under a new origin, and what nobody else has moves with it.

Moved events stay the same events (id, time, payload, place in this log); their dots and chains are new, and whatever
refers to them (contexts, resolutions, redactions) refers to the new dots. Events of this file's other writers that knew
of them have not been sent either, for a cause goes out before its effects: their chains are made anew as well.
"""

from __future__ import annotations

import sqlite3
from array import array
from bisect import bisect_right
from typing import Any, NamedTuple

from msgspec import Raw, json

from engine.errors import ReplicationRefused
from engine.events.chain import BEFORE_FIRST, canonical, header, link
from engine.events.event import Dot, Origin
from engine.events.hlc import at_milliseconds
from engine.events.merging.resolutions import parse_dot
from engine.events.own import REDACTED, REINCARNATED, REOPENED, RESOLVED
from engine.storage.event_grams import forget_segment
from engine.storage.event_redaction import payload_hashes
from engine.storage.event_rows import read_vector
from engine.storage.log_tip import ELSEWHERE, OWN, new_origin

AT_ONCE = 1_000

MOST_IN_AN_HOUR = 10
"""Origins that a node takes one after the other. Backups are restored now and then; a peer that says again and again
that it knows more of this node than this node would have its whole history written anew each time."""
HOUR_MS = 3_600_000

_MOVED = "SELECT seq FROM event WHERE origin = ? AND seq > ? ORDER BY seq"

_FIRST_MOVED = "SELECT min(position) FROM event WHERE origin = ? AND seq > ?"

_NEWEST_KEPT = "SELECT max(seq) FROM event WHERE aggregate = ? AND origin = ? AND seq <= ?"

_FROM = """
    SELECT e.position, e.id, t.name, e.aggregate, e.data, e.metadata, e.origin, o.name, o.writer, e.seq, e.context,
        e.hlc, e.hashes
    FROM event e JOIN event_type t ON t.id = e.type JOIN event_origin o ON o.id = e.origin
    WHERE e.position >= ? ORDER BY e.position LIMIT ?
"""

_CHANGE = """
    UPDATE event SET aggregate = ?, metadata = ?, origin = ?, seq = ?, context = ?, chain = ? WHERE position = ?
"""


_LATELY = """
    SELECT count(*) FROM event e JOIN event_type t ON t.id = e.type JOIN event_origin o ON o.id = e.origin
    WHERE e.aggregate = ? AND t.name = ? AND o.writer = ? AND e.hlc >= ?
"""


class Moved(NamedTuple):
    """What was done."""

    before: Origin
    after: Origin
    events: int


def check_pace(connection: sqlite3.Connection, node: str, now_ms: int) -> None:
    """Raise `ReplicationRefused` if this node took too many origins within the last hour."""
    row = (f"node:{node}", REINCARNATED, OWN, at_milliseconds(max(now_ms - HOUR_MS, 0)))
    ((lately,),) = connection.execute(_LATELY, row).fetchall()
    if lately >= MOST_IN_AN_HOUR:
        raise ReplicationRefused(
            f"{node} took {lately} new origins within an hour, each because a peer said that it knows more of {node} "
            f"than {node} itself. Backups are not restored that often, so it takes no other one for now. syncdeck "
            "events --type node.reincarnated names the peer: pause it, or take its token out of server.tokens.",
            kind="fork",
        )


def move(connection: sqlite3.Connection, node: str, old: Origin, kept: int) -> Moved:
    """Give a node a new origin, and move its events after `kept` of the old one there. The log's tip is void then."""
    new = new_origin(node)
    connection.execute("UPDATE meta SET value = ? WHERE name = ?", (new, f"origin:{node}"))
    ((new_number,),) = connection.execute(
        "INSERT INTO event_origin (name, writer) VALUES (?, ?) RETURNING id", (new, OWN)
    ).fetchall()
    row = connection.execute("SELECT id FROM event_origin WHERE name = ?", (old,)).fetchone()
    if row is None:
        return Moved(old, new, 0)
    moving = _Moving(connection, (old, row[0]), (new, new_number), kept)
    moving.all()
    return Moved(old, new, len(moving.seqs))


class _Row(NamedTuple):
    position: int
    id: str
    type: str
    aggregate: str
    data: str
    metadata: str
    number: int
    origin: Origin
    writer: str
    seq: int
    context: str
    hlc: int
    hashes: bytes | None


class _Moving:
    def __init__(
        self, connection: sqlite3.Connection, old: tuple[Origin, int], new: tuple[Origin, int], kept: int
    ) -> None:
        self._connection = connection
        self._old, self._old_number = old
        self._new, self._new_number = new
        self._kept = kept
        self.seqs = array("q", [seq for (seq,) in connection.execute(_MOVED, (self._old_number, kept))])
        self._chains: dict[int, bytes] = {self._new_number: BEFORE_FIRST}
        """Of origins whose chain is made anew: where it stands."""

    def all(self) -> None:
        """Go along the log from the first that moves."""
        (position,) = self._connection.execute(_FIRST_MOVED, (self._old_number, self._kept)).fetchone()
        while position is not None:
            rows = [_Row(*row) for row in self._connection.execute(_FROM, (position, AT_ONCE))]
            changes = [change for row in rows if (change := self._changed(row)) is not None]
            self._connection.executemany(_CHANGE, changes)
            position = rows[-1].position + 1 if len(rows) == AT_ONCE else None
        values = (self._old_number, self._kept)
        self._connection.execute("DELETE FROM event_skip WHERE origin = ? AND first > ?", values)
        for origin, seq in self._connection.execute(
            "SELECT origin, seq FROM redaction WHERE origin = ? AND seq > ?", (self._old, self._kept)
        ).fetchall():
            renamed = (*self._renamed(Dot(origin, seq)), origin, seq)
            self._connection.execute("UPDATE redaction SET origin = ?, seq = ? WHERE origin = ? AND seq = ?", renamed)

    def _changed(self, row: _Row) -> tuple[Any, ...] | None:
        """Return the new values of an event, None if it stays as it is."""
        if row.writer == ELSEWHERE:
            return None
        known = self._context(row.aggregate, row.context)
        moves = row.number == self._old_number and row.seq > self._kept
        if not moves and known == row.context and row.number not in self._chains:
            return None
        dot = self._renamed(Dot(row.origin, row.seq))
        number = self._new_number if moves else row.number
        about, links = self._references(row)
        if (about, links) != (row.aggregate, row.metadata):
            forget_segment(self._connection, row.position)
        payload = row.hashes or payload_hashes(row.data, links)
        head = header(row.id, row.type, about, dot, Raw(known.encode()), row.hlc)
        chain = self._chains[number] = link(self._chain_before(number, row.seq), payload, head)
        return about, links, number, dot.seq, known, chain, row.position

    def _chain_before(self, number: int, seq: int) -> bytes:
        if number in self._chains:
            return self._chains[number]
        if seq == 1:
            return BEFORE_FIRST
        (chain,) = self._connection.execute(
            "SELECT chain FROM event WHERE origin = ?1 AND seq = ?2 - 1 "
            "UNION ALL SELECT chain FROM event_skip WHERE origin = ?1 AND last = ?2 - 1",
            (number, seq),
        ).fetchone()
        return bytes(chain)

    def _renamed(self, dot: Dot) -> Dot:
        if dot.origin != self._old or dot.seq <= self._kept:
            return dot
        return Dot(self._new, bisect_right(self.seqs, dot.seq))

    def _context(self, aggregate: str, context: str) -> str:
        """Return what an event knew, under the new names."""
        if self._old not in context:
            return context
        known = read_vector(context)
        seq = known.get(self._old, 0)
        if seq <= self._kept:
            return context
        del known[self._old]
        (before,) = self._connection.execute(_NEWEST_KEPT, (aggregate, self._old_number, self._kept)).fetchone()
        if before is not None:
            known[self._old] = before
        return canonical({**known, self._new: bisect_right(self.seqs, seq)}).decode()

    def _references(self, row: _Row) -> tuple[str, str]:
        """Return aggregate and metadata, with the new dots where they name moved events."""
        if row.type == REDACTED:
            return self._rename_text(row.aggregate, "event:"), row.metadata
        if row.type not in (RESOLVED, REOPENED) or row.hashes:
            return row.aggregate, row.metadata
        links: dict[str, Any] = json.decode(row.metadata)
        if isinstance(links.get("undoes"), str):
            links["undoes"] = self._rename_text(links["undoes"])
        if isinstance(links.get("settles"), list):
            links["settles"] = [self._rename_text(each) for each in links["settles"]]
        return row.aggregate, canonical(links).decode()

    def _rename_text(self, text: str, prefix: str = "") -> str:
        dot = parse_dot(text.removeprefix(prefix) if isinstance(text, str) else None)
        return text if dot is None else f"{prefix}{self._renamed(dot)}"
