"""One seeded story of several nodes: everybody writes, exchanges, settles and fails as he likes; then all is mended, and
all must be the same everywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from engine.errors import SyncdeckError
from engine.events.event import Dot, NewEvent, Origin
from engine.events.own import REDACTED, is_own
from engine.events.replicating.messages import Limits, Selection
from engine.events.replicating.patience import Patience
from engine.events.replicating.replicate import Exchange, Exchanged
from engine.events.replicating.session import Terms
from engine.events.vector import covers, merge
from engine.settings.replication import Direction, PeerSettings
from tests.doubles.journal import Crash
from tests.doubles.replica_memory import Memory
from tests.doubles.virtual_time import DriftingClock, VirtualLoop
from tests.simulation.nodes.mesh import SHAPES, diameter, edges_of
from tests.simulation.nodes.network import CALM, Judge, Line, Network, Weather
from tests.simulation.nodes.node import Names, Node
from tests.simulation.nodes.watching import Watch, state_of

SIZES = (3, 3, 3, 3, 3, 5, 5, 9)
AGGREGATES = ("user:1", "user:2", "team:1")
KEYS = ("name", "mail", "tags")
HOUR = timedelta(hours=1)


@dataclass
class Story:
    """Plays one seed. `said` is what happened so far, for whoever reads about a failure."""

    seed: int
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)
        self.loop = VirtualLoop()
        self.names = Names(Random(self.seed + 1))
        self.nodes: list[Node] = []
        self.watch = Watch(self.nodes, self.say)
        self.backups: list[tuple[Node, Memory]] = []
        self.sent: dict[str, list[NewEvent]] = {}
        self.acknowledged: dict[str, dict[str, object]] = {}
        self.forks_told = False

    def watched(self) -> None:
        """Play the story. Whatever goes wrong is told with the seed, the last steps, and how to play it again."""
        try:
            self.loop.play(self._play())
            assert not self.loop.faults, self.loop.faults
        except Exception as raised:
            error: BaseException = raised
            while isinstance(error, BaseExceptionGroup):
                error = error.exceptions[0]
            last = "\n".join(self.said[-40:])
            again = f"python -m tests.simulation.nodes {self.seed}"
            raise AssertionError(f"{error or type(error).__name__}\n{last}\nPlay it again: {again}") from error
        finally:
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
        size, shape = self.chance.choice(SIZES), self.chance.choice(SHAPES)
        self.edges = edges_of(shape, size, self.chance)
        self.diameter = diameter(size, self.edges)
        self.network = Network(
            self.loop, self.chance, group, self.say, Judge(self.watch.batch_leaves), in_bytes=self.chance.random() < 0.2
        )
        self.say(f"{size} nodes in a {shape}, diameter {self.diameter}: {self.edges}")
        for number in range(size):
            name = f"n{number}"
            clock = DriftingClock(
                self.loop,
                rate=self.chance.uniform(0.999, 1.001),
                skew=timedelta(seconds=self.chance.choice((0, 0, self.chance.uniform(-40, 40)))),
            )
            node = Node(
                name,
                Memory(name, self.names.new_origin(name)),
                clock,
                self.chance,
                self.names,
                self.watch.kept,
                batch=self.chance.choice((1, 3, 10, 5_000)),
            )
            node.start()
            self.nodes.append(node)
            self.acknowledged[name] = {}
        for one, other in self.edges:
            self._connect(self.nodes[one], self.nodes[other])

    def _connect(self, one: Node, other: Node) -> None:
        """Let these two exchange events: one asks for both ways, or each for one."""
        if self.chance.random() < 0.5:
            one, other = other, one
        directions: Sequence[tuple[Node, Node, Direction]]
        kind = self.chance.random()
        if kind < 0.6:
            directions = [(one, other, Direction.BOTH)]
        elif kind < 0.8:
            directions = [(one, other, Direction.BOTH), (other, one, Direction.BOTH)]
        else:
            way = self.chance.choice((Direction.PUSH, Direction.PULL))
            directions = [(one, other, way), (other, one, way)]
        for here, there, direction in directions:
            here.peers[there.name] = PeerSettings(
                name=there.name, url="http://x", direction=direction, batch=self.chance.choice((1, 2, 5, 2_000))
            )

    async def _moment(self) -> None:
        """Let a few things happen at once, and look around when they are done."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self.chance.choice((1, 2, 2, 3, 4))):
                (deed,) = self.chance.choices(list(DEEDS), list(DEEDS.values()))
                group.create_task(self._guarded(deed(self)))
        await asyncio.sleep(self.chance.choice((0.1, 1, 60, 3600)))
        up = [node for node in self.nodes if node.up]
        for node in up:
            self.watch.holds_its_promises(node, self.acknowledged[node.name])
        if self.chance.random() < 0.2:
            self.watch.same_known_same_shown(up)

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

    def _somebody(self) -> Node:
        """Return a node that is up; starts one if none is."""
        up = [node for node in self.nodes if node.up]
        if up:
            return self.chance.choice(up)
        node = self.chance.choice(self.nodes)
        node.start()
        return node

    async def append(self) -> None:
        """An application writes, or sends again what it does not know to have arrived."""
        node = self._somebody()
        sent = self.sent.setdefault(node.name, [])
        if sent and self.chance.random() < 0.25:
            events = [self.chance.choice(sent)]
        else:
            events = [self._new_event() for _ in range(self.chance.choice((1, 1, 2, 4)))]
            sent += events
        self.say(f"{node.name} appends {[event.id for event in events]} to {[event.aggregate_id for event in events]}")
        life, memory = node.life, node.memory
        written = await node.log.append(events)
        assert [event.id for event in written] == [event.id for event in events]
        if node.memory is memory:
            self.acknowledged[node.name].update(dict.fromkeys([event.id for event in events]))
            self.watch.promise({event.id: node.name for event in events})
        assert node.life >= life

    def _new_event(self) -> NewEvent:
        data: object = {
            key: self.chance.choice((1, 2, "x", None, {"a": self.chance.randint(1, 3)}, [1]))
            for key in self.chance.sample(KEYS, self.chance.choice((1, 1, 2)))
        }
        if self.chance.random() < 0.05:
            data = self.chance.choice((None, {}, 5))
        return NewEvent(
            type=self.chance.choice(("user.changed", "user.renamed")),
            aggregate_id=self.chance.choice(AGGREGATES),
            data=data,
            metadata={"actor": self.chance.choice(("anna", "berta"))},
            id=self.names.new_id(),
        )

    async def exchange(self) -> None:
        node = self._somebody()
        if node.peers:
            await self._exchange(node, self.chance.choice(list(node.peers)))

    async def _exchange(self, node: Node, peer: str) -> Exchanged:
        there = next(other for other in self.nodes if other.name == peer)
        settings = node.peers[peer]
        self.say(f"{node.name} {settings.direction} {peer}")
        memory = await node.book.recall(peer)
        terms = Terms(
            peer=peer,
            direction=settings.direction,
            wanted=Selection(types=settings.types, aggregates=settings.aggregates),
            limits=Limits(items=settings.batch),
            filled=memory.filled,
        )
        async with Line(self.network, node, there).connect() as remote:
            exchange = Exchange(
                remote, node.replica, clock=node.clock, chance=self.chance.random, patience=Patience(budget=2.0)
            )
            done = await exchange.run(terms)
        self.say(f"  {node.name} {peer}: pulled {done.pulled}, pushed {done.pushed} {done.error_kind} {done.recovered}")
        self.forks_told |= any(refusal.kind == "fork" for refusal in done.refusals)
        return done

    async def redact(self) -> None:
        node = self._somebody()
        events = [event for event in node.memory.events.values() if not is_own(event.aggregate_id)]
        if events:
            event = self.chance.choice(events)
            self.say(f"{node.name} redacts {event.dot}")
            redaction = NewEvent(type=REDACTED, aggregate_id=f"event:{event.dot}", data={"reason": "asked"})
            await node.log.append([redaction], own=True)

    async def cut(self) -> None:
        one, other = self.chance.choice(self.edges)
        self.network.cut.add(frozenset((f"n{one}", f"n{other}")))
        self.say(f"n{one} and n{other} are cut off")

    async def mend(self) -> None:
        if self.network.cut:
            self.network.cut.discard(self.chance.choice(sorted(self.network.cut, key=sorted)))

    async def weather_changes(self) -> None:
        self.network.weather = self.chance.choice(
            (
                CALM,
                Weather(lost_request=0.1, lost_answer=0.1, repeated=0.2, longest_delay=2),
                Weather(lost_answer=0.4),
                Weather(repeated=0.6, longest_delay=20),
            )
        )

    async def clock_jumps(self) -> None:
        node = self.chance.choice(self.nodes)
        node.clock.skew += self.chance.choice((HOUR, -HOUR, timedelta(seconds=90)))
        self.say(f"{node.name}'s clock jumps to {node.clock.now()}")

    async def power_fails(self) -> None:
        node = self._somebody()
        node.steps_left = self.chance.choice((0, 1, 2, 3, 5, 8))
        self.say(f"{node.name} loses power after {node.steps_left} steps")

    async def starts(self) -> None:
        for node in self.nodes:
            if not node.up and self.chance.random() < 0.7:
                self._start(node)

    def _start(self, node: Node) -> None:
        self.say(f"{node.name} starts")
        node.start()
        self.watch.holds_its_promises(node, self.acknowledged[node.name])

    async def backup(self) -> None:
        node = self._somebody()
        self.backups.append((node, node.memory.copy()))
        self.say(f"{node.name} is backed up")

    async def restore(self) -> None:
        if self.backups:
            node, backup = self.chance.choice(self.backups)
            self.say(f"{node.name} is restored from its backup")
            self._put_disk(node, backup.copy())

    async def clone(self) -> None:
        if self.chance.random() < 0.3:
            one, other = self.chance.sample(self.nodes, 2)
            self.say(f"{other.name} gets a copy of {one.name}'s disk")
            self._put_disk(other, one.memory.copy())

    def _put_disk(self, node: Node, disk: Memory) -> None:
        self.watch.twice |= {node.memory.own, disk.own}
        node.crash()
        node.memory = disk
        self.watch.lost_with_the_disk(node)
        kept = self.acknowledged[node.name]
        self.acknowledged[node.name] = {identity: None for identity in kept if identity in disk.ids}
        self.watch.forget(node)
        node.start()

    async def _end(self) -> None:
        """Mend everything, let enough time go by, and see that all becomes the same."""
        self.say("at last: all is mended")
        self.network.weather = CALM
        self.network.cut.clear()
        for node in self.nodes:
            node.steps_left = -1
            if not node.up:
                self._start(node)
        await asyncio.sleep(5_000)  # whatever was under way arrives
        for node in self.nodes:
            node.clock.set_right()
        await asyncio.sleep(4 * 3600)
        if self.watch.twice:
            self.say("somebody may have to find out who he is")
            for _ in range(2):
                await self._round()
        goal = merge(*(node.replica.vector() for node in self.nodes))
        for _ in range(self.diameter):
            await self._round()
        self._all_the_same(goal)
        self.watch.merged_as_the_oracle_does(self.chance.choice(self.nodes))

    async def _round(self) -> None:
        ways = [(node, peer) for node in self.nodes for peer in node.peers]
        self.chance.shuffle(ways)
        for node, peer in ways:
            done = await self._exchange(node, peer)
            assert not done.error or self.watch.twice, done.error

    def _all_the_same(self, goal: dict[Origin, int]) -> None:
        if self._forked():
            assert self.forks_told, "two histories of one origin stand, and nobody was told"
            return
        first = self.nodes[0]
        for node in self.nodes:
            lacking = [f"{origin}#{seq}" for origin, seq in goal.items() if not covers(node.replica.vector(), Dot(origin, seq))]
            assert not lacking, f"{node.name} still lacks {lacking} after {self.diameter} rounds"
            assert node.memory.standings == first.memory.standings, f"{node.name} knows otherwise than {first.name}"
            assert state_of(node) == state_of(first), f"{node.name} shows otherwise than {first.name}"
            gone = [identity for identity in self.watch.promised if identity not in node.memory.ids]
            assert not gone, f"{node.name} never got {gone[:3]}"

    def _forked(self) -> bool:
        """Tell whether some origin was written twice, and both got about before anybody could know."""
        seen: dict[Dot, bytes] = {}
        for node in self.nodes:
            for origin in self.watch.twice & node.memory.runs.keys():
                for part in node.memory.after(origin, 0):
                    dot = Dot(origin, part.last if hasattr(part, "last") else part.seq)
                    if seen.setdefault(dot, part.chain) != part.chain:
                        return True
        return False


DEEDS: dict[Callable[[Story], Coroutine[object, object, None]], int] = {
    Story.append: 30,
    Story.exchange: 30,
    Story.redact: 2,
    Story.cut: 4,
    Story.mend: 4,
    Story.weather_changes: 4,
    Story.clock_jumps: 3,
    Story.power_fails: 5,
    Story.starts: 6,
    Story.backup: 1,
    Story.restore: 1,
    Story.clone: 1,
}
