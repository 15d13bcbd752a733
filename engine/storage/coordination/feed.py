"""Following what changes in a namespace: the end of the change log, read whenever the bell rings."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial

from engine.clock import Clock
from engine.coordination.standing import Change, Kind
from engine.errors import CoordinationUnavailable
from engine.storage.coordination import keys
from engine.storage.coordination.bell import Bell
from engine.storage.coordination.reading import Reading

AT_ONCE = 500
"""Changes that are read in one go; the loop has other things to do."""


@dataclass(frozen=True, slots=True)
class _Batch:
    changes: tuple[tuple[Kind, str], ...]
    """Each thing once, in the order of the last change of each."""
    position: int
    more: bool


class Feed:
    """The changes of a namespace, for any number of followers."""

    def __init__(self, reading: Reading, bell: Bell, clock: Clock, moved: Callable[[], None]) -> None:
        """`moved` is called when sessions or deadlines may have changed."""
        self._reading = reading
        self._bell = bell
        self._clock = clock
        self._moved = moved

    async def follow(self) -> AsyncIterator[Change]:
        """Give `SYNCED`, then every change. Raises `CoordinationUnavailable` when the reader fell so far behind that
        the beginning of what it lacks is not kept any more."""
        with self._bell.listening() as rung:
            self._moved()
            position = self._reading.now(_end, 0)
            yield Change(kind=Kind.SYNCED)
            while True:
                batch = self._reading.now(partial(_after, position=position), _Batch((), position, False))
                position = batch.position
                if any(kind is not Kind.CLAIM for kind, _ in batch.changes):
                    self._moved()
                for kind, name in batch.changes:
                    yield self._change(kind, name)
                if not batch.more:
                    await self._bell.hear(rung)

    def _change(self, kind: Kind, name: str) -> Change:
        if kind is not Kind.KEY:
            return Change(kind=kind, name=name)
        now = self._clock.monotonic()
        entry = self._reading.now(partial(keys.find, key=name, now=now), None)
        return Change(kind=kind, name=name, entry=entry)


def _end(reading: sqlite3.Connection, namespace: int) -> int:  # noqa: ARG001  the log is that of all namespaces
    (end,) = reading.execute("SELECT coalesce(max(seq), 0) FROM change").fetchone()
    return int(end)


def _after(reading: sqlite3.Connection, namespace: int, position: int) -> _Batch:
    end = _end(reading, namespace)
    rows = reading.execute(
        "SELECT seq, kind, name FROM change WHERE seq > ? AND seq <= ? AND namespace = ? ORDER BY seq LIMIT ?",
        (position, end, namespace, AT_ONCE),
    ).fetchall()
    (trimmed,) = reading.execute("SELECT value FROM meta WHERE name = 'trimmed'").fetchone()
    if trimmed > position:
        raise CoordinationUnavailable(
            "The changes of the coordination file were not read for so long that the first of them are not kept any "
            "more. Read everything again."
        )
    more = len(rows) == AT_ONCE
    latest: dict[tuple[Kind, str], int] = {}
    for seq, kind, name in rows:
        latest.pop((Kind(kind), name), None)
        latest[Kind(kind), name] = seq
    return _Batch(tuple(latest), rows[-1][0] if more else max(end, position), more)
