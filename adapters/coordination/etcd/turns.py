"""Who waits, and what is held here, hears of every place that disappears: one watch for all of them, which tells
nothing else. (Of a name that goes from hand to hand all who wait hear each time; that others take places is no news.)
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from adapters.coordination.etcd.layout import Layout
from adapters.coordination.etcd.watch import Ear
from adapters.coordination.etcd.wire import Happening
from engine.errors import CoordinationUnavailable

Gone = Callable[[frozenset[bytes]], None]
"""Told which keys disappeared in one step."""


class Turn:
    """A claim that waits: it is its turn when all places ahead of it are gone. What is told is told in order, so that
    who hears this, and nothing of the end of the own place, was at the head when the last of them went: nothing need be
    asked any more. (Whether the session still lives, its own deadline says: etcd#11456.)"""

    def __init__(self, place: bytes) -> None:
        self._place = place
        self._ahead: dict[bytes, int] = {}
        """Until which revision each may be gone and come again behind us: the one that created it."""
        self._gone: dict[bytes, int] = {}
        """While it is asked who is ahead."""
        self._in_doubt = False
        self._fault: Exception | None = None
        self._news = asyncio.Event()

    async def comes(self, ahead: Mapping[bytes, int]) -> bool:
        """Return once all these places are gone, those as well that went while the question for them was under way;
        they are given with the revisions that created them. False: it has to be asked anew. Raises what ended the
        wait."""
        self._ahead = {place: created for place, created in ahead.items() if self._gone.get(place, 0) <= created}
        self._gone.clear()
        while self._ahead and self._fault is None and not self._in_doubt:
            self._news.clear()
            await self._news.wait()
        sure, self._in_doubt = not self._in_doubt, False
        self._ahead.clear()
        if self._fault is not None:
            raise self._fault
        return sure

    def gone(self, place: bytes, revision: int) -> None:
        if place == self._place:
            self.look_again()
        elif not self._ahead:
            self._gone[place] = revision
        elif self._ahead.get(place, revision) < revision:
            del self._ahead[place]
            if not self._ahead:
                self._news.set()

    def fail(self, fault: Exception) -> None:
        self._fault = fault
        self._news.set()

    def look_again(self) -> None:
        """Learn that somebody may be gone of whom nothing was told, or that the own place is."""
        self._in_doubt = True
        self._news.set()


class Turns(Ear):
    """All who wait in this process."""

    deletions_alone = True
    bears_gaps = True

    def __init__(self, layout: Layout, gone: Gone) -> None:
        self._layout = layout
        self._gone = gone
        self._by_queue: defaultdict[bytes, set[Turn]] = defaultdict(set)

    @contextmanager
    def turn(self, place: bytes) -> Iterator[Turn]:
        """A place to wait at, for the block. What is gone before the watch is up is not told."""
        turn, queue = Turn(place), self._layout.queue_of(place)
        self._by_queue[queue].add(turn)
        try:
            yield turn
        finally:
            self._by_queue[queue].discard(turn)
            if not self._by_queue[queue]:
                del self._by_queue[queue]

    def hear(self, events: Sequence[Happening]) -> None:
        for event in events:
            if event.kv.key.startswith(self._layout.claims):
                for turn in self._by_queue.get(self._layout.queue_of(event.kv.key), ()):
                    turn.gone(event.kv.key, event.kv.mod_revision)
        if events:
            self._gone(frozenset(event.kv.key for event in events))

    def missed(self) -> None:
        """Everybody looks how he stands; what became of grants is learnt with the next renewal."""
        for turn in self._all():
            turn.look_again()

    def cut_off(self, fault: CoordinationUnavailable) -> None:
        for turn in self._all():
            turn.fail(fault)

    def _all(self) -> Iterator[Turn]:
        return (turn for turns in self._by_queue.values() for turn in turns)
