"""Drives a session over a connection and a replica: the one that waits, tries again, and works on two batches at once.

May be cancelled at any point: every call may be repeated, every batch is stored whole or not at all, and the next
session begins where this one stopped, because the receiver's vector is the only checkpoint.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from engine.clock import Clock
from engine.errors import (
    RemoteUnavailable,
    ReplicationRefused,
    StorageError,
    SyncdeckError,
)
from engine.events.event import Origin
from engine.events.replicating.messages import Batch, ChainQuestion, GapQuestion, Gaps, Receipt, Refusal
from engine.events.replicating.patience import Patience, Tries
from engine.events.replicating.ports import Remote, Replica
from engine.events.replicating.rounds import vector_of
from engine.events.replicating.session import Session, Terms
from engine.events.replicating.steps import (
    Fetch,
    Finish,
    Greet,
    ListGaps,
    Look,
    Offer,
    Reincarnate,
    Reincarnated,
    Seen,
    Send,
    Step,
    Stock,
    Store,
    TakeStock,
    TooLarge,
    Trace,
    Traced,
)
from engine.events.vector import merge
from engine.together import together

T = TypeVar("T")


class Exchanged(msgspec.Struct, frozen=True, kw_only=True):
    """What a session came to."""

    pulled: int = 0
    pushed: int = 0
    conflicts: int = 0
    batches: int = 0
    news: int = 0
    """Events moved that tell of more than syncs themselves."""
    attempts: int = 0
    """Calls, those that were tried again included."""
    refusals: tuple[Refusal, ...] = ()
    recovered: str = ""
    error: str = ""
    error_kind: str = ""
    node: str = ""
    """Who answered; empty: nobody."""
    origin: Origin = Origin("")
    vector: dict[Origin, int] = {}
    """What the peer knows now, as far as it said."""
    filled: str = ""
    """See `PeerMemory.filled`."""


class Exchange:
    """One session with one peer."""

    def __init__(
        self, remote: Remote, replica: Replica, *, clock: Clock, chance: Callable[[], float], patience: Patience
    ) -> None:
        """`chance` draws from [0, 1)."""
        self._remote = remote
        self._replica = replica
        self._clock = clock
        self._chance = chance
        self._tries = Tries(patience)
        self._attempts = 0
        self._ready: tuple[Step, Batch] | None = None
        """A step that was done ahead, and what it gave."""

    async def run(self, terms: Terms) -> Exchanged:
        """Carry out a session. What the peer, the network or the disk do ends it early, in words; nothing is raised."""
        session = Session(terms)
        try:
            step = session.begin()
            while not isinstance(step, Finish):
                step = session.answer(await self._done(step))
            error, kind = step.error, step.error_kind
        except SyncdeckError as failure:
            error, kind = str(failure), error_kind(failure)
        return self._outcome(session, error, kind)

    def _outcome(self, session: Session, error: str, kind: str) -> Exchanged:
        pulling, pushing, met = session.pulling, session.pushing, session.met
        return Exchanged(
            pulled=pulling.taken,
            pushed=pushing.taken,
            conflicts=pulling.conflicts,
            batches=pulling.batches + pushing.batches,
            news=pulling.news + pushing.news,
            attempts=self._attempts,
            refusals=(*pulling.refusals, *(_said(session.terms.peer, refusal) for refusal in pushing.refusals)),
            recovered=session.meeting.recovered,
            error=error,
            error_kind=kind,
            node=met.greeting.identity.node if met else "",
            origin=met.greeting.identity.origin if met else Origin(""),
            vector=merge(vector_of(met.greeting.heads), pushing.taker) if met else {},
            filled=session.filled,
        )

    async def _done(self, step: Step) -> object:
        """Do a step and return what comes back of it."""
        match step:
            case Look():
                return await self._look(step)
            case Greet():
                return await self._call(lambda: self._remote.greet(step.hello))
            case Trace():
                chains = tuple(await self._replica.chains(step.dots))
                answer = await self._call(lambda: self._remote.chains(ChainQuestion(dots=step.dots)))
                return Traced(chains, answer.chains)
            case Reincarnate():
                return Reincarnated(await self._replica.begin_incarnation(step.reason, step.keep))
            case ListGaps():
                return await self._gaps(step.question, here=step.here)
            case Fetch() | Offer():
                return await self._batch(step)
            case Store():
                return await self._with_ahead(self._replica.receive(step.batch), step.ahead)
            case Send():
                return await self._with_ahead(self._send(step.batch), step.ahead)
            case TakeStock():
                nothing_but_digest = GapQuestion(limit=0)
                here = await self._gaps(nothing_but_digest, here=True)
                return Stock(here.digest, (await self._gaps(nothing_but_digest, here=False)).digest)
            case Finish():
                return None

    async def _look(self, step: Look) -> Seen:
        identity, heads = await self._replica.identity(), await self._replica.heads()
        chains = await self._replica.chains(step.dots) if step.dots else ()
        gaps = await self._gaps(GapQuestion(limit=0), here=True)
        return Seen(identity=identity, heads=heads, chains=dict(zip(step.dots, chains, strict=True)), gaps=gaps.digest)

    async def _gaps(self, question: GapQuestion, *, here: bool) -> Gaps:
        if here:
            return await self._replica.gaps(question)
        return await self._call(lambda: self._remote.gaps(question))

    async def _batch(self, step: Fetch | Offer) -> Batch | TooLarge:
        ready, self._ready = self._ready, None
        if ready is not None and ready[0] == step:
            return ready[1]
        try:
            return await self._call(lambda: self._asked(step))
        except ReplicationRefused as refused:
            return _smaller(refused)

    async def _asked(self, step: Fetch | Offer) -> Batch:
        pull = step.pull
        if isinstance(step, Fetch):
            return await self._remote.pull(pull)
        if pull.spans:
            return await self._replica.refill(pull.spans, pull.limits, pull.wanted)
        return await self._replica.lacking(pull.vector, pull.limits, pull.wanted)

    async def _send(self, batch: Batch) -> Receipt | TooLarge:
        try:
            return await self._call(lambda: self._remote.push(batch))
        except ReplicationRefused as refused:
            return _smaller(refused)

    async def _with_ahead(self, work: Coroutine[Any, Any, T], ahead: Fetch | Offer | None) -> T:
        """Do some work, and meanwhile what probably comes next: the disk and the network need not wait in turn."""
        if ahead is None:
            return await work
        async with together() as group:
            group.create_task(self._prepare(ahead))
            working = group.create_task(work)
        return working.result()

    async def _prepare(self, ahead: Fetch | Offer) -> None:
        """Do a step ahead. When it fails, nothing is ready, and the step is done in its turn, with patience."""
        self._ready = None
        self._attempts += isinstance(ahead, Fetch)
        try:
            self._ready = (ahead, await self._asked(ahead))
        except SyncdeckError:
            return

    async def _call(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call, again and again while there is hope."""
        while True:
            self._attempts += 1
            try:
                answer = await call()
            except (RemoteUnavailable, ReplicationRefused) as failure:
                if isinstance(failure, ReplicationRefused) and failure.kind != "busy":
                    raise
                pause = self._tries.again(self._chance(), getattr(failure, "retry_after", None))
                if pause is None:
                    raise
                await self._clock.sleep(pause)
            else:
                self._tries.succeeded()
                return answer


def error_kind(failure: SyncdeckError) -> str:
    """Return the word for why a session ended early (`SyncResult.error_kind`)."""
    if isinstance(failure, RemoteUnavailable):
        return "unavailable"
    if isinstance(failure, StorageError):
        return "storage"
    if isinstance(failure, ReplicationRefused):
        return {"fork": "fork", "clone": "clone", "busy": "unavailable"}.get(failure.kind, "refused")
    return "refused"


def _said(peer: str, refusal: Refusal) -> Refusal:
    """Return what a peer refused, with the words marked as its own: "this node" is the peer there."""
    return msgspec.structs.replace(refusal, sentence=f"{peer} says: {refusal.sentence}")


def _smaller(refused: ReplicationRefused) -> TooLarge:
    if refused.kind != "too_large":
        raise refused
    return TooLarge(str(refused))
