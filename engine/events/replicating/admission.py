"""Whether to take what a peer sent. Pure: the store looks things up and keeps the outcome, nothing is decided there.

Two kinds of no. What no honest peer sends (wrong shapes, sizes, a context from its own event's future) raises
`ReplicationRefused`: nothing of the batch may be stored. What is wrong with *one* origin's history (a gap, another
chain, a clock ahead, a missing cause) leaves out the rest of that origin with a `Refusal`, and whatever depends on it;
the other origins go on.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Protocol

import msgspec

from engine.events.chain import BEFORE_FIRST, hashed, header, link
from engine.events.event import Dot, Origin
from engine.events.replicating.messages import Batch, Item, Refusal, Skip, Span
from engine.events.replicating.refilling import Gap, Refill
from engine.events.replicating.shapes import check_batch, check_item, check_skip

__all__ = ["Admission", "AdmissionLimits", "Gap", "Known", "Standing", "admit"]


class Standing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The newest of an origin that is here, left out or not. `hlc` is that of the newest event that is really here."""

    seq: int = 0
    chain: bytes = BEFORE_FIRST
    hlc: int = 0


class AdmissionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What is taken at most in one batch, and how far a clock may be ahead."""

    items: int = 10_000
    bytes: int = 20 * 1024 * 1024
    clock_ahead_ms: int = 60_000


class Known(Protocol):
    """What the store knows, read in the transaction that will store the outcome. Asked for well-formed dots only."""

    @property
    @abstractmethod
    def origin(self) -> Origin:
        """The origin that this node writes under now."""

    @abstractmethod
    def standing(self, origin: Origin) -> Standing | None:
        """Return how far an origin is known, None when it never was. Asked once for each origin of a batch and of the
        contexts in it."""

    @abstractmethod
    def chain(self, dot: Dot) -> bytes:
        """Return the chain at a dot: of the event, or of the gap that ends there; empty where neither is."""

    @abstractmethod
    def gap(self, dot: Dot) -> Gap | None:
        """Return the gap (events left out by a filter or compaction) that a dot lies in."""


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """What to store: delete the gaps `closed`, then keep `taken` in this order, a `Skip` as a gap."""

    taken: tuple[Item | Skip, ...] = ()
    closed: tuple[Span, ...] = ()
    """Gaps that were here, whole; what is left of them stands as `Skip` in `taken`."""
    heads: Mapping[Origin, Standing] = {}
    """The new standing of each origin that grew."""
    events: int = 0
    """How many of `taken` are events."""
    refusals: tuple[Refusal, ...] = ()


def admit(batch: Batch, known: Known, now_ms: int, limits: AdmissionLimits) -> Admission:
    """Return what of a batch is taken; raise `ReplicationRefused` for one that no honest peer sends."""
    check_batch(batch, limits.items, limits.bytes)
    admitting = _Admitting(known, now_ms, limits.clock_ahead_ms)
    for item in batch.items:
        if isinstance(item, Item):
            admitting.event(item, check_item(item))
        else:
            check_skip(item)
            admitting.skip(item)
    return admitting.outcome()


class _Run:
    """Where an origin stands while the batch is gone through."""

    __slots__ = ("chain", "hlc", "refill", "seq", "stopped")

    def __init__(self, standing: Standing) -> None:
        self.seq, self.chain, self.hlc = standing.seq, standing.chain, standing.hlc
        self.stopped = False
        self.refill: Refill | None = None


class _Admitting:
    def __init__(self, known: Known, now_ms: int, ahead_ms: int) -> None:
        self._known = known
        self._own = known.origin
        self._now_ms = now_ms
        self._latest = (now_ms + ahead_ms + 1 << 16) - 1
        self._runs: dict[Origin, _Run] = {}
        self._grown: set[Origin] = set()
        self._taken: list[Item | Skip] = []
        self._events = 0
        self._refills: list[Refill] = []
        self._refusals: list[Refusal] = []

    def _run(self, origin: Origin) -> _Run:
        run = self._runs.get(origin)
        if run is None:
            run = self._runs[origin] = _Run(self._known.standing(origin) or Standing())
        return run

    def event(self, item: Item, context: Mapping[Origin, int]) -> None:
        """Take an event, pass it over, or stop its origin."""
        origin, seq = item.origin, item.seq
        run = self._runs.get(origin) or self._run(origin)
        if run.stopped:
            return
        if seq <= run.seq:
            self._known_event(item, run)
            return
        if not self._follows(origin, seq, run):
            return
        if item.hlc > self._latest:
            self._refuse_clock(item, run)
            return
        if item.hlc <= run.hlc:
            self._stop(run, origin, seq, "malformed", f"{origin} gave its event {seq} no later a time than the one "
                       "before, which no Syncdeck node does. Ask who runs that node to verify its log.")  # fmt: skip
            return
        for cause, needed in context.items():
            if needed > (self._runs.get(cause) or self._run(cause)).seq:
                self._stop(run, origin, seq, "cause_missing", f"Event {seq} of {origin} builds on {cause}#{needed}, "
                           "which is not here. It waits, and comes with a later sync once that is here.")  # fmt: skip
                return
        if linked(run.chain, item) != item.chain:
            self._stop(run, origin, seq, "chain_broken", f"Event {seq} of {origin} does not continue the history that "
                       "is here: one of the two was changed, or the origin forked. Run syncdeck events verify here "
                       "and there, then syncdeck peers compare.")  # fmt: skip
            return
        run.seq, run.chain, run.hlc = seq, item.chain, item.hlc
        self._grown.add(origin)
        self._taken.append(item)
        self._events += 1

    def skip(self, skip: Skip) -> None:
        """Take note of events that are left out, pass over what is known, or stop the origin."""
        run = self._run(skip.origin)
        if run.stopped:
            return
        if skip.last <= run.seq:
            if not self._refilled(run, skip):
                self._compare(run, Dot(skip.origin, skip.last), skip.chain)
        elif self._follows(skip.origin, skip.first, run):
            self._taken.append(Skip(skip.origin, run.seq + 1, skip.last, skip.chain))
            run.seq, run.chain = skip.last, skip.chain
            self._grown.add(skip.origin)

    def outcome(self) -> Admission:
        """Return what was decided."""
        grown: dict[Origin, Standing] = {}
        for origin in self._grown:
            run = self._runs[origin]
            grown[origin] = Standing(run.seq, run.chain, run.hlc)
        refills = [refill for refill in self._refills if refill.worthwhile]
        filled = [each for refill in refills for each in refill.outcome()]
        return Admission(
            taken=(*self._taken, *filled),
            closed=tuple(refill.span for refill in refills),
            heads=grown,
            events=self._events + sum(type(each) is Item for each in filled),
            refusals=tuple(self._refusals),
        )

    def _known_event(self, item: Item, run: _Run) -> None:
        """Fill a gap with an event of an origin that is known farther, or see that it is here already."""
        if not self._refilled(run, item):
            self._compare(run, Dot(item.origin, item.seq), item.chain)

    def _refilled(self, run: _Run, part: Item | Skip) -> bool:
        """Tell whether this goes into a gap; a gap is filled from its beginning on, link by link."""
        origin, first = part.origin, part.seq if isinstance(part, Item) else part.first
        refill = run.refill
        if refill is None or not refill.goes_on_with(part):
            gap = self._known.gap(Dot(origin, first))
            if gap is None or gap.first != first or any(other.gap is gap for other in self._refills):
                return False
            refill = run.refill = Refill(origin, gap)
            if not refill.goes_on_with(part):
                run.refill = None
                return False
            self._refills.append(refill)
        if isinstance(part, Item) and part.hlc > self._latest:
            self._refuse_clock(part, run)
        elif fault := refill.take(part, linked(refill.chain, part) if isinstance(part, Item) else part.chain):
            self._stop(run, origin, first, fault, f"What was left out of {origin} before does not fit the history that "
                       f"is here at {first}: it was changed on its way, or {origin} has two histories, as after a "
                       "restored backup. It stays left out. Run syncdeck events verify here and there.")  # fmt: skip
        return True

    def _compare(self, run: _Run, dot: Dot, chain: bytes) -> None:
        """Stop an origin that has another history here than there."""
        here = self._known.chain(dot)
        if here and here != chain:
            self._stop(run, dot.origin, dot.seq, "fork", f"{dot.origin} has two histories: another event {dot.seq} is "
                       "here than there, as after a restored backup or a copied state file. Its events are left out; "
                       "syncdeck peers compare shows where they part.")  # fmt: skip

    def _follows(self, origin: Origin, first: int, run: _Run) -> bool:
        """Tell whether the origin's run goes on here; stop it otherwise."""
        if origin == self._own:
            self._stop(run, origin, first, "fork", f"The peer has event {first} of {origin}, under which this node "
                       "writes, and this node never wrote it: its state was restored from a backup or copied. "
                       f"syncdeck peers sync gives this node a new origin first.")  # fmt: skip
        elif first > run.seq + 1:
            self._stop(run, origin, first, "gap", f"Events {run.seq + 1} to {first - 1} of {origin} are missing in "
                       "between. The next sync asks for them.")  # fmt: skip
        else:
            return True
        return False

    def _refuse_clock(self, item: Item, run: _Run) -> None:
        ahead = (item.hlc >> 16) - self._now_ms
        self._stop(run, item.origin, item.seq, "clock_ahead", f"Event {item.seq} of {item.origin} is stamped "
                   f"{ahead / 1000:,.0f} s ahead of this node's clock. It waits until it is its time, and comes by "
                   "itself then. Set the clock of that node right, or this one's.")  # fmt: skip

    def _stop(self, run: _Run, origin: Origin, seq: int, kind: str, sentence: str) -> None:
        run.stopped = True
        self._refusals.append(Refusal(origin=origin, seq=seq, kind=kind, sentence=sentence))


def linked(previous: bytes, item: Item) -> bytes:
    """Return the chain that an item must have after the one before, over the texts as they came."""
    hashes = item.hashes or hashed(item.data.encode()) + hashed(item.metadata.encode())
    known = msgspec.Raw(item.context.encode())
    return link(previous, hashes, header(item.id, item.type, item.aggregate, (item.origin, item.seq), known, item.hlc))
