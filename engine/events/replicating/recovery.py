"""Restored backups, clones and forks: seen at the greeting, before one event leaves. Pure.

An origin belongs to one state file. When a peer knows more of this node's origin than this node, or another event at
the same dot, this state was restored from a backup or copied, and whatever it wrote since stands at dots that are
taken. The cure: find the last dot on which both agree, move what was written after it under a new origin
(`Replica.begin_incarnation`), and fetch what was lost. Any other origin that has two histories cannot be cured from
here: it is left out of the exchange and named, and the rest goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from engine.events.event import Dot, Origin
from engine.events.replicating.messages import Greeting, Head, Refusal
from engine.events.replicating.steps import Seen

PROBES = 32
"""Chains asked for in one question: a history of a million events is traced in four."""


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """What a greeting tells about histories."""

    itself: bool = False
    """The peer is this very node."""
    trace: Dot | None = None
    """An origin that has to be cured at one of both ends, and a seq below which the last common dot has to be found."""
    cure: Dot | None = None
    """An origin that has to be cured, with the last dot that both agree on (seq 0: none)."""
    here: bool = True
    """This node has to take a new origin; False: the peer has to."""
    reason: str = ""
    forks: Mapping[Origin, int] = {}
    """Origins to leave out, with a seq at which the chains differ."""


def dots_to_look_at(greeting: Greeting, heads: Mapping[Origin, Head]) -> tuple[Dot, ...]:
    """Return the dots at which only the caller can compare: the callee's newest, where the caller knows as much."""
    return tuple(
        Dot(origin, head.seq) for origin, head in sorted(greeting.heads.items()) if 0 < head.seq <= _seq(heads, origin)
    )


def diagnose(seen: Seen, told: Mapping[Origin, Head], greeting: Greeting) -> Diagnosis:
    """Return what has to be done before any event is exchanged.

    `seen` was looked at *after* the greeting came (what the peer has of this node now, this node had before); `told`
    is what the peer was told before it greeted.
    """
    forks = {
        **greeting.forks,
        **{
            dot.origin: dot.seq
            for dot, chain in seen.chains.items()
            if chain and chain != greeting.heads[dot.origin].chain
        },
    }
    own, theirs, node = seen.identity.origin, greeting.identity.origin, greeting.identity.node
    mine, there = _seq(seen.heads, own), _seq(greeting.heads, theirs)
    if own == theirs:
        if seen.identity.instance and seen.identity.instance == greeting.identity.instance:
            return Diagnosis(itself=True)
        reason = f"{node} writes under {own} too: one of the two state files is a copy of the other"
        if own not in forks and mine > there:  # whoever is behind has nothing that would have to be moved
            return Diagnosis(cure=Dot(own, there), here=False, reason=reason, forks=forks)
        return _cure(Dot(own, mine), forks, reason)
    if own in forks or _seq(greeting.heads, own) > mine:
        reason = f"{node} knows events of {own} that are not here: this state was restored from a backup or copied"
        return _cure(Dot(own, mine), forks, reason)
    if theirs in forks or _seq(told, theirs) > there:
        reason = f"{node} lacks events of {theirs}, under which it writes: its state was restored from a backup"
        return msgspec.structs.replace(_cure(Dot(theirs, there), forks, reason), here=False)
    return Diagnosis(forks=forks)


def _cure(newest: Dot, forks: Mapping[Origin, int], reason: str) -> Diagnosis:
    """Say that an origin has to be cured; where the histories part has to be traced if they do within what is there."""
    origin = newest.origin
    others = {fork: seq for fork, seq in forks.items() if fork != origin}
    if origin in forks:
        return Diagnosis(trace=Dot(origin, forks[origin]), reason=reason, forks=others)
    return Diagnosis(cure=newest, reason=reason, forks=others)


def fork_refusal(origin: Origin, seq: int, peer: str) -> Refusal:
    """Return the words for an origin that is left out because it has two histories."""
    return Refusal(
        origin=origin,
        seq=seq,
        kind="fork",
        sentence=f"{origin} has two histories: its event {seq} is another one here than at {peer}, as after a restored "
        "backup or a copied state file. Nothing of it is exchanged with this peer; everything else is. To end that, "
        f"keep the side that is right and start the other node from a copy of it; syncdeck peers compare {peer} shows "
        "where they part.",
    )


class Bisection:
    """The last dot on which two histories of an origin agree, found in questions of a few dozen chains.

    Chains prove prefixes, so agreement at a dot is agreement before it. Where one side has no chain (left out within a
    span) nothing can be said, and the last proven dot before it is taken: more is moved than needed, nothing is lost.
    """

    def __init__(self, differs: Dot) -> None:
        """Both sides are known to differ at this dot; before the first they agree."""
        self.origin = differs.origin
        self.common = 0
        self.differs = differs.seq
        """The smallest seq at which the chains are known to differ."""
        self._blind = False

    @property
    def done(self) -> bool:
        return self._blind or self.differs - self.common <= 1

    def probes(self) -> tuple[Dot, ...]:
        """Return the dots to ask for next, evenly spread between agreement and difference."""
        width = self.differs - self.common
        count = min(PROBES, width - 1)
        return tuple(Dot(self.origin, self.common + width * place // (count + 1)) for place in range(1, count + 1))

    def learn(self, here: Sequence[bytes], there: Sequence[bytes]) -> None:
        """Take the chains of both sides at the dots last asked for."""
        before = (self.common, self.differs)
        for dot, mine, theirs in zip(self.probes(), here, there, strict=True):
            if not mine or not theirs:
                continue
            if mine != theirs:
                self.differs = min(self.differs, dot.seq)
                break
            self.common = max(self.common, dot.seq)
        self._blind = before == (self.common, self.differs)


def _seq(heads: Mapping[Origin, Head], origin: Origin) -> int:
    return heads[origin].seq if origin in heads else 0
