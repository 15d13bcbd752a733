"""What may happen at any moment of a story, and how often."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from engine.events.event import Dot, NewEvent
from engine.events.merging.evaluate import conflict_id, evaluate
from engine.events.merging.queue import Choice, ConflictState, Take
from engine.events.merging.values import ABSENT, Contest
from engine.events.own import REOPENED, RESOLVED, is_own
from engine.events.replicating.messages import Item, Skip
from tests.simulation.nodes.network import CALM, Weather

if TYPE_CHECKING:
    from tests.simulation.nodes.node import Node
    from tests.simulation.nodes.story import Story

AGGREGATES = ("user:1", "user:2", "team:1")
KEYS = ("name", "mail", "tags")
HOUR = timedelta(hours=1)

STORMS = (
    CALM,
    Weather(lost_request=0.1, lost_answer=0.1, repeated=0.2, longest_delay=2),
    Weather(lost_answer=0.4),
    Weather(repeated=0.6, longest_delay=20),
)


async def append(story: Story) -> None:
    """An application writes, or sends again what it does not know to have arrived."""
    node = story.somebody()
    sent = story.sent.setdefault(node.name, [])
    if sent and story.chance.random() < 0.25:
        events = [story.chance.choice(sent)]
    else:
        events = [_new_event(story) for _ in range(story.chance.choice((1, 1, 2, 4)))]
        sent += events
    story.say(f"{node.name} appends {', '.join(f'{event.id} {event.aggregate_id}' for event in events)}")
    memory = node.memory
    written = await node.log.append(events)
    assert [event.id for event in written] == [event.id for event in events]
    if node.memory is memory:
        story.acknowledge(node, [event.id for event in events])


def _new_event(story: Story) -> NewEvent:
    chance = story.chance
    data: object = {
        key: chance.choice((1, 2, "x", None, {"a": chance.randint(1, 3)}, [1]))
        for key in chance.sample(KEYS, chance.choice((1, 1, 2)))
    }
    if chance.random() < 0.05:
        data = chance.choice((None, {}, 5))
    return NewEvent(
        type=chance.choice(("user.changed", "user.renamed")),
        aggregate_id=chance.choice(AGGREGATES),
        data=data,
        metadata={"actor": chance.choice(("anna", "berta"))},
        id=story.names.new_id(),
    )


async def exchange(story: Story) -> None:
    """A node syncs with one of its peers."""
    node = story.somebody()
    if node.peers:
        await story.exchange(node, story.chance.choice(list(node.peers)))


async def resolve(story: Story) -> None:
    """An operator settles a conflict, or a part of it; or a script writes such an event by itself."""
    node = story.somebody()
    if story.chance.random() < 0.6:
        await _resolve_in_the_queue(story, node)
        return
    contested = [
        (aggregate, contests)
        for aggregate in sorted(node.memory.about)
        if not is_own(aggregate) and (contests := evaluate(node.memory.history(aggregate)).contests)
    ]
    if not contested:
        return
    aggregate, contests = story.chance.choice(contested)
    chosen = story.chance.sample(contests, story.chance.randint(1, len(contests)))
    data: Any = {}
    for contest in chosen:
        data = _at(data, contest.path, _choice(story, contest))
    settles = sorted({str(side.event.dot) for contest in chosen for side in contest.candidates})
    story.say(f"{node.name} settles {aggregate} {[contest.path for contest in chosen]} with {data}")
    event = NewEvent(
        type=RESOLVED,
        aggregate_id=aggregate,
        data=data,
        metadata={"actor": "carla", "conflict": conflict_id(aggregate, contests), "settles": settles},
        id=story.names.new_id(),
    )
    _, version = await node.log.version(aggregate)
    await node.log.append([event], expected={aggregate: version}, own=True)
    story.acknowledge(node, [event.id])


async def _resolve_in_the_queue(story: Story, node: Node) -> None:
    waiting = await node.conflicts.queue()
    if not waiting:
        return
    conflict = story.chance.choice(waiting)
    if story.chance.random() < 0.2:
        await node.conflicts.claim(conflict.id)
        return
    fields = story.chance.sample(conflict.fields, story.chance.randint(1, len(conflict.fields)))
    takes = (Choice(take=Take.CANDIDATE, candidate=0), Choice(take=Take.CANDIDATE, candidate=1), Choice(take=Take.BASE))
    choices = {path: story.chance.choice(takes) for path in fields}
    story.say(f"{node.name} settles {conflict.id} of {conflict.aggregate_id} {fields}")
    resolved = await node.conflicts.resolve(conflict.id, choices)
    story.acknowledge(node, [resolved.event.id])


def _choice(story: Story, contest: Contest) -> Any:
    value = story.chance.choice([*(side.value for side in contest.candidates), contest.base, "by hand"])
    return None if value is ABSENT else value


def _at(data: Any, path: tuple[str, ...], value: Any) -> Any:
    if not path:
        return value
    return {**data, path[0]: _at(data.get(path[0], {}), path[1:], value)}


async def undo(story: Story) -> None:
    """An operator takes back a resolution, or that it was taken back."""
    node = story.somebody()
    if story.chance.random() < 0.5:
        if settled_ones := await node.conflicts.queue(states=[ConflictState.SETTLED]):
            conflict = story.chance.choice(settled_ones)
            story.say(f"{node.name} opens {conflict.id} again")
            story.acknowledge(node, [(await node.conflicts.undo(conflict.id)).id])
        return
    settled = [event for event in node.memory.events.values() if event.type in (RESOLVED, REOPENED)]
    if settled:
        event = story.chance.choice(settled)
        story.say(f"{node.name} takes back {event.dot}")
        undoing = NewEvent(
            type=REOPENED,
            aggregate_id=event.aggregate_id,
            data={},
            metadata={"actor": "carla", "undoes": str(event.dot), "conflict": event.metadata.get("conflict", "")},
            id=story.names.new_id(),
        )
        await node.log.append([undoing], own=True)
        story.acknowledge(node, [undoing.id])


async def redact(story: Story) -> None:
    """Somebody's data has to go, everywhere."""
    node = story.somebody()
    events = [event for event in node.memory.events.values() if not is_own(event.aggregate_id)]
    if events:
        event = story.chance.choice(events)
        story.say(f"{node.name} redacts {event.dot}")
        await node.redact(event.dot)


async def replay(story: Story) -> None:
    """A part of a batch comes again, or comes to somebody it was not meant for."""
    if not story.network.delivered:
        return
    node, batch = story.chance.choice(story.network.delivered)
    if story.chance.random() < 0.5 and not any(isinstance(item, Skip) for item in batch.items):
        node = story.somebody()
    if not node.up:
        return
    items = _a_part_of(batch.items, story.chance)
    known = node.replica.vector()
    news = any((item.seq if isinstance(item, Item) else item.last) > known.get(item.origin, 0) for item in items)
    dots = [Dot(item.origin, item.seq) for item in items if isinstance(item, Item)]
    filling = any(isinstance(node.memory.part_at(dot), Skip) for dot in dots)
    receipt = await node.replica.receive(replace(batch, items=items))
    story.say(f"{node.name} gets {len(items)} parts again, and takes {receipt.taken}")
    assert news or filling or receipt.taken == 0, f"{node.name} took {receipt.taken} of what it had"


def _a_part_of(items: Sequence[Item | Skip], chance: Random) -> tuple[Item | Skip, ...]:
    """Return the beginning, the end, or what is one origin's."""
    place = chance.randrange(len(items) + 1)
    origin = chance.choice(items).origin if items else ""
    parts = (items[:place], items[place:], [item for item in items if item.origin == origin])
    return tuple(chance.choice(parts))


async def cut(story: Story) -> None:
    """A line goes down."""
    one, other = story.chance.choice(story.edges)
    story.network.cut.add(frozenset((f"n{one}", f"n{other}")))
    story.say(f"n{one} and n{other} are cut off")


async def mend(story: Story) -> None:
    """A line comes up."""
    if story.network.cut:
        story.network.cut.discard(story.chance.choice(sorted(story.network.cut, key=sorted)))


async def weather_changes(story: Story) -> None:
    story.network.weather = story.chance.choice(STORMS)


async def clock_jumps(story: Story) -> None:
    node = story.chance.choice(story.nodes)
    node.clock.skew += story.chance.choice((HOUR, -HOUR, timedelta(seconds=90)))
    story.say(f"{node.name}'s clock jumps to {node.clock.now()}")


async def power_fails(story: Story) -> None:
    node = story.somebody()
    node.steps_left = story.chance.choice((0, 1, 2, 3, 5, 8))
    story.say(f"{node.name} loses power after {node.steps_left} steps")


async def starts(story: Story) -> None:
    for node in story.nodes:
        if not node.up and story.chance.random() < 0.7:
            story.start(node)


async def backup(story: Story) -> None:
    node = story.somebody()
    story.backups.append((node, node.image()))
    story.say(f"{node.name} is backed up")


async def restore(story: Story) -> None:
    if story.backups:
        node, image = story.chance.choice(story.backups)
        story.say(f"{node.name} is restored from its backup")
        story.put_disk(node, image)


async def clone(story: Story) -> None:
    up = [node for node in story.nodes if node.up]
    if len(up) > 1 and story.chance.random() < 0.3:
        one, other = story.chance.sample(up, 2)
        story.say(f"{other.name} gets a copy of {one.name}'s disk")
        story.put_disk(other, one.image())


Deed = Callable[["Story"], Coroutine[object, object, None]]

DEEDS: dict[Deed, int] = {
    append: 30,
    exchange: 30,
    resolve: 6,
    undo: 2,
    redact: 2,
    replay: 6,
    cut: 4,
    mend: 4,
    weather_changes: 4,
    clock_jumps: 3,
    power_fails: 5,
    starts: 6,
    backup: 1,
    restore: 1,
    clone: 1,
}
