"""Who of several processes does what only one may do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from datetime import timedelta

from engine.coordination.feed import Feed
from engine.coordination.holding.claiming import Wanted
from engine.coordination.holding.history import Chronicle, standing_of
from engine.coordination.holding.keeper import Keeper
from engine.coordination.holding.lease import Leadership
from engine.coordination.holding.lock import Holding
from engine.coordination.line import Line
from engine.coordination.means import Means
from engine.coordination.naming import ELECTION
from engine.coordination.overview import Term
from engine.coordination.promises import Feature
from engine.coordination.standing import Holder, Kind
from engine.errors import CoordinationUnavailable

ASKING_AGAIN = timedelta(milliseconds=500)
"""Before an observer asks again that heard of a change and could not look."""


class Election:
    """The election of one group. Candidates lead in the order in which they came."""

    def __init__(self, group: str, line: Line, sessions: Keeper, feed: Feed, means: Means) -> None:
        self._group = group
        self._line = line
        self._sessions = sessions
        self._feed = feed
        self._means = means
        self._chronicle = Chronicle(group, line, means)

    def lead(
        self,
        value: str = "",
        *,
        ttl: timedelta | None = None,
        wait: timedelta | None = None,
        cancel_on_loss: bool = True,
    ) -> AbstractAsyncContextManager[Leadership]:
        """Lead for the time of a block, as soon as one's turn comes; `value` is what everybody sees of the leader.

        As `Coordination.lock` in everything else: leaving the block resigns, losing the leadership cancels it.
        """
        self._line.promises.require(Feature.ELECTION)
        wanted = Wanted(name=self._group, prefix=ELECTION, value=value.encode(), ttl=ttl, wait=wait)
        return self._lead(
            Holding(self._sessions, self._means, wanted, Leadership, cancel_on_loss=cancel_on_loss), value
        )

    async def leader(self) -> Holder | None:
        """Return who leads now; None if nobody does."""
        self._line.promises.require(Feature.ELECTION)
        return (await standing_of(self._line, self._group)).holder

    async def observe(self) -> AsyncIterator[Holder | None]:
        """Give who leads now, then each change; None while nobody does. Never ends by itself; of several quick changes
        only the last need be told, and nothing while the backend is gone."""
        self._line.promises.require(Feature.ELECTION)
        seen: Holder | None = None
        told = False
        async with aclosing(self._feed.changes(ELECTION + self._group)) as changes:
            async for change in changes:
                if change.kind is Kind.SYNCED or change.name == ELECTION + self._group:
                    leader = await self._leader_when_reached()
                    if not told or leader != seen:
                        seen, told = leader, True
                        yield leader

    async def terms(self) -> Sequence[Term]:
        """Return the last leaders' times, newest first."""
        self._line.promises.require(Feature.ELECTION)
        return await self._chronicle.terms()

    @asynccontextmanager
    async def _lead(self, holding: Holding[Leadership], value: str) -> AsyncIterator[Leadership]:
        async with holding as leadership:
            await self._chronicle.begun(leadership, value)
            try:
                yield leadership
            finally:
                await self._chronicle.ended(leadership)

    async def _leader_when_reached(self) -> Holder | None:
        while True:
            try:
                return await self.leader()
            except CoordinationUnavailable:
                await self._means.clock.sleep(ASKING_AGAIN)
