"""The caller's side of a session, without I/O: what comes back goes in, the next step comes out.

    (HASTENING ─► KEEPING ─►)
    MEETING ─► for each leg:   (LISTING ─►)  FETCHING ◄─► STORING     pulling
                               (LISTING ─►)  OFFERING ◄─► SENDING     pushing
            ─► CLOSING ─► OVER

A leg goes one way: gaps are filled first (LISTING says which), then the rest is exchanged. `TABLE` is the whole of it:
which answer may come in which state, and who takes it.

Before the meeting a session may hasten: a caller that was just told that the peer has more pulls it at once, and greets
when it is stored. Pulling lets no event of this node leave, and admission looks at every event whoever sent it.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto

import msgspec

from engine.events.event import Dot, Origin
from engine.events.replicating.meeting import Meeting, Met, Table, transition
from engine.events.replicating.messages import Batch, GapQuestion, Gaps, Greeting, Limits, Pull, Receipt, Selection
from engine.events.replicating.recovery import fork_refusal
from engine.events.replicating.rounds import PAGE_OF_GAPS, Rounds, next_page, vector_of
from engine.events.replicating.steps import (
    Fetch,
    Finish,
    ListGaps,
    Offer,
    Reincarnated,
    Seen,
    Send,
    Step,
    Stock,
    Store,
    TakeStock,
    TooLarge,
    Traced,
)
from engine.events.vector import Vector
from engine.settings.replication import Direction


class State(Enum):
    """What a session waits for."""

    HASTENING = auto()
    KEEPING = auto()
    MEETING = auto()
    LISTING = auto()
    FETCHING = auto()
    STORING = auto()
    OFFERING = auto()
    SENDING = auto()
    CLOSING = auto()
    OVER = auto()


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a session is for."""

    peer: str
    """The peer's name, for sentences."""
    direction: Direction = Direction.BOTH
    wanted: Selection = Selection()
    limits: Limits = Limits()
    filled: str = ""
    """`PeerMemory.filled` after the session before."""
    known: Vector | None = None
    """What this node knows, when the peer is known to have more and none of it should wait for the greeting."""


class _Leg(msgspec.Struct, frozen=True):
    """One part of the exchange: a way, and whether it fills gaps or brings what is new."""

    rounds: Rounds
    pull: bool
    gaps: bool


class Session:
    """One exchange with one peer. `begin`, then `answer` with what came back of each step, until `Finish`."""

    def __init__(self, terms: Terms) -> None:
        self.state = State.MEETING
        self.terms = terms
        self.meeting = Meeting(terms.peer)
        self.met: Met | None = None
        self.filled = terms.filled
        self.pulling = Rounds({}, terms.known or {}, terms.wanted, terms.limits)
        self.pushing = Rounds({}, {}, terms.wanted, terms.limits)
        self._legs: list[_Leg] = []
        self._leg = _Leg(self.pulling, pull=True, gaps=False)
        self._more_gaps: Dot | None = None
        self._filled_gaps = False
        self._batch = Batch()

    def begin(self) -> Step:
        """Return the first step."""
        if self.terms.known is None:
            return self._greet()
        self.state = State.HASTENING
        return Fetch(self.pulling.all_beyond())

    def hastened(self, batch: Batch | TooLarge) -> Step:
        if isinstance(batch, TooLarge) or not batch.items:
            return self._greet()
        self._batch = batch
        self.state = State.KEEPING
        return Store(batch, None)

    def kept(self, receipt: Receipt) -> Step:
        """Count what was stored; what was refused, and what more there is, is the meeting's matter."""
        self.pulling.note(self._batch, receipt)
        self.pulling.refusals.clear()
        return self._greet()

    def _greet(self) -> Step:
        self.state = State.MEETING
        return self.meeting.begin()

    def answer(self, answer: object) -> Step:
        """Take what came back of the last step and return the next one.

        Raises `ReplicationRefused` when the peer answers what it may not, or no exchange is possible.
        """
        step: Step = transition(TABLE, self, answer)
        return step

    def meet(self, answer: object) -> Step:
        """Go on with the meeting; when both have met, plan the exchange."""
        step = self.meeting.answer(answer)
        if not isinstance(step, Met):
            return step
        self.met = step
        mine, theirs = vector_of(step.seen.heads), vector_of(step.greeting.heads)
        offered, taken = self.terms.limits, step.greeting.limits
        limits = Limits(items=min(offered.items, taken.items), bytes=min(offered.bytes, taken.bytes))
        self.pulling = Rounds(theirs, mine, self.terms.wanted, limits, before=self.pulling)
        self.pushing = Rounds(mine, theirs, self.terms.wanted, limits)
        self.pulling.leave_out(step.forks)
        self.pushing.leave_out(step.forks)
        self.pulling.refusals += [fork_refusal(origin, seq, self.terms.peer) for origin, seq in step.forks.items()]
        pull, push = self.terms.direction is not Direction.PUSH, self.terms.direction is not Direction.PULL
        if not pull:  # what this node itself wrote and lost comes back all the same
            self.pulling.leave_out(theirs.keys() - step.lost)
        known = self._stock(step.seen.gaps, step.greeting.gaps) == self.filled
        fill_here, fill_there = pull and bool(step.seen.gaps), push and bool(step.greeting.gaps)
        legs = [
            (fill_here and not known, _Leg(self.pulling, pull=True, gaps=True)),
            (pull or bool(step.lost), _Leg(self.pulling, pull=True, gaps=False)),
            (push, _Leg(self.pushing, pull=False, gaps=False)),
            (fill_there and not known, _Leg(self.pushing, pull=False, gaps=True)),
        ]
        self._legs = [leg for due, leg in legs if due]
        return self._next_leg()

    def listed(self, gaps: Gaps) -> Step:
        self._more_gaps = next_page(gaps)
        self._leg.rounds.fill(gaps)
        return self._next_round()

    def came(self, batch: Batch) -> Step:
        """Take a batch: of the peer's to store it, of the own replica's to push it."""
        if not batch.items:
            return self._leg_done()
        self._batch = batch
        ahead = self._leg.rounds.after(batch)
        if self._leg.pull:
            self.state = State.STORING
            return Store(batch, Fetch(ahead) if ahead else None)
        self.state = State.SENDING
        return Send(batch, Offer(ahead) if ahead else None)

    def acknowledged(self, receipt: Receipt) -> Step:
        worth_while = self._leg.rounds.note(self._batch, receipt)
        return self._next_round() if worth_while else self._leg_done()

    def too_large(self, refused: TooLarge) -> Step:
        batch = self._batch if self.state is State.SENDING else Batch()
        if self._leg.rounds.smaller(batch, refused.sentence):
            return self._next_round()
        return self._finish(refused.sentence, "refused")

    def closed(self, stock: Stock) -> Step:
        """Remember what is left out at both ends: while that stays as it is, asking again is in vain."""
        if not (self.pulling.refusals or self.pushing.refusals):
            self.filled = self._stock(stock.here, stock.there)
        return self._finish()

    def _next_leg(self) -> Step:
        if not self._legs:
            if self.pulling.left_out or self.pushing.left_out or self._filled_gaps:
                self.state = State.CLOSING
                return TakeStock()
            return self._finish()
        self._leg = self._legs.pop(0)
        return self._list_gaps(Dot(Origin(""), 0)) if self._leg.gaps else self._next_round()

    def _list_gaps(self, after: Dot) -> Step:
        self._filled_gaps = True
        self.state = State.LISTING
        return ListGaps(GapQuestion(after=after, limit=PAGE_OF_GAPS), self._leg.pull)

    def _next_round(self) -> Step:
        pull: Pull | None = self._leg.rounds.next(filling=self._leg.gaps)
        if pull is None:
            return self._leg_done()
        self.state = State.FETCHING if self._leg.pull else State.OFFERING
        return Fetch(pull) if self._leg.pull else Offer(pull)

    def _leg_done(self) -> Step:
        self._leg.rounds.fill(Gaps())  # what of a page of gaps nobody could fill is not asked for again
        if self._leg.gaps and self._more_gaps is not None:
            return self._list_gaps(self._more_gaps)
        return self._next_leg()

    def _stock(self, here: str, there: str) -> str:
        return " ".join([here, there, msgspec.json.encode(self.terms.wanted).decode()])

    def _finish(self, error: str = "", kind: str = "") -> Step:
        self.state = State.OVER
        return Finish(error, kind)


ANSWERS_WHILE_MEETING: Sequence[type] = (Seen, Greeting, Traced, Reincarnated)

TABLE: Table = {
    (State.HASTENING, Batch): Session.hastened,
    (State.HASTENING, TooLarge): Session.hastened,
    (State.KEEPING, Receipt): Session.kept,
    **{(State.MEETING, answer): Session.meet for answer in ANSWERS_WHILE_MEETING},
    (State.LISTING, Gaps): Session.listed,
    (State.FETCHING, Batch): Session.came,
    (State.FETCHING, TooLarge): Session.too_large,
    (State.STORING, Receipt): Session.acknowledged,
    (State.OFFERING, Batch): Session.came,
    (State.SENDING, Receipt): Session.acknowledged,
    (State.SENDING, TooLarge): Session.too_large,
    (State.CLOSING, Stock): Session.closed,
}
"""Which answer may come in which state, and who takes it."""
