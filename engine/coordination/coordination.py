"""Coordination as the rest of the program sees it. Nothing is connected before the first call that needs the
backend."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from engine.coordination.clocks.timekeeping import Timekeeping
from engine.coordination.duties import Duties
from engine.coordination.feed import Feed
from engine.coordination.ground import Ground
from engine.coordination.holding.claiming import Wanted
from engine.coordination.holding.election import Election
from engine.coordination.holding.history import leaders
from engine.coordination.holding.keeper import Keeper
from engine.coordination.holding.lease import Leadership, Lease
from engine.coordination.holding.lock import lock
from engine.coordination.keyspace import Keyspace
from engine.coordination.line import Line
from engine.coordination.means import Means
from engine.coordination.naming import ELECTION, LOCK
from engine.coordination.overview import BackendStanding, LeaderStanding
from engine.coordination.promises import Feature, Promises
from engine.coordination.scheduling.cron import Cron
from engine.coordination.scheduling.publishing import Publishing
from engine.coordination.standing import Change, ClaimStanding, SessionId, Token
from engine.coordination.stream import Offset
from engine.coordination.streaming import Stream, streams_of
from engine.coordination.working.tasks import Tasks
from engine.errors import CoordinationUnavailable, NothingFound
from engine.together import together

CRON = "cron"
"""The group whose leader fires schedules."""


class Coordination:
    """Locks, leaders, keys, tasks, schedules and streams of one namespace of one backend.

    Everything raises `CoordinationUnavailable` when the backend cannot be reached, and `NotSupported`, before anything
    is sent, for what it cannot do; what changes something raises `ReadOnly` on an engine opened to look only.
    """

    def __init__(self, means: Means, duties: Duties) -> None:
        self._means = means
        self.line = Line(means)
        self.sessions = Keeper(self.line, means)
        self.feed = Feed(self.line, means)
        self.skews = duties.skews
        self.clock = Timekeeping(means.clock, duties.host, duties.servers, tell=means.tell, every=duties.clock.every)
        self._ground = Ground(
            store=self.line,
            feed=self.feed,
            clock=means.clock,
            chance=duties.chance,
            record=means.record,
            redactor=duties.redactor,
            who=means.who,
            read_only=means.read_only,
        )
        self.keys = Keyspace(self._ground)
        self.tasks = Tasks(self._ground, self.sessions.session, duties.terms)
        publishing = Publishing(self._ground, self.sessions.session, duties.home, duties.plans)
        self.cron = Cron(self._ground, self.tasks, self._campaign, publishing, self.clock.next_step)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Coordination]:
        """Own whatever runs beside the callers until the block ends; then end all sessions, so that whoever waits for
        something this process holds is served at once."""
        async with together() as group:
            self.line.start(group)
            self.sessions.start(group)
            self.feed.start(group)
            try:
                yield self
            finally:
                await self.feed.close()
                await self.sessions.close()
                await self.line.close()

    @property
    def promises(self) -> Promises:
        """What the backend promises; with what was learnt while opening, once it is open."""
        return self.line.promises

    async def standing(self) -> BackendStanding:
        """Ask the backend for its sessions, and return how it stands; does not raise when it cannot be reached."""
        return replace(await self.line.standing(), own=self.sessions.own)

    def lock(
        self,
        name: str,
        *,
        ttl: timedelta | None = None,
        wait: timedelta | None = None,
        note: str = "",
        cancel_on_loss: bool = True,
    ) -> AbstractAsyncContextManager[Lease]:
        """Hold a lock for the time of a block: `async with coordination.lock("deploy") as lease:`.

        Waits in order for as long as `wait` says (None: for ever; zero: not at all); `ttl` is how long others wait at
        most after this process stopped answering. Not re-entrant: a second one of the same name waits for the first.
        When the lock is lost the block is cancelled, unless `cancel_on_loss` is false, and ends in `LeaseLost`; a block
        that ran to its end without the lock ends in it as well.

        Entering raises `Locked` (who holds it, and since when) after the wait, `CoordinationUnavailable`.
        """
        self.promises.require(Feature.LOCK)
        wanted = Wanted(name=name, prefix=LOCK, value=note.encode(), ttl=ttl, wait=wait)
        return lock(self.sessions, self._means, wanted, cancel_on_loss=cancel_on_loss)

    async def locks(self, prefix: str = "") -> Sequence[ClaimStanding]:
        """Return the locks that are held or waited for, by name, without the prefix under which they are kept."""
        self.promises.require(Feature.LOCK)
        return [replace(claim, name=claim.name.removeprefix(LOCK)) for claim in await self.line.claims(LOCK + prefix)]

    async def force_release(self, name: str, token: Token, *, reason: str) -> bool:
        """Take a lock away from the holder with this token, and from nobody else; audited. Returns False, and does
        nothing, when that hold is over. The holder is told, and its token is outdated from now on."""
        self.promises.require(Feature.LOCK)
        return await self._revoke(LOCK + name, token, "lock.revoked", f"coordination:lock/{name}", reason)

    async def end_session(self, session: SessionId, *, reason: str) -> None:
        """End a process's session: all it holds goes to the next in line, and it is told; audited. Raises
        `NothingFound` when there is none of that id."""
        self._means.must_write()
        found = next((each for each in await self.line.sessions() if each.id == session), None)
        if found is None:
            raise NothingFound(f"There is no session {session}; it may have ended by itself. List them again.")
        data = {"session": session, "actor": found.who.actor, "purpose": found.who.purpose, "reason": reason}
        async with self._audited("session.ended", f"node:{found.who.node}", data):
            await self.line.end(session)

    def election(self, group: str) -> Election:
        """Return the election of a group; nothing is asked yet."""
        return Election(group, self.line, self.sessions, self.feed, self._means)

    async def leaders(self) -> Sequence[LeaderStanding]:
        """Return every group that has, or had, a leader, by name."""
        self.promises.require(Feature.ELECTION)
        return await leaders(self.line)

    async def resign(self, group: str, token: Token, *, reason: str) -> bool:
        """Make the leadership with this token end, whoever has it; audited. The next candidate leads at once. Returns
        False, and does nothing, when it is over."""
        self.promises.require(Feature.ELECTION)
        aggregate = f"coordination:election/{group}"
        return await self._revoke(ELECTION + group, token, "election.resigned", aggregate, reason)

    def stream(self, name: str) -> Stream:
        """Return a stream; it begins with its first message."""
        return Stream(name, self._ground)

    async def streams(self) -> Sequence[tuple[str, Offset, int]]:
        """Return (name, last offset, messages held) of every stream, by name."""
        return await streams_of(self._ground).streams()

    def changes(self, *prefixes: str, sessions: bool = False) -> AsyncGenerator[Change, None]:
        """Follow changes of keys and claims whose names (with the prefixes of `naming.py`) begin so, and of sessions.

        Gives `SYNCED` each time the line is up, at once if it is: read again what matters. Never ends by itself, also
        when the backend is gone; a slow reader loses only what a later change of the same thing replaces.
        """
        return self.feed.changes(*prefixes, sessions=sessions)

    def _campaign(self) -> AbstractAsyncContextManager[Leadership]:
        return self.election(CRON).lead(f"{self._means.who.actor} pid {self._means.who.pid}")

    async def _revoke(self, name: str, token: Token, event: str, aggregate: str, reason: str) -> bool:
        self._means.must_write()
        holder = next((claim.holder for claim in await self.line.claims(name) if claim.name == name), None)
        if holder is None or holder.token != token:
            return False
        data = {"holder": f"{holder.who.actor} on {holder.who.node}", "token": token, "reason": reason}
        async with self._audited(event, aggregate, data) as done:
            if not await self.line.revoke(name, token):
                done.clear()
        return bool(done)

    @asynccontextmanager
    async def _audited(self, event: str, aggregate: str, data: Mapping[str, Any]) -> AsyncIterator[list[bool]]:
        """Record what the block did, also when nobody waited for the answer; not if the block clears the list."""
        done = [True]
        try:
            yield done
        except asyncio.CancelledError:
            await self._means.record(event, aggregate, {**data, "unconfirmed": "Whoever asked for it left too soon."})
            raise
        except CoordinationUnavailable as error:
            if error.maybe_done:
                await self._means.record(event, aggregate, {**data, "unconfirmed": str(error)})
            raise
        if done:
            await self._means.record(event, aggregate, data)
