"""This process's sessions: one for each ttl that something was asked with."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta

from engine.coordination.holding.session import OwnSession
from engine.coordination.line import Line, closed
from engine.coordination.means import Means
from engine.coordination.standing import SessionId
from engine.errors import CoordinationError, SyncdeckError
from engine.together import together


class Keeper:
    """Begins sessions, and keeps them until they are lost or this process ends."""

    def __init__(self, line: Line, means: Means) -> None:
        self.line = line
        self._means = means
        self._group: asyncio.TaskGroup | None = None
        self._by_ttl: dict[timedelta, OwnSession] = {}
        self._beginning: dict[timedelta, asyncio.Future[OwnSession]] = {}
        self._pid = os.getpid()

    @property
    def own(self) -> frozenset[SessionId]:
        """Return the living ones."""
        return frozenset(session.id for session in self._by_ttl.values() if session.held)

    def start(self, group: asyncio.TaskGroup) -> None:
        """Run in this group from now on."""
        self._group = group

    async def session(self, ttl: timedelta | None = None) -> OwnSession:
        """Return the living session with this ttl (None: the one of the settings), beginning it if there is none.

        Raises `NotSupported` for a ttl shorter than the backend grants, `CoordinationError` in a forked child.
        """
        found = self._by_ttl.get(self._means.ttl if ttl is None else ttl)
        if found is not None and found.held:
            return found
        return await self._begin(self._means.ttl if ttl is None else ttl)

    async def _begin(self, ttl: timedelta) -> OwnSession:
        if os.getpid() != self._pid:
            raise CoordinationError("A forked process holds nothing. Open the workspace again in the new process.")
        self._means.must_write()
        self.line.promises.require_ttl(ttl)
        if self._group is None:
            raise closed()
        beginning = self._beginning.get(ttl)
        if beginning is None:
            beginning = self._beginning[ttl] = asyncio.get_running_loop().create_future()
            self._group.create_task(self._live(ttl, beginning))
        return await asyncio.shield(beginning)

    async def _live(self, ttl: timedelta, begun: asyncio.Future[OwnSession]) -> None:
        """Begin a session and keep it. Whoever asked for it may leave: a session that nobody knows of would stay at the
        backend until it lapses there."""
        session = OwnSession(self.line, self._means, ttl)
        try:
            await session.begin()
        except SyncdeckError as error:
            begun.set_exception(error)
            begun.exception()  # whoever asked may have left
            return
        except asyncio.CancelledError:
            begun.cancel()
            raise
        finally:
            del self._beginning[ttl]
        if self._group is None:
            begun.cancel()
            await session.end()
        else:
            self._by_ttl[ttl] = session
            begun.set_result(session)
            try:
                await session.keep()
            finally:
                if self._by_ttl.get(ttl) is session:
                    del self._by_ttl[ttl]

    async def close(self) -> None:
        """End them all."""
        self._group = None
        async with together() as group:
            for session in self._by_ttl.values():
                group.create_task(session.end())
        self._by_ttl.clear()
