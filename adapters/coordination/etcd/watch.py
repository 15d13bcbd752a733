"""A line on which etcd tells what happens in the namespace."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from adapters.coordination.chores import Chores
from adapters.coordination.etcd.calls import EtcdCalls
from adapters.coordination.etcd.wire import Happening, Told
from engine.errors import CoordinationError, CoordinationUnavailable

SILENCE = 3
"""Time-outs without a word after which etcd is asked anew, from where it stopped: a line that died without a sign, on
which nothing happens, looks like one on which nothing happens."""


class Ear(Protocol):
    """Whom a watch tells."""

    deletions_alone: bool
    """Whether nothing else is of interest here."""
    bears_gaps: bool
    """Whether it can go on after something was not told: it is said so, once everything is told again."""

    @abstractmethod
    def hear(self, events: Sequence[Happening]) -> None:
        """Learn what happened, in order."""

    @abstractmethod
    def missed(self) -> None:
        """Learn that something may have happened until now that nobody can tell any more."""

    @abstractmethod
    def cut_off(self, fault: CoordinationUnavailable) -> None:
        """Learn that nothing more is told."""


class EtcdWatch:
    """Runs from the first need for it until it breaks, or is stopped; the next need begins it anew."""

    def __init__(self, calls: EtcdCalls, prefix: bytes, chores: Chores, ear: Ear) -> None:
        self._calls = calls
        self._prefix = prefix
        self._chores = chores
        self._ear = ear
        self._up: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def listening(self) -> bool:
        """Whether everything that happens now will be told."""
        return self._up is not None and self._up.done()

    def start(self) -> None:
        """Listen soon, unless that is so already."""
        if self._up is None:
            self._up = asyncio.get_running_loop().create_future()
            self._task = self._chores.begin(self._run(self._up))

    def stop(self) -> None:
        """Listen no longer."""
        if self._task is not None:
            self._task.cancel()
        self._up = self._task = None

    async def up(self) -> None:
        """Return once everything that happens from now on will be told. Raises `CoordinationUnavailable`."""
        self.start()
        if self._up is not None:
            await asyncio.shield(self._up)

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
        if not up.done():
            up.set_exception(fault)
            up.exception()  # whoever asked may have left
        if self._up is up:
            self._up = self._task = None
            self._ear.cut_off(fault)

    async def _listen(self, revision: int, up: asyncio.Future[None]) -> int:
        """Take in what is told, from a revision on, until silence falls; return the revision to go on from."""
        begun = False
        async with self._calls.watch(self._prefix, revision, deletions_alone=self._ear.deletions_alone) as messages:
            while True:
                try:
                    async with asyncio.timeout(self._calls.timeout * (SILENCE if begun else 1)):
                        told = await anext(messages)
                except TimeoutError as error:
                    if begun:
                        return revision
                    raise CoordinationUnavailable("etcd did not begin in time to tell what changes.") from error
                if told.compact_revision and self._ear.bears_gaps:
                    return 0
                self._refuse_end(told)
                anew = up.done() and not revision
                begun = True
                revision = self._next(told, revision)
                if not up.done():
                    up.set_result(None)
                if anew:
                    self._ear.missed()
                self._ear.hear(told.events)

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
