"""What must hold when all is mended: everybody knows everything, and everything is the same everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from engine.events.event import Dot, Origin
from engine.events.merging.conflicts import Conflicts
from engine.events.merging.queue import ConflictState
from engine.events.own import is_own
from engine.events.replicating.messages import Selection
from tests.doubles.replica_memory import last_of, seqs
from tests.simulation.nodes.node import Node
from tests.simulation.nodes.watching import Watch, state_of

WANTED_AT_THE_LEAF = Selection(aggregates=("user:*",))


@dataclass(frozen=True)
class Ending:
    """The nodes of a story at its end; the `leaf`, if there is one, wants only a part."""

    nodes: Sequence[Node]
    leaf: Node | None
    watch: Watch

    async def all_the_same(self, goal: Mapping[Origin, int], chance: Random) -> None:
        """Check that everybody knows at least the goal, and shows and asks the same."""
        for node in self.nodes:
            self._knows(node, goal)
        whole = [node for node in self.nodes if node is not self.leaf]
        states = state_of(whole[0])
        for node in whole[1:]:
            assert state_of(node) == states, f"{node.name} shows otherwise than {whole[0].name}"
        if self.leaf is not None:
            part = state_of(whole[0], WANTED_AT_THE_LEAF)
            assert state_of(self.leaf, WANTED_AT_THE_LEAF) == part, f"{self.leaf.name} shows otherwise"
        one, other = chance.sample(whole, 2)
        assert await shown_by(one) == await shown_by(other), f"{one.name} and {other.name} tell operators two things"
        for node in whole:
            await as_after_a_start(node)
            self.watch.redacted_is_gone(node)
            if self.leaf is None:
                self._lacks_nothing(node)

    def all_know_the_same(self) -> bool:
        """Tell whether all have the same events or gaps of every origin."""
        known = [node.replica.known() for node in self.nodes]
        return all(each == known[0] for each in known)

    def forked(self) -> bool:
        """Tell whether some origin was written twice, and both got about before anybody could know."""
        seen: dict[Dot, bytes] = {}
        for node in self.nodes:
            for origin in self.watch.twice & node.memory.runs.keys():
                for part in node.memory.after(origin, 0):
                    if seen.setdefault(Dot(origin, last_of(part)), part.chain) != part.chain:
                        return True
        return False

    def _knows(self, node: Node, goal: Mapping[Origin, int]) -> None:
        lacking = [f"{origin}#{seq}" for origin, seq in goal.items() if node.replica.vector().get(origin, 0) < seq]
        assert not lacking, f"{node.name} still lacks {lacking}"

    def _lacks_nothing(self, node: Node) -> None:
        """Check that no event is missing that anybody has, and none that was promised."""
        held = {dot for other in self.nodes for dot in other.memory.events}
        left = [gap for gap in node.memory.gaps() if any(Dot(gap.origin, seq) in held for seq in seqs(gap))]
        assert not left, f"{node.name} still lacks {left}"
        gone = [each for ids in self.watch.promised.values() for each in ids if each not in node.memory.ids]
        assert not gone, f"{node.name} never got {gone[:3]}"


async def as_after_a_start(node: Node) -> None:
    """Check that a node that looked at its log time and again shows what one shows that looks for the first time."""
    afresh = await shown_by(node, node.operators())
    assert await shown_by(node) == afresh, f"{node.name} would tell operators something else after a start"


async def shown_by(node: Node, conflicts: Conflicts | None = None) -> object:
    """Return what operators see at a node: every aggregate as the rules show it, and the queue."""
    conflicts = conflicts or node.conflicts
    about = sorted(aggregate for aggregate, dots in node.memory.about.items() if dots and not is_own(aggregate))
    views = [await conflicts.view(aggregate) for aggregate in about]
    shown = [(view.value, [(each.contest.path, each.value, each.settled) for each in view.verdicts]) for view in views]
    return shown, await conflicts.queue(states=list(ConflictState))
