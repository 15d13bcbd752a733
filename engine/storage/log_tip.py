"""Where the log stands: what the next event of each origin and of each aggregate follows.

Read from the file once, then moved on by whoever writes, for as long as nobody else does: see `Writer.generation`.
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from engine.events.chain import BEFORE_FIRST
from engine.events.event import Origin
from engine.storage.aggregate_heads import AggregateHeads
from engine.storage.database import Database

OWN = "own"
APPLICATION = "application"
ELSEWHERE = ""
"""Who writes an origin's events; the column `writer`."""

_NEWEST_OF_EACH_ORIGIN = """
    SELECT o.name, o.id, o.writer, e.seq, e.hlc, e.chain FROM event_origin o
    LEFT JOIN event e ON e.origin = o.id AND e.seq = (SELECT max(seq) FROM event WHERE origin = o.id)
"""

_LAST_SKIP_OF_EACH_ORIGIN = """
    SELECT o.name, s.last, s.chain FROM event_origin o
    JOIN event_skip s ON s.origin = o.id AND s.first = (SELECT max(first) FROM event_skip WHERE origin = o.id)
"""

_COUNT_TYPE = """
    INSERT INTO event_type (name, count) VALUES (?, ?)
    ON CONFLICT (name) DO UPDATE SET count = count + excluded.count RETURNING id
"""


@dataclass(slots=True)
class OriginTip:
    """The newest of one origin that is known here, left out or not. `stamp` is that of the newest that is here."""

    name: Origin
    number: int
    writer: str
    seq: int = 0
    stamp: int = 0
    chain: bytes = BEFORE_FIRST


@dataclass(slots=True)
class Tip:
    """Used in the writer's thread alone."""

    position: int
    stamp: int
    """The latest time of any event here."""
    origins: dict[str, OriginTip]
    aggregates: AggregateHeads

    def own(self, connection: sqlite3.Connection, node: str) -> OriginTip:
        """Return the origin that a node writes under; the first call for a node begins its first incarnation."""
        key = f"origin:{node}"
        row = connection.execute("SELECT value FROM meta WHERE name = ?", (key,)).fetchone()
        name = row[0] if row else new_origin(node)
        if row is None:
            connection.execute("INSERT INTO meta VALUES (?, ?)", (key, name))
        return self.origins.get(name) or self.add_origin(connection, name, OWN)

    def add_origin(self, connection: sqlite3.Connection, name: str, writer: str) -> OriginTip:
        """Give an origin that was not known here its number."""
        ((number,),) = connection.execute(
            "INSERT INTO event_origin (name, writer) VALUES (?, ?) RETURNING id", (name, writer)
        ).fetchall()
        tip = self.origins[name] = OriginTip(Origin(name), number, writer)
        return tip


def take_tip(database: Database, connection: sqlite3.Connection) -> Tip:
    """Return the tip, as it was left or as the file has it; whoever takes it gives it back once all went well."""
    tip, database.tip = database.tip, None
    if not isinstance(tip, Tip) or database.tip_generation != database.generation:
        return _read_tip(connection)
    tip.aggregates.forget_some()
    return tip


def give_back(database: Database, tip: Tip) -> None:
    """Let the next writer go on from here."""
    database.tip, database.tip_generation = tip, database.generation


def count_types(connection: sqlite3.Connection, names: Iterable[str]) -> dict[str, int]:
    """Add to the counter of each type; return the types' numbers."""
    counts = Counter(names)
    return {name: connection.execute(_COUNT_TYPE, (name, count)).fetchone()[0] for name, count in counts.items()}


def new_origin(node: str) -> Origin:
    """Return an origin for a node that begins a new incarnation."""
    return Origin(f"{node}~{os.urandom(4).hex()}")


def _read_tip(connection: sqlite3.Connection) -> Tip:
    (last,) = connection.execute("SELECT max(position) FROM event").fetchone()
    origins = {
        name: OriginTip(Origin(name), number, writer, seq or 0, stamp or 0, chain or BEFORE_FIRST)
        for name, number, writer, seq, stamp, chain in connection.execute(_NEWEST_OF_EACH_ORIGIN)
    }
    for name, seq, chain in connection.execute(_LAST_SKIP_OF_EACH_ORIGIN):
        if seq > origins[name].seq:
            origins[name].seq, origins[name].chain = seq, chain
    stamp = max((each.stamp for each in origins.values()), default=0)
    return Tip(position=last or 0, stamp=stamp, origins=origins, aggregates=AggregateHeads(connection))
