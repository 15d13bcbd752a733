"""The same stories with more to do for operators: many decisions, claims and undoings, and some of these redacted."""

from __future__ import annotations

from tests.simulation.nodes import deeds
from tests.simulation.nodes.deeds import Deed
from tests.simulation.nodes.story import Story

WORDS = ("conflict.claimed", "conflict.released", "conflict.resolved", "conflict.reopened")


async def redact_a_word(story: Story) -> None:
    """What an operator wrote about a conflict has to go: a comment named somebody."""
    node = story.somebody()
    words = [event for event in node.memory.events.values() if event.type in WORDS and not event.redacted]
    if words:
        event = story.chance.choice(words)
        story.say(f"{node.name} redacts {event.dot}, a {event.type}")
        await node.redact(event.dot)


async def release(story: Story) -> None:
    """An operator goes home."""
    node = story.somebody()
    claimed = [each for each in await node.conflicts.queue() if each.claimed_by]
    if claimed:
        await node.conflicts.release(story.chance.choice(claimed).id)


AT_THE_DESK: dict[Deed, int] = {
    **deeds.DEEDS,
    deeds.append: 20,
    deeds.resolve: 25,
    deeds.undo: 8,
    deeds.backup: 3,
    deeds.restore: 2,
    redact_a_word: 10,
    release: 4,
}
