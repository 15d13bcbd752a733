"""Whoever stands beside all nodes and looks at every step: what may never happen, told by an own reckoning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from engine.events.chain import BEFORE_FIRST, canonical, hashed, header, link
from engine.events.event import Dot, Origin
from engine.events.merging.evaluate import evaluate, state_hash
from engine.events.merging.values import ABSENT, Contest
from engine.events.own import REDACTED, is_own
from engine.events.replicating.messages import Batch, Item, Receipt, Selection, Skip
from engine.events.replicating.selecting import wanted_by
from tests.doubles.replica_memory import named_dot
from tests.simulation.nodes.node import Node
from tests.simulation.nodes.oracle import NOTHING, Dispute, in_words, reckon

EVERYTHING = Selection()
MOST_AHEAD_MS = 60_000


@dataclass
class _Known:
    """What the watch saw of a disk when it last looked."""

    seqs: dict[Origin, int] = field(default_factory=dict)
    chains: dict[Origin, bytes] = field(default_factory=dict)
    stamps: dict[Origin, int] = field(default_factory=dict)


@dataclass
class Watch:
    """Checks the disks after each durable step, and every batch on its way. Raises with what is wrong."""

    nodes: Sequence[Node]
    promised: dict[str, set[str]] = field(default_factory=dict)
    """By node: the ids of all events that it told somebody to be durable."""
    chains: dict[Dot, bytes] = field(default_factory=dict)
    twice: set[Origin] = field(default_factory=set)
    """Origins that more than one disk may write under: after a backup was restored, or a disk copied."""
    _known: dict[str, _Known] = field(default_factory=dict)
    _states: dict[object, object] = field(default_factory=dict)

    def kept(self, node: Node, step: str) -> None:
        """Look at what a durable step changed."""
        known = self._known.setdefault(node.name, _Known())
        memory = node.memory
        for origin, seq in known.seqs.items():
            now = memory.standings.get(origin)
            if seq == 0 or (now is not None and now.seq >= seq):
                continue
            assert step.startswith("began"), f"{node.name} knew {origin}#{seq}, and now {now and now.seq}"
            known.seqs[origin] = now.seq if now else 0
            known.chains[origin] = now.chain if now else BEFORE_FIRST
            known.stamps[origin] = now.hlc if now else 0
        for origin, standing in memory.standings.items():
            if standing.seq != known.seqs.get(origin, 0):
                self._grown(node, origin, known, step)
                assert (standing.seq, standing.chain) == (known.seqs[origin], known.chains[origin]), (
                    f"{node.name} says it knows {origin}#{standing.seq}, and holds {known.seqs[origin]}"
                )

    def another_disk(self, node: Node, before: Origin) -> None:
        """Another disk was put into a node. What only the disk before held is lost, and not by the engine."""
        self.twice |= {before, node.memory.own}
        self.promised[node.name] = {each for each in self._promised(node) if each in node.memory.ids}
        for other in self.nodes:
            self.promised[other.name] = {each for each in self._promised(other) if self._somewhere(each)}
        self._known[node.name] = _Known()
        self.kept(node, "restored")

    def _somewhere(self, identity: str) -> bool:
        return any(identity in node.memory.ids for node in self.nodes)

    def _grown(self, node: Node, origin: Origin, known: _Known, step: str) -> None:
        """Check that what came is contiguous, chained, later than what was before, and the same as everywhere."""
        seq, chain = known.seqs.get(origin, 0), known.chains.get(origin, BEFORE_FIRST)
        for part in node.memory.after(origin, seq):
            first = part.first if isinstance(part, Skip) else part.seq
            assert first == seq + 1, f"{node.name} has a hole before {origin}#{first}: it knew {seq}"
            if isinstance(part, Item):
                assert part.chain == chained(chain, part), f"{node.name}: {origin}#{first} is not what was written"
                assert part.hlc > known.stamps.get(origin, 0), f"{node.name}: time of {origin}#{first} went back"
                known.stamps[origin] = part.hlc
                self._causes_are_here(node, part)
                if step == "received":
                    ahead = (part.hlc >> 16) - node.replica.now_ms()
                    assert ahead <= MOST_AHEAD_MS, f"{node.name} took {origin}#{first}, {ahead} ms from its future"
            seq, chain = (part.last if isinstance(part, Skip) else part.seq), part.chain
            self._same_everywhere(Dot(origin, seq), chain)
        known.seqs[origin], known.chains[origin] = seq, chain

    def _causes_are_here(self, node: Node, item: Item) -> None:
        for cause, seq in msgspec.json.decode(item.context).items():
            standing = node.memory.standings.get(cause)
            known = standing.seq if standing else 0
            assert known >= seq, f"{node.name} holds an effect of {cause}#{seq}, and not the cause"

    def _same_everywhere(self, dot: Dot, chain: bytes) -> None:
        assert self.chains.setdefault(dot, chain) == chain or dot.origin in self.twice, f"{dot} is two events"

    def promise(self, node: Node, ids: Iterable[str]) -> None:
        """Note what a node told somebody to be durable."""
        self.promised[node.name] = self._promised(node) | set(ids)

    def holds_its_promises(self, node: Node) -> None:
        """Check that a disk has what its own node acknowledged."""
        gone = sorted(each for each in self._promised(node) if each not in node.memory.ids)
        assert not gone, f"{node.name} lost {gone[:3]}, which it had acknowledged"

    def _promised(self, node: Node) -> set[str]:
        return self.promised.get(node.name, set())

    def batch_leaves(self, sender: Node, receiver: Node, batch: Batch, known: Mapping[Origin, int]) -> None:
        """Check that nothing is sent which the other side, when it was greeted, already knew to be something else."""
        for item in batch.items:
            dot = Dot(item.origin, item.seq if isinstance(item, Item) else item.last)
            if known.get(dot.origin, 0) < dot.seq:
                continue
            there = receiver.memory.chain(dot)
            assert not there or there == item.chain, (
                f"{sender.name} sends {receiver.name} {dot}, which is another event there"
            )

    def told_what_is_kept(self, node: Node, receipt: Receipt) -> None:
        """Check that a node does not say it knows what its disk does not hold."""
        vector = node.replica.vector()
        untrue = [f"{origin}#{seq}" for origin, seq in receipt.vector.items() if vector.get(origin, 0) < seq]
        assert not untrue, f"{node.name} says it has {untrue}, and its disk does not"

    def redacted_is_gone(self, node: Node) -> None:
        """Check that no payload is left that somebody redacted."""
        for event in node.memory.events.values():
            if event.type == REDACTED and (left := node.memory.events.get(named_dot(event.aggregate_id))):
                assert left.redacted, f"{node.name} still has what {left.dot} said"

    def same_known_same_shown(self, nodes: Sequence[Node]) -> None:
        """Check that whoever knows the same shows the same, whenever he learned it."""
        for node in nodes:
            memory = node.memory
            key = (
                frozenset((origin, known.seq, known.chain) for origin, known in memory.standings.items()),
                tuple((gap.origin, gap.first, gap.last) for gap in memory.gaps()),
                frozenset(dot for dot, event in memory.events.items() if event.redacted),
            )
            state = state_of(node)
            before = self._states.setdefault(key, state)
            assert before == state, f"{node.name} knows the same as somebody else, and shows something else"

    def merged_as_the_oracle_does(self, node: Node) -> set[str]:
        """Reckon every aggregate of a node once more, plainly; return those that have disputes."""
        disputed: set[str] = set()
        for aggregate in node.memory.about:
            if is_own(aggregate):
                continue
            events = node.memory.history(aggregate)
            made = evaluate(events)
            shown = as_disputes(made.contests)
            value, disputes = reckon(events)
            assert shown == disputes, f"{node.name}: {aggregate} has the disputes {disputes}, and shows {shown}"
            assert told(made.value) == in_words(value), (
                f"{node.name}: {aggregate} is {in_words(value)}, and shows {made}"
            )
            if disputes:
                disputed.add(aggregate)
        return disputed


def state_of(node: Node, wanted: Selection = EVERYTHING) -> Mapping[str, bytes]:
    """Return what a node's aggregates are: states and contests, by name; only of those that are wanted."""
    wants = wanted_by(wanted) or (lambda *_: True)
    memory = node.memory
    return {
        aggregate: state_hash(aggregate, memory.history(aggregate))
        for aggregate, dots in memory.about.items()
        if dots and not is_own(aggregate) and wants("", aggregate)
    }


def chained(before: bytes, item: Item) -> bytes:
    """Return the chain that an item must have."""
    hashes = item.hashes or hashed(item.data.encode()) + hashed(item.metadata.encode())
    context = msgspec.json.decode(item.context)
    assert canonical(context).decode() == item.context
    return link(before, hashes, header(item.id, item.type, item.aggregate, (item.origin, item.seq), context, item.hlc))


def as_disputes(contests: Iterable[Contest]) -> tuple[Dispute, ...]:
    """Return the engine's contests as the oracle tells of disputes."""
    return tuple(
        Dispute(
            contest.path,
            told(contest.base),
            tuple((str(each.event.dot), told(each.value)) for each in contest.candidates),
        )
        for contest in contests
    )


def told(value: object) -> str:
    """Return a value of the engine's or of the oracle's in the oracle's words."""
    return in_words(NOTHING if value is ABSENT else value)
