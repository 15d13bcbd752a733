"""One seeded story of several nodes: everybody writes, exchanges, settles and fails as he likes; then all is mended,
and all must be the same everywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from msgspec.structs import replace

from engine.errors import SyncdeckError
from engine.events.event import NewEvent
from engine.events.replicating.messages import Limits, Selection
from engine.events.replicating.patience import Patience
from engine.events.replicating.replicate import Exchange, Exchanged
from engine.events.replicating.session import Terms
from engine.events.replicating.standing import SyncResult
from engine.events.vector import merge
from engine.settings.replication import Condition, Direction, PeerSettings, Rule
from tests.doubles.journal import Crash
from tests.doubles.replica_memory import Memory
from tests.doubles.virtual_time import DriftingClock, VirtualLoop
from tests.simulation.nodes.deeds import DEEDS, Deed
from tests.simulation.nodes.ending import WANTED_AT_THE_LEAF, Ending, as_after_a_start
from tests.simulation.nodes.mesh import SHAPES, diameter, edges_of
from tests.simulation.nodes.network import CALM, Line, Network
from tests.simulation.nodes.node import Image, Names, Node
from tests.simulation.nodes.watching import EVERYTHING, Watch

SIZES = (3, 3, 3, 3, 3, 5, 5, 9)
PAUSES = (0.1, 1, 60, 3600)
"""Seconds between two moments."""
TELL_OF_FORKS = ("fork", "chain_broken")
"""Where events are left out nobody may be able to tell the one from the other; the sentence says both."""
RULES = (
    (),
    (Rule(use="last_write_wins"),),
    (Rule(use="union", when=Condition(field="tags")), Rule(use="prefer_origin", prefer=("n1", "n2"))),
    (Rule(use="ask_operator", when=Condition(aggregate="user:*")), Rule(use="remove_wins"), Rule(use="keep_both")),
)


@dataclass
class Story:
    """Plays one seed. `said` is what happened so far, for whoever reads about a failure."""

    seed: int
    said: list[str] = field(default_factory=list)
    make_node: Callable[..., Node] = Node
    sizes: Sequence[int] = SIZES
    deeds: Mapping[Deed, int] = field(default_factory=lambda: DEEDS)

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)
        self.loop = VirtualLoop()
        self.names = Names(Random(self.seed + 1))
        self.nodes: list[Node] = []
        self.watch = Watch(self.nodes)
        self.backups: list[tuple[Node, Image]] = []
        self.sent: dict[str, list[NewEvent]] = {}
        self.leaf: Node | None = None
        """Who wants only a part."""
        self._sessions = 0
        self.fork_told = False
        self.copy_told = False
        """A node found out that its disk was copied or put back, and its operator reads so."""
        self.recorded = False
        """Syncs are written into the logs, as nodes do; seldom, because then logs differ a little longer."""

    def watched(self) -> None:
        """Play the story. Whatever goes wrong is told with the seed, the last steps, and how to play it again."""
        try:
            self.loop.play(self._play())
            assert not self.loop.faults, self.loop.faults
        except Exception as raised:  # noqa: BLE001  whatever it is, it is told with the story
            error: BaseException = raised
            while isinstance(error, BaseExceptionGroup):
                error = error.exceptions[0]
            last = "\n".join(self.said[-40:])
            again = f"python -m tests.simulation.nodes {self.seed}"
            raise AssertionError(f"{error or type(error).__name__}\n{last}\nPlay it again: {again}") from error
        finally:
            for node in self.nodes:
                node.crash()
            self.loop.close()

    def say(self, what: str) -> None:
        self.said.append(f"{self.loop.time():9.2f} {what}")

    async def _play(self) -> None:
        async with asyncio.TaskGroup() as group:
            self._begin(group)
            for _ in range(self.chance.randint(6, 14)):
                await self._moment()
            await self._end()

    def _begin(self, group: asyncio.TaskGroup) -> None:
        size, shape = self.chance.choice(self.sizes), self.chance.choice(SHAPES)
        self.edges = edges_of(shape, size, self.chance)
        self.diameter = diameter(size, self.edges)
        self.network = Network(self.loop, self.chance, group, self.say, self.watch, in_bytes=self.chance.random() < 0.2)
        self.say(f"{size} nodes in a {shape}, diameter {self.diameter}: {self.edges}")
        self.rules = self.chance.choice(RULES)
        self.nodes += [self._node(f"n{number}") for number in range(size)]
        for one, other in self.edges:
            self._connect(self.nodes[one], self.nodes[other])
        if self.chance.random() < 0.2:
            self._let_one_want_less()
        self.recorded = self.chance.random() < 0.25
        for node in self.nodes:
            self._up(node)

    def _node(self, name: str) -> Node:
        skew = timedelta(seconds=self.chance.choice((0, 0, self.chance.uniform(-40, 40))))
        return self.make_node(
            name,
            Memory(name, self.names.new_origin(name)),
            DriftingClock(self.loop, rate=self.chance.uniform(0.999, 1.001), skew=skew),
            self.chance,
            self.names,
            self.watch.kept,
            batch=self.chance.choice((1, 3, 10, 5_000)),
            rules=self.rules,
            lines=self._line,
        )

    def _connect(self, one: Node, other: Node) -> None:
        """Let these two exchange events: one asks for both ways, both do, or each for one way."""
        if self.chance.random() < 0.5:
            one, other = other, one
        kind = self.chance.random()
        way = Direction.BOTH if kind < 0.8 else self.chance.choice((Direction.PUSH, Direction.PULL))
        for here, there in [(one, other)] if kind < 0.6 else [(one, other), (other, one)]:
            here.peers[there.name] = PeerSettings(
                name=there.name, url="http://simulated", direction=way, batch=self.chance.choice((1, 2, 5, 2_000))
            )

    def _let_one_want_less(self) -> None:
        """Let a node at the edge exchange only a part."""
        ends = [number for edge in self.edges for number in edge]
        leaves = [node for number, node in enumerate(self.nodes) if ends.count(number) == 1]
        if leaves:
            self.leaf = self.chance.choice(leaves)
            self._leaf_wants(WANTED_AT_THE_LEAF)
            self.say(f"{self.leaf.name} exchanges only {WANTED_AT_THE_LEAF.aggregates}")

    def _leaf_wants(self, wanted: Selection) -> None:
        for node in self.nodes:
            for name, settings in node.peers.items():
                if self.leaf is not None and self.leaf.name in (node.name, name):
                    node.peers[name] = replace(settings, aggregates=wanted.aggregates)

    async def _moment(self) -> None:
        """Let a few things happen at once, and look around when they are done."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self.chance.choice((1, 2, 2, 3, 4))):
                (deed,) = self.chance.choices(list(self.deeds), list(self.deeds.values()))
                group.create_task(self._guarded(deed(self)))
        await asyncio.sleep(self.chance.choice(PAUSES))
        up = [node for node in self.nodes if node.up]
        for node in up:
            self.watch.holds_its_promises(node)
        if self.chance.random() < 0.2:
            self.watch.same_known_same_shown(up)
            for node in up:
                await as_after_a_start(node)

    async def _guarded(self, work: Coroutine[object, object, None]) -> None:
        """Do something that the power may interrupt, or that the engine may refuse in words."""
        try:
            await work
        except SyncdeckError as error:
            self.say(f"  {type(error).__name__}: {str(error).splitlines()[0][:150]}")
        except Crash as crash:
            self.say(f"  {crash}")
        except BaseExceptionGroup as errors:
            if errors.split(Crash)[1] is not None:
                raise
            self.say(f"  {errors.exceptions[0]}")

    def somebody(self) -> Node:
        """Return a node that is up; starts one if none is."""
        up = [node for node in self.nodes if node.up]
        if not up:
            self.start(self.nodes[0])
        return self.chance.choice(up or self.nodes[:1])

    def acknowledge(self, node: Node, ids: Iterable[str]) -> None:
        """Note that somebody was told that events are durable."""
        self.watch.promise(node, ids)

    def start(self, node: Node) -> None:
        """Bring a node up again."""
        self.say(f"{node.name} starts")
        self._up(node)
        self.watch.holds_its_promises(node)

    def _up(self, node: Node) -> None:
        node.start()

    def put_disk(self, node: Node, image: Image) -> None:
        """Start a node on another disk."""
        node.crash()
        before = node.memory.own
        node.put(image)
        self._up(node)
        self.watch.another_disk(node, before)

    async def exchange(self, node: Node, peer: str) -> Exchanged | SyncResult:
        """Let a node have a session with a peer."""
        self.say(f"{node.name} {node.peers[peer].direction} {peer}")
        done = await (node.replication.sync(peer) if self.recorded else self._unrecorded(node, node.peers[peer]))
        told = " ".join(filter(None, [done.error_kind, done.recovered]))
        self.say(f"  {node.name} {peer}: pulled {done.pulled}, pushed {done.pushed} {told}")
        self.fork_told |= any(refusal.kind in TELL_OF_FORKS for refusal in done.refusals)
        self.copy_told |= bool(done.recovered)
        return done

    async def _unrecorded(self, node: Node, settings: PeerSettings) -> Exchanged:
        """Have a session as the façade does, but write nothing of it into the log."""
        terms = Terms(
            peer=settings.name,
            direction=settings.direction,
            wanted=Selection(types=settings.types, aggregates=settings.aggregates),
            limits=Limits(items=settings.batch),
            filled=(await node.book.recall(settings.name)).filled,
            known=node.replica.vector() if self._haste() and settings.direction is not Direction.PUSH else None,
        )
        async with self._line(node, settings).connect() as remote:
            patience = Patience(budget=2.0)
            exchange = Exchange(remote, node.replica, clock=node.clock, chance=self.chance.random, patience=patience)
            done = await exchange.run(terms)
        await node.book.amend(settings.name, lambda before: replace(before, filled=done.filled))
        return done

    def _haste(self) -> bool:
        """Let every other session pull before it greets, as one does that was told that there is more."""
        self._sessions += 1
        return self._sessions % 2 == 0

    def _line(self, node: Node, settings: PeerSettings) -> Line:
        return Line(self.network, node, next(other for other in self.nodes if other.name == settings.name))

    async def _end(self) -> None:
        """Mend everything, let enough time go by, and see that all becomes the same."""
        await self._mend()
        if self.watch.twice:
            self.say("somebody may have to find out who he is")
            await self._round()
            await self._round()
        await self._converge(self.diameter)
        if self.leaf is not None:
            self.say(f"{self.leaf.name} wants everything")
            self._leaf_wants(EVERYTHING)
            self.leaf = None
            await self._converge(self.diameter)
        node = self.chance.choice(self.nodes)
        disputed = self.watch.merged_as_the_oracle_does(node)
        if not self.rules:
            queued = {each.aggregate_id for each in await node.conflicts.queue()}
            assert queued == disputed, f"{node.name} asks about {queued}, and disputed are {disputed}"

    async def _mend(self) -> None:
        """Bring every line and node up, set clocks right, and let what was under way arrive."""
        self.say("at last: all is mended")
        self.network.weather = CALM
        self.network.cut.clear()
        for node in self.nodes:
            node.steps_left = -1
            if not node.up:
                self.start(node)
        await asyncio.sleep(5_000)  # whatever was under way arrives
        for node in self.nodes:
            node.clock.set_right()
        await asyncio.sleep(4 * 3600)

    async def _round(self) -> None:
        """Let every node have a session with each of its peers, in any order."""
        ways = [(node, peer) for node in self.nodes for peer in node.peers]
        self.chance.shuffle(ways)
        for node, peer in ways:
            done = await self.exchange(node, peer)
            assert not done.error or self.watch.twice, done.error

    async def _converge(self, rounds: int) -> None:
        goal = merge(*(node.replica.vector() for node in self.nodes))
        for _ in range(rounds):
            await self._round()
        ending = Ending(self.nodes, self.leaf, self.watch)
        if ending.forked():
            # Where a part is left out, one history may reach others as a mark alone, which fits behind the other one.
            hidden = self.leaf is not None and self.copy_told
            assert self.fork_told or hidden, "two histories of one origin stand, and nobody was told"
            return
        await ending.all_the_same(goal, self.chance)
        for _ in range(self.diameter + 2 if self.recorded else 0):  # what was written about the syncs themselves
            if ending.all_know_the_same():
                break
            await self._round()
        assert ending.all_know_the_same(), "nodes know different things, or tell one another of their syncs for ever"
