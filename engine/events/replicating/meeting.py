"""The first half of a session: who is there, and are both histories in order? Sans I/O; sends no event.

OPENING ─► GREETING ─► CHECKING ─┬─► (met)
   ▲                             ├─► TRACING ─┐    where do two histories part?
   └───────── REINCARNATING ◄────┴────────────┘    one of both takes a new origin, then all greet again
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Any

import msgspec

from engine.errors import ReplicationRefused
from engine.events.event import Dot, Origin
from engine.events.replicating.messages import PROTOCOL, Greeting, Hello, Identity
from engine.events.replicating.recovery import Bisection, Diagnosis, diagnose, dots_to_look_at
from engine.events.replicating.steps import Greet, Look, Reincarnate, Reincarnated, Seen, Step, Trace, Traced

MOST_CURES = 3
"""Times that histories are mended in one session; more mean that something is wrong that no new origin cures."""

_NOBODY = Identity(node="", origin=Origin(""))
_NO_DOT = Dot(Origin(""), 0)
"""Before anybody was met."""


class State(Enum):
    """What a meeting waits for."""

    OPENING = auto()
    GREETING = auto()
    CHECKING = auto()
    TRACING = auto()
    REINCARNATING = auto()


class Met(msgspec.Struct, frozen=True, kw_only=True):
    """Both sides know each other, and what they write themselves is in order."""

    seen: Seen
    greeting: Greeting
    forks: Mapping[Origin, int]
    """Origins of which nothing may be exchanged."""
    lost: frozenset[Origin]
    """Origins that this node wrote under until now; it may lack events of its own."""
    recovered: str
    """What was wrong with this node's history, and what was done; empty: nothing."""


class Meeting:
    """`begin`, then `answer` with what came back of each step, until it returns `Met`.

    Raises `ReplicationRefused` when no exchange is possible.
    """

    def __init__(self, peer: str) -> None:
        self.state = State.OPENING
        self.recovered = ""
        self._peer = peer
        self._told = Seen(identity=_NOBODY, heads={})
        self._greeting = Greeting(identity=_NOBODY)
        self._bisection = Bisection(_NO_DOT)
        self._diagnosis = Diagnosis()
        self._common: dict[Origin, int] = {}
        self._lost: set[Origin] = set()
        self._cures = 0

    def begin(self) -> Step:
        """Return the first step; also to greet again when something was mended."""
        self.state = State.OPENING
        return Look()

    def answer(self, answer: object) -> Step | Met:
        """Take what came back of the last step; return the next one, or what the meeting came to."""
        step: Step | Met = transition(TABLE, self, answer)
        return step

    def opened(self, seen: Seen) -> Step:
        self._told = seen
        self.state = State.GREETING
        return Greet(Hello(identity=seen.identity, heads=dict(seen.heads), common=self._common))

    def greeted(self, greeting: Greeting) -> Step:
        if greeting.identity.protocol != PROTOCOL:
            raise ReplicationRefused(
                f"{greeting.identity.node} speaks protocol {greeting.identity.protocol}, this node speaks {PROTOCOL}. "
                "Bring both to the same version of Syncdeck.",
                kind="protocol",
            )
        self._greeting = greeting
        self.state = State.CHECKING
        return Look(dots_to_look_at(greeting, self._told.heads))

    def checked(self, seen: Seen) -> Step | Met:
        diagnosis = self._diagnosis = diagnose(seen, self._told.heads, self._greeting)
        if diagnosis.itself:
            raise ReplicationRefused(
                f"The address of {self._peer} leads to this node itself. Give it the address of another node.",
                kind="clone",
            )
        if diagnosis.trace is None and diagnosis.cure is None:
            return Met(
                seen=seen,
                greeting=self._greeting,
                forks=diagnosis.forks,
                lost=frozenset(self._lost),
                recovered=self.recovered,
            )
        self._cures += 1
        if self._cures > MOST_CURES:
            raise ReplicationRefused(
                f"This node and {self._peer} cannot agree on who writes under which origin. Nothing was exchanged; run "
                "syncdeck events verify on both.",
                kind="fork",
            )
        if diagnosis.cure is not None:
            return self._cure(diagnosis.cure)
        self._bisection = Bisection(diagnosis.trace or _NO_DOT)
        return self._trace(self._bisection)

    def traced(self, traced: Traced) -> Step:
        self._bisection.learn(traced.here, traced.there)
        return self._trace(self._bisection)

    def reincarnated(self, new: Reincarnated) -> Step:
        reason = self._diagnosis.reason
        self.recovered = f"{reason}. This node writes as {new.origin} from now on; what was lost is fetched."
        return self.begin()

    def _trace(self, bisection: Bisection) -> Step:
        if bisection.done:
            return self._cure(Dot(bisection.origin, bisection.common))
        self.state = State.TRACING
        return Trace(bisection.probes())

    def _cure(self, common: Dot) -> Step:
        """Have the node whose history is wrong go on under a new origin, from the last dot that both agree on."""
        keep = {common.origin: common.seq}
        if not self._diagnosis.here:
            self._common = keep
            return self.begin()
        self._lost.add(common.origin)
        self.state = State.REINCARNATING
        return Reincarnate(self._diagnosis.reason, keep)


Table = Mapping[tuple[Enum, type], Callable[[Any, Any], Any]]

TABLE: Table = {
    (State.OPENING, Seen): Meeting.opened,
    (State.GREETING, Greeting): Meeting.greeted,
    (State.CHECKING, Seen): Meeting.checked,
    (State.TRACING, Traced): Meeting.traced,
    (State.REINCARNATING, Reincarnated): Meeting.reincarnated,
}
"""Which answer may come in which state, and who takes it."""


def transition(table: Table, machine: Any, answer: object) -> Any:
    """Let a machine take an answer as its table says. Raises `ReplicationRefused` for one that may not come now."""
    taken_by = table.get((machine.state, type(answer)))
    if taken_by is None:
        raise ReplicationRefused(
            f"A {type(answer).__name__} came while the session was {machine.state.name.lower()}. Nothing was stored.",
            kind="protocol",
        )
    return taken_by(machine, answer)
