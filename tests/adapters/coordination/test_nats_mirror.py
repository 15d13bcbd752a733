"""When what was told is as new as what is asked for: a message that another replaced before it was sent never comes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest

from adapters.coordination.nats.jetstream import MARKER, Kept
from adapters.coordination.nats.layout import Layout
from adapters.coordination.nats.mirror import MOST_FREE, Mirror
from adapters.coordination.nats.queue import Place, Queue, Standing
from adapters.coordination.nats.reading import Quiet, Told
from adapters.coordination.records import SessionRecord
from engine.coordination.standing import SessionId
from engine.errors import CoordinationUnavailable

LAYOUT = Layout("acme")
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
ANNA = SessionId("anna")


class Changes(list[tuple[str, int, int]]):
    """What a mirror says has changed: the name, the number before and the one since."""

    def note(self, name: str, before: Standing, after: Standing) -> None:
        self.append((name, before.number, after.number))


def session(number: int, *, gone: bool = False) -> Kept:
    data = b"" if gone else msgspec.json.encode(SessionRecord())
    return Kept(LAYOUT.session(ANNA), number, data, MARKER if gone else {}, MOMENT)


def queue(number: int, name: str = "held", *, free: bool = False) -> Kept:
    holder = None if free else Place(session=ANNA, nonce="1")
    return Kept(LAYOUT.queue(name), number, msgspec.json.encode(Queue(holder=holder)), {}, MOMENT)


def mirror() -> Mirror:
    return Mirror(LAYOUT, Changes().note)


async def reached(mirror: Mirror, number: int) -> bool:
    """Whether it need not be waited for."""
    try:
        async with asyncio.timeout(0):
            await mirror.reach(number)
    except TimeoutError:
        return False
    return True


async def test_a_message_with_none_behind_it_settles_everything_before() -> None:
    new = mirror()
    assert not await reached(new, 5)
    new.told(Told(queue(5), place=1, pending=0))
    assert await reached(new, 5)
    assert not await reached(new, 6)


async def test_a_message_settles_nothing_while_others_waited_behind_it() -> None:
    """Number 3 may have been replaced by number 7, which is among those that are on their way."""
    new = mirror()
    new.told(Told(queue(5), place=1, pending=2))
    assert not await reached(new, 3)
    new.told(Told(queue(6), place=2, pending=9))
    assert not await reached(new, 3)
    new.told(Told(queue(7), place=3, pending=9))
    assert await reached(new, 5)
    assert not await reached(new, 6), "that may have been replaced since"


async def test_a_beat_settles_what_the_server_says_was_sent() -> None:
    new = mirror()
    new.told(Told(queue(5), place=1, pending=4))
    new.told(Quiet(9))
    assert await reached(new, 9)


async def test_what_is_waited_for_comes_with_the_message_or_with_the_end() -> None:
    new = mirror()
    async with asyncio.TaskGroup() as group:
        first, second = group.create_task(new.reach(5)), group.create_task(_ends(new, 6))
        await asyncio.sleep(0)
        new.told(Told(queue(5), place=1, pending=0))
        await first
        assert not second.done()
        new.broken(CoordinationUnavailable("It broke."))


async def _ends(mirror: Mirror, number: int) -> None:
    with pytest.raises(CoordinationUnavailable):
        await mirror.reach(number)


def test_what_is_older_than_what_is_known_changes_nothing() -> None:
    changes = Changes()
    new = Mirror(LAYOUT, changes.note)
    for message in (queue(5), queue(4), queue(5), queue(6, free=True), queue(5)):
        new.take_in(message)
    assert changes == [("held", 0, 5), ("held", 5, 6)]
    assert new.standing("held").queue.free
    assert new.names(ANNA) == ()


def test_a_session_is_told_when_it_comes_and_when_it_goes_and_not_in_between() -> None:
    new = mirror()
    numbers = [new.take_in(session(number)) for number in (1, 2, 3)]
    assert numbers == [ANNA, None, None]
    assert new.sessions[ANNA].number == 3
    assert new.take_in(session(4, gone=True)) == ANNA
    assert new.take_in(session(5, gone=True)) is None
    assert new.take_in(session(3)) is None, "a session that is over never comes back"
    assert not new.living(ANNA)
    assert new.over(ANNA)


def test_who_is_dead_is_known_only_of_those_that_were_told_of() -> None:
    new = mirror()
    new.take_in(queue(5))
    assert not new.known(new.standing("held").queue)
    new.take_in(session(2))
    assert new.known(new.standing("held").queue)
    new.take_in(session(6, gone=True))
    assert new.known(new.standing("held").queue)
    assert list(new.names(ANNA)) == ["held"]


def test_names_that_nobody_holds_are_forgotten_in_the_end() -> None:
    new = mirror()
    for number in range(1, MOST_FREE + 11):
        new.take_in(queue(number, f"n{number}", free=True))
    assert len(list(new.queues())) == MOST_FREE
    assert new.standing("n1").number == 0
