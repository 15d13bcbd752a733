"""The one line on which etcd tells what happens in the namespace: it serves followers, waiters and holders alike."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from adapters.coordination.chores import Chores
from adapters.coordination.etcd.calls import EtcdCalls
from adapters.coordination.etcd.layout import Layout
from adapters.coordination.etcd.wire import Happening, KeyValue, Told
from adapters.coordination.mailboxes import Mailbox, Mailboxes
from engine.coordination.standing import Change, Entry, Kind, Revision
from engine.errors import CoordinationError, CoordinationUnavailable

SILENCE = 3
"""Time-outs without a word after which etcd is asked anew, from where it stopped: a line that died without a sign, on
which nothing happens, looks like one on which nothing happens."""

Gone = Callable[[frozenset[bytes]], None]
"""Told which keys disappeared in one step."""


class Turn:
    """A claim that waits: it is its turn when all places ahead of it are gone."""

    def __init__(self) -> None:
        self._ahead: set[bytes] = set()
        self._gone: set[bytes] = set()
        """While it is asked who is ahead."""
        self._fault: Exception | None = None
        self._news = asyncio.Event()

    async def comes(self, ahead: Sequence[bytes]) -> None:
        """Return once all these are gone, those as well that went while the question for them was under way. Raises
        what ended the wait."""
        self._ahead = set(ahead) - self._gone
        self._gone.clear()
        while self._ahead and self._fault is None:
            self._news.clear()
            await self._news.wait()
        if self._fault is not None:
            raise self._fault

    def gone(self, place: bytes) -> None:
        if not self._ahead:
            self._gone.add(place)
            return
        self._ahead.discard(place)
        if not self._ahead:
            self._news.set()

    def fail(self, fault: Exception) -> None:
        self._fault = fault
        self._news.set()


class EtcdWatch:
    """Runs from the first need for it until it breaks; then everybody who counted on it is told, and the next need
    begins it anew."""

    def __init__(self, calls: EtcdCalls, layout: Layout, chores: Chores, gone: Gone) -> None:
        self._calls = calls
        self._layout = layout
        self._chores = chores
        self._up: asyncio.Future[None] | None = None
        self._mailboxes = Mailboxes()
        self._turns: defaultdict[bytes, set[Turn]] = defaultdict(set)
        self._gone = gone

    @property
    def listening(self) -> bool:
        """Whether everything that happens now will be told."""
        return self._up is not None and self._up.done()

    def start(self) -> None:
        """Listen soon, unless that is so already."""
        if self._up is None:
            self._up = asyncio.get_running_loop().create_future()
            self._chores.begin(self._run(self._up))

    async def up(self) -> None:
        """Return once everything that happens from now on will be told. Raises `CoordinationUnavailable`."""
        self.start()
        if self._up is not None:
            await asyncio.shield(self._up)

    @contextmanager
    def mailbox(self) -> Iterator[Mailbox]:
        """All changes from now on."""
        with self._mailboxes.opened() as box:
            yield box

    @contextmanager
    def turn(self, queue: bytes) -> Iterator[Turn]:
        """A place to wait in a queue, for the block. What is gone before the watch is up is not told."""
        turn = Turn()
        self._turns[queue].add(turn)
        try:
            yield turn
        finally:
            self._turns[queue].discard(turn)
            if not self._turns[queue]:
                del self._turns[queue]

    async def _run(self, up: asyncio.Future[None]) -> None:
        revision = 0
        try:
            while True:
                revision = await self._listen(revision, up)
        except CoordinationUnavailable as error:
            self._broke(up, error)
        except CoordinationError as error:
            self._broke(up, CoordinationUnavailable(str(error)))
        except asyncio.CancelledError:
            self._broke(up, CoordinationUnavailable("The connection to etcd was closed."))
            raise

    def _broke(self, up: asyncio.Future[None], fault: CoordinationUnavailable) -> None:
        self._up = None
        if not up.done():
            up.set_exception(fault)
            up.exception()  # whoever asked may have left
        self._mailboxes.fail(fault)
        for turns in self._turns.values():
            for turn in turns:
                turn.fail(fault)

    async def _listen(self, revision: int, up: asyncio.Future[None]) -> int:
        """Take in what is told, from a revision on, until silence falls; return the revision to go on from."""
        begun = False
        async with self._calls.watch(self._layout.all, revision) as messages:
            while True:
                try:
                    async with asyncio.timeout(self._calls.timeout * (SILENCE if begun else 1)):
                        told = await anext(messages)
                except TimeoutError as error:
                    if begun:
                        return revision
                    raise CoordinationUnavailable("etcd did not begin in time to tell what changes.") from error
                self._refuse_end(told)
                begun = True
                revision = self._next(told, revision)
                if not up.done():
                    up.set_result(None)
                self._take_in(told.events)

    def _refuse_end(self, told: Told) -> None:
        if told.compact_revision:
            raise CoordinationUnavailable(
                f"etcd has dropped the history before revision {told.compact_revision} (compaction), and what changed "
                "meanwhile with it."
            )
        if told.canceled:
            raise CoordinationUnavailable(f"etcd ended the watch ({told.cancel_reason or 'it gave no reason'}).")

    @staticmethod
    def _next(told: Told, revision: int) -> int:
        """The answer to a request for an old revision says how far etcd is, not how far it has told."""
        if told.events:
            return max(event.kv.mod_revision for event in told.events) + 1
        return revision or told.header.revision + 1

    def _take_in(self, events: Sequence[Happening]) -> None:
        gone = frozenset(event.kv.key for event in events if event.type == "DELETE")
        for event in events:
            self._tell(event.kv, deleted=event.type == "DELETE")
        if gone:
            self._gone(gone)

    def _tell(self, found: KeyValue, *, deleted: bool) -> None:
        layout, key = self._layout, found.key
        if key.startswith(layout.keys):
            name = layout.key_of(key)
            entry = Entry(key=name, value=found.value, revision=Revision(found.mod_revision))
            self._mailboxes.tell(Change(kind=Kind.KEY, name=name, entry=None if deleted else entry))
        elif key.startswith(layout.sessions):
            self._mailboxes.tell(Change(kind=Kind.SESSION, name=layout.session_of(key)))
        elif key.startswith(layout.claims):
            self._mailboxes.tell(Change(kind=Kind.CLAIM, name=layout.name_of(key)))
            if deleted:
                for turn in self._turns.get(layout.queue_of(key), ()):
                    turn.gone(key)
