"""The arithmetic of rounds: what to ask for next, whether a round brought anything, who is left out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.events.event import Dot, Origin
from engine.events.replicating.messages import (
    Batch,
    Gaps,
    Head,
    Item,
    Limits,
    Pull,
    Receipt,
    Refusal,
    Selection,
    Skip,
    Span,
)
from engine.events.vector import LARGEST_SEQ, Vector, merge

PAGE_OF_GAPS = 1_000

ABOUT_PEERS = "peer:"
"""What the aggregates begin with in whose events a node records its syncs."""


class Rounds:
    """One way of an exchange: batch after batch from a giver to a taker, until nothing is left that can be given.

    Each round either takes something, leaves out another origin for the rest of the session, or is the last: it ends,
    whatever the two sides answer. Events that the giver writes meanwhile are left for the next session, so that a
    busy giver keeps nobody for ever.
    """

    def __init__(
        self, goal: Vector, taker: Vector, wanted: Selection, limits: Limits, *, before: Rounds | None = None
    ) -> None:
        """`goal` is what the giver knew at the greeting, `taker` what the taker did; counts go on from `before`."""
        self._goal = goal
        self.taker: Vector = dict(taker)
        """What the taker knows by now."""
        self._wanted = wanted
        self._limits = limits
        self._left_out: set[Origin] = set()
        self._spans: tuple[Span, ...] = ()
        self.refusals: list[Refusal] = []
        self.batches: int = before.batches if before else 0
        self.taken: int = before.taken if before else 0
        self.conflicts: int = before.conflicts if before else 0
        self.news: int = before.news if before else 0
        """Of those taken, how many tell of more than syncs themselves."""
        self.left_out: bool = before is not None and before.left_out
        """The giver left out something of what it was asked for."""

    def leave_out(self, origins: Iterable[Origin]) -> None:
        """Exchange nothing of these origins in this session."""
        self._left_out.update(origins)

    def fill(self, gaps: Gaps) -> None:
        """Ask for these spans, which the taker left out before."""
        self._spans = tuple(span for span in gaps.spans if span.origin not in self._left_out)

    def all_beyond(self) -> Pull:
        """Return what asks for whatever the taker lacks, with no goal known."""
        return self._pull(self.taker, ())

    def next(self, *, filling: bool = False) -> Pull | None:
        """Return what the taker asks for now; None: there is nothing more to ask."""
        if filling:
            return self._pull(self.taker, self._spans) if self._spans else None
        if any(seq > self.taker.get(origin, 0) for origin, seq in self._goal.items() if origin not in self._left_out):
            return self._pull(self.taker, ())
        return None

    def after(self, batch: Batch) -> Pull | None:
        """Return what comes next if all of this batch is taken; None: it is the last."""
        if self._spans:
            rest = remaining(self._spans, batch)
            return self._pull(self.taker, rest) if rest and batch.items else None
        return self._pull(merge(self.taker, _reached(batch)), ()) if batch.more else None

    def note(self, batch: Batch, receipt: Receipt) -> bool:
        """Take what a batch came to; tell whether another round is worth while."""
        self.batches += 1
        self.taken += receipt.taken
        self.conflicts += receipt.conflicts
        self.news += max(0, receipt.taken - sum(_tells_of_syncs(each) for each in batch.items))
        self.left_out = self.left_out or any(isinstance(each, Skip) for each in batch.items)
        self.refusals += receipt.refusals
        sent = {each.origin for each in batch.items}
        refused = {refusal.origin for refusal in receipt.refusals if refusal.origin in sent} - self._left_out
        self._left_out |= refused
        if self._spans:
            rest = remaining(self._spans, batch) if batch.items else ()
            self._spans = tuple(span for span in rest if span.origin not in self._left_out)
            return bool(self._spans)
        reached = _reached(batch)
        known = {origin: min(seq, receipt.vector.get(origin, 0)) for origin, seq in reached.items()}
        advanced = any(seq > self.taker.get(origin, 0) for origin, seq in known.items())
        self.taker = merge(self.taker, known)
        return batch.more and (advanced or bool(refused))

    def smaller(self, batch: Batch, sentence: str) -> bool:
        """Halve the limits, as a batch was too large. An event that is too large alone leaves out its origin.

        False: there is nothing smaller to ask for.
        """
        if len(batch.items) == 1:
            single = batch.items[0]
            if single.origin in self._left_out:
                return False
            self._left_out.add(single.origin)
            first = single.seq if isinstance(single, Item) else single.first
            self.refusals.append(Refusal(origin=single.origin, seq=first, kind="too_large", sentence=sentence))
            return True
        now = self._limits
        self._limits = Limits(items=max(1, (len(batch.items) or now.items) // 2), bytes=max(1, now.bytes // 2))
        return self._limits != now

    def _pull(self, taker: Vector, spans: tuple[Span, ...]) -> Pull:
        """Ask as if everything of those left out were known already: then nobody sends it."""
        vector = {**taker, **dict.fromkeys(self._left_out, LARGEST_SEQ)}
        return Pull(vector=vector, limits=self._limits, wanted=self._wanted, spans=spans)


def remaining(spans: tuple[Span, ...], batch: Batch) -> tuple[Span, ...]:
    """Return what a batch left unanswered of the spans that were asked; answers come in the order of the question."""
    if not (batch.more and batch.items):
        return ()
    origin, reached = _end(batch.items[-1])
    for index, span in enumerate(spans):
        if span.origin == origin and span.first <= reached <= span.last:
            cut = () if reached == span.last else (Span(origin, reached + 1, span.last),)
            return (*cut, *spans[index + 1 :])
    return ()


def next_page(gaps: Gaps) -> Dot | None:
    """Return from where to ask for more gaps; None when these were the last."""
    if len(gaps.spans) < PAGE_OF_GAPS:
        return None
    return Dot(gaps.spans[-1].origin, gaps.spans[-1].last)


def vector_of(heads: Mapping[Origin, Head]) -> dict[Origin, int]:
    """Return the vector of some heads."""
    return {origin: head.seq for origin, head in heads.items()}


def _reached(batch: Batch) -> dict[Origin, int]:
    """Return the newest seq of each origin in a batch."""
    reached: dict[Origin, int] = {}
    for item in batch.items:
        origin, seq = _end(item)
        if seq > reached.get(origin, 0):
            reached[origin] = seq
    return reached


def _end(item: Item | Skip) -> tuple[Origin, int]:
    return item.origin, item.last if isinstance(item, Skip) else item.seq


def _tells_of_syncs(part: Item | Skip) -> bool:
    return isinstance(part, Item) and part.aggregate.startswith(ABOUT_PEERS)
