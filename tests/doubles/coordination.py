"""Coordination without a backend: what a test arranges stands there, changes are told at once, and the line to it can
be cut and mended. It keeps the façade's promises: revisions rise, a grant is ended only by its own token, what is not
there is `NothingFound`, and while it is down everything but `standing` raises `CoordinationUnavailable`.

Tests arrange from their own thread, the console asks on the engine's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec.structs import replace

from engine.clock import Clock
from engine.coordination.clocks.timing import ClockStanding, PeerSkew
from engine.coordination.overview import BackendStanding, LeaderStanding, Term
from engine.coordination.promises import Feature, Promises
from engine.coordination.standing import (
    Change,
    ClaimStanding,
    Ending,
    Holder,
    Kind,
    PastHolder,
    SessionId,
    SessionStanding,
    Token,
    Waiter,
    Who,
)
from engine.coordination.stream import START, Message, Offset
from engine.notices import Notice, Notices
from tests.doubles.coordination_keys import ScriptedKeyspace
from tests.doubles.coordination_wire import FAULT, OWN, TTL, Wire, who
from tests.doubles.coordination_work import ScriptedCron, ScriptedTasks


@dataclass
class ScriptedTime:
    """What is known of the time."""

    wire: Wire
    known: ClockStanding = field(
        default_factory=lambda: ClockStanding(
            offset=None, error=None, synchronised=False, said="This clock has not been compared with anything yet."
        )
    )
    measured: list[ClockStanding] = field(default_factory=list)
    """What the next measurements come to."""

    def standing(self) -> ClockStanding:
        return self.known

    async def measure(self) -> ClockStanding:
        self.wire.asked.append(("measure",))
        if self.measured:
            self.known = self.measured.pop(0)
        return self.known


@dataclass
class ScriptedStream:
    """One stream's messages."""

    messages: Sequence[Message] = ()
    followers: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = field(default_factory=list)

    def append(self, *messages: Message) -> None:
        """Let messages come."""
        self.messages = [*self.messages, *messages]
        for loop, grown in self.followers:
            loop.call_soon_threadsafe(grown.set)

    async def read(self, after: Offset = START, *, limit: int = 1_000) -> Sequence[Message]:
        return [message for message in self.messages if message.offset > after][:limit]

    async def follow(self, after: Offset = START) -> AsyncGenerator[Message, None]:
        follower = asyncio.get_running_loop(), asyncio.Event()
        self.followers.append(follower)
        try:
            while True:
                follower[1].clear()
                for message in await self.read(after):
                    after = message.offset
                    yield message
                await follower[1].wait()
        finally:
            self.followers.remove(follower)


@dataclass
class ScriptedElection:
    """One group, as far as who leads it is asked."""

    of: ScriptedCoordination
    group: str

    async def leader(self) -> Holder | None:
        self.of.wire.ask("leader", self.group, needs=Feature.ELECTION)
        return self.of.groups[self.group].claim.holder if self.group in self.of.groups else None


class ScriptedCoordination:
    """Locks and leaders in dictionaries; `lose` and `mend` are the line."""

    def __init__(self, clock: Clock, notices: Notices) -> None:
        self.wire = Wire(clock)
        self.clock = ScriptedTime(self.wire)
        self.keys = ScriptedKeyspace(self.wire)
        self.tasks = ScriptedTasks(self.wire)
        self.cron = ScriptedCron(self.wire)
        self.claims: dict[str, ClaimStanding] = {}
        self.groups: dict[str, LeaderStanding] = {}
        self.peers: Sequence[PeerSkew] = ()
        self.peers_answer = True
        self.kept_streams: dict[str, ScriptedStream] = {}
        self.notices = notices
        self._since = clock.now()
        self._tokens = 100

    # -- arranging --------------------------------------------------------------------------------------------------

    @property
    def asked(self) -> list[tuple[object, ...]]:
        """Everything that was asked, in order."""
        return self.wire.asked

    def hold(
        self, name: str, holder: Who, *waiting: Who, left: timedelta | None = TTL, ago: float = 30
    ) -> ClaimStanding:
        """Have a lock held, and others wait for it."""
        now = self.wire.clock.now()
        self._tokens += 1
        before = self.claims.get(name)
        claim = ClaimStanding(
            name=name,
            holder=Holder(
                session=OWN if holder.node == "desk" else SessionId(f"s-{holder.pid}"),
                who=holder, token=Token(self._tokens), since=now - timedelta(seconds=ago),
            ),
            ttl=TTL,
            left=left,
            waiters=tuple(
                Waiter(session=SessionId(f"s-{each.pid}"), who=each, since=now - timedelta(seconds=place))
                for place, each in enumerate(waiting, start=3)
            ),
            past=before.past if before is not None else (),
        )  # fmt: skip
        return self._claimed(claim)

    def free(self, name: str, ending: Ending = Ending.RELEASED) -> ClaimStanding:
        """End the hold of a lock; the first waiter has it then."""
        claim = self.claims[name]
        now = self.wire.clock.now()
        held = claim.holder
        assert held is not None
        past = PastHolder(who=held.who, token=held.token, since=held.since, until=now, ending=ending)
        holder = None
        if claim.waiters:
            self._tokens += 1
            first = claim.waiters[0]
            holder = Holder(session=first.session, who=first.who, token=Token(self._tokens), since=now)
        return self._claimed(
            replace(
                claim, holder=holder, waiters=claim.waiters[1:], past=(past, *claim.past),
                left=TTL if holder else None, ttl=TTL if holder else None,
            )
        )  # fmt: skip

    def lead(self, group: str, leader: Who | None, *candidates: Who, terms: Sequence[Term] = ()) -> LeaderStanding:
        """Have a group led by somebody, or by nobody."""
        now = self.wire.clock.now()
        self._tokens += 1
        session = OWN if leader is not None and leader.node == "desk" else SessionId(f"s-{leader.pid if leader else 0}")
        since = now - timedelta(hours=3)
        holder = Holder(session=session, who=leader, token=Token(self._tokens), since=since) if leader else None
        own = (Term(token=holder.token, who=holder.who, since=since),) if holder is not None else ()
        waiters = tuple(Waiter(session=SessionId(f"s-{each.pid}"), who=each, since=now) for each in candidates)
        claim = ClaimStanding(
            name=group, holder=holder, waiters=waiters, ttl=TTL if holder else None, left=TTL if holder else None
        )
        self.groups[group] = LeaderStanding(group=group, claim=claim, terms=(*own, *terms))
        self.wire.tell(Kind.CLAIM, f"election/{group}")
        return self.groups[group]

    def lose(self) -> None:
        """Cut the line: the engine notices, and says so."""
        self.wire.up = False
        self._since = self.wire.clock.now()
        self._publish(Notice(topic="coordination.down", detail=FAULT))

    def mend(self) -> None:
        """Mend the line: the engine notices, says so, and follows again."""
        self.wire.up = True
        self._since = self.wire.clock.now()
        self._publish(Notice(topic="coordination.up"))
        self.wire.tell(Kind.SYNCED)

    def _publish(self, notice: Notice) -> None:
        """Publish it where the engine does: on its own loop, once somebody follows there."""
        for loop, _ in self.wire.followers[:1]:
            loop.call_soon_threadsafe(self.notices.publish, notice)

    def _claimed(self, claim: ClaimStanding) -> ClaimStanding:
        self.claims[claim.name] = claim
        self.wire.tell(Kind.CLAIM, f"lock/{claim.name}")
        return claim

    # -- the façade -------------------------------------------------------------------------------------------------

    @property
    def promises(self) -> Promises:
        return self.wire.promises

    async def standing(self) -> BackendStanding:
        own = SessionStanding(
            id=OWN, who=who(purpose="console"), ttl=TTL, since=datetime(2026, 3, 2, tzinfo=self._since.tzinfo)
        )
        up = self.wire.up
        return BackendStanding(
            promises=self.promises,
            reachable=up,
            since=self._since,
            fault="" if up else FAULT,
            latency=timedelta(microseconds=340) if up else None,
            sessions=(own,) if up else (),
            own=frozenset({OWN}),
        )

    async def locks(self, prefix: str = "") -> Sequence[ClaimStanding]:
        self.wire.ask("locks", prefix, needs=Feature.LOCK)
        return [self.claims[name] for name in sorted(self.claims) if name.startswith(prefix)]

    async def force_release(self, name: str, token: Token, *, reason: str) -> bool:
        self.wire.ask("force_release", name, token, reason)
        holder = self.claims[name].holder if name in self.claims else None
        if holder is None or holder.token != token:
            return False
        self.free(name, Ending.REVOKED)
        return True

    async def leaders(self) -> Sequence[LeaderStanding]:
        self.wire.ask("leaders", needs=Feature.ELECTION)
        return [self.groups[name] for name in sorted(self.groups)]

    def election(self, group: str) -> ScriptedElection:
        return ScriptedElection(self, group)

    async def resign(self, group: str, token: Token, *, reason: str) -> bool:
        self.wire.ask("resign", group, token, reason)
        holder = self.groups[group].claim.holder
        if holder is None or holder.token != token:
            return False
        waiting = [waiter.who for waiter in self.groups[group].claim.waiters]
        ended = Term(
            token=token, who=holder.who, since=holder.since, until=self.wire.clock.now(), ending=Ending.REVOKED
        )
        self.lead(group, waiting[0] if waiting else None, *waiting[1:], terms=(ended,))
        return True

    async def skews(self) -> Sequence[PeerSkew]:
        if not self.peers_answer:
            await asyncio.Event().wait()
        return self.peers

    async def streams(self) -> Sequence[tuple[str, Offset, int]]:
        self.wire.ask("streams", needs=Feature.STREAM)
        return [
            (name, stream.messages[-1].offset if stream.messages else START, len(stream.messages))
            for name, stream in sorted(self.kept_streams.items())
        ]

    def stream(self, name: str) -> ScriptedStream:
        return self.kept_streams[name]

    async def changes(self, *prefixes: str, sessions: bool = False) -> AsyncGenerator[Change, None]:
        queue: asyncio.Queue[Change] = asyncio.Queue()
        follower = asyncio.get_running_loop(), queue
        self.wire.followers.append(follower)
        try:
            if self.wire.up:
                yield Change(kind=Kind.SYNCED)
            while True:
                change = await queue.get()
                if (
                    change.kind is Kind.SYNCED
                    or (change.kind is Kind.SESSION and sessions)
                    or change.name.startswith(prefixes)
                ):
                    yield change
        finally:
            self.wire.followers.remove(follower)
