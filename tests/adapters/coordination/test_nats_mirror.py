"""When what was told is as new as what is asked for: a message that another replaced before it was sent never comes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest

from adapters.coordination.nats.jetstream import MARKER, Kept
from adapters.coordination.nats.layout import Layout
from adapters.coordination.nats.mirror import Mirror
from adapters.coordination.nats.queue import Part, Place
from adapters.coordination.nats.queues import MOST_FREE, Turned
from adapters.coordination.nats.reading import Quiet, Told
from adapters.coordination.records import SessionRecord
from engine.coordination.standing import SessionId, Token
from engine.errors import CoordinationUnavailable

LAYOUT = Layout("acme")
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
ANNA, BEN = SessionId("anna"), SessionId("ben")


class Turns(list[tuple[str, int, int]]):
    """What a mirror says has changed: the name, the token of who held it before and of who has held it since."""

    def note(self, turned: Turned) -> None:
        before, after = turned.before, turned.after
        self.append((turned.name, before.token if before else 0, after.token if after else 0))


def session(number: int, who: SessionId = ANNA, *, gone: bool = False) -> Kept:
    data = b"" if gone else msgspec.json.encode(SessionRecord())
    return Kept(LAYOUT.session(who), number, data, MARKER if gone else {}, MOMENT)


def part(number: int, name: str = "held", who: SessionId = ANNA, *, free: bool = False) -> Kept:
    places = () if free else (Place(nonce="1"),)
    return Kept(LAYOUT.part(name, who), number, msgspec.json.encode(Part(places=places)), {}, MOMENT)


def mirror() -> Mirror:
    return Mirror(LAYOUT, Turns().note)


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
    new.told(Told(part(5), place=1, pending=0))
    assert await reached(new, 5)
    assert not await reached(new, 6)


async def test_a_message_settles_nothing_while_others_waited_behind_it() -> None:
    """Number 3 may have been replaced by number 7, which is among those that are on their way."""
    new = mirror()
    new.told(Told(part(5), place=1, pending=2))
    assert not await reached(new, 3)
    new.told(Told(part(6), place=2, pending=9))
    assert not await reached(new, 3)
    new.told(Told(part(7), place=3, pending=9))
    assert await reached(new, 5)
    assert not await reached(new, 6), "that may have been replaced since"


async def test_a_beat_settles_what_the_server_says_was_sent() -> None:
    new = mirror()
    new.told(Told(part(5), place=1, pending=4))
    new.told(Quiet(9))
    assert await reached(new, 9)


async def test_what_is_waited_for_comes_with_the_message_or_with_the_end() -> None:
    new = mirror()
    async with asyncio.TaskGroup() as group:
        first, second = group.create_task(new.reach(5)), group.create_task(_ends(new, 6))
        await asyncio.sleep(0)
        new.told(Told(part(5), place=1, pending=0))
        await first
        assert not second.done()
        new.broken(CoordinationUnavailable("It broke."))


async def _ends(mirror: Mirror, number: int) -> None:
    with pytest.raises(CoordinationUnavailable):
        await mirror.reach(number)


def test_what_is_older_than_what_is_known_changes_nothing() -> None:
    new = mirror()
    new.begin([session(2)], 2)
    for message in (part(5), part(4), part(5), part(6, free=True), part(5)):
        new.take_in(message)
    assert new.queues.queue("held").free
    assert new.queues.queue("held").standing(ANNA).number == 6
    assert new.queues.names(ANNA) == ()


def test_nobody_holds_before_it_is_known_that_nobody_stands_before_him() -> None:
    """Ben's place has the number 3, and his part was written again with 7, because he asked once more: that is all
    that is ever told of it."""
    turns = Turns()
    new = Mirror(LAYOUT, turns.note)
    new.begin([session(1), session(2, BEN)], 2)
    new.take_in(part(5))
    new.told(Told(part(5), place=1, pending=1))
    assert new.queues.holder("held") is None
    bens = Part(places=(Place(nonce="1", token=Token(3)), Place(nonce="2")))
    again = Kept(LAYOUT.part("held", BEN), 7, msgspec.json.encode(bens), {}, MOMENT)
    new.take_in(again)
    new.told(Told(again, place=2, pending=0))
    assert [seat.token for seat in new.queues.line("held")] == [3, 5, 7]
    assert turns[-1] == ("held", 0, 3)


def test_a_place_that_waited_to_settle_holds_once_it_has() -> None:
    turns = Turns()
    new = Mirror(LAYOUT, turns.note)
    new.begin([session(1)], 2)
    new.take_in(part(5))
    new.told(Told(part(5), place=1, pending=3))
    assert turns == [("held", 0, 0)]
    new.told(Quiet(5))
    assert turns == [("held", 0, 0), ("held", 0, 5)]


def test_the_next_holds_with_the_message_that_a_session_is_over() -> None:
    turns = Turns()
    new = Mirror(LAYOUT, turns.note)
    new.begin([session(1), session(2, BEN), part(3), part(4, who=BEN)], 4)
    new.take_in(session(5, gone=True))
    assert turns[-1] == ("held", 3, 4)
    assert new.dead(new.queues.queue("held")) == {ANNA}
    assert list(new.queues.names(ANNA)) == ["held"]


def test_a_session_is_told_when_it_comes_and_when_it_goes_and_not_in_between() -> None:
    new = mirror()
    numbers = [new.take_in(session(number)) for number in (1, 2, 3)]
    assert numbers == [ANNA, None, None]
    assert new.sessions[ANNA].number == 3
    assert new.take_in(session(4, gone=True)) == ANNA
    assert new.take_in(session(5, gone=True)) is None
    assert new.take_in(session(3)) is None, "a session that is over never comes back"
    assert not new.living(ANNA)


def test_a_session_that_was_renewed_before_it_was_told_is_not_taken_for_dead() -> None:
    """Its first message was replaced by a renewal, which is on its way."""
    new = mirror()
    new.begin([], 1)
    new.take_in(part(3))
    new.told(Told(part(3), place=1, pending=1))
    assert new.dead(new.queues.queue("held")) == frozenset()
    assert new.queues.line("held") == []
    new.take_in(session(4))
    new.told(Told(session(4), place=2, pending=0))
    assert new.queues.holder("held") is not None
    assert new.dead(new.queues.queue("held")) == frozenset()


def test_a_session_that_is_not_there_once_all_is_told_is_dead() -> None:
    new = mirror()
    new.begin([part(3)], 4)
    assert new.dead(new.queues.queue("held")) == {ANNA}


def test_names_that_nobody_holds_are_forgotten_in_the_end() -> None:
    new = mirror()
    for number in range(1, MOST_FREE + 11):
        new.take_in(part(number, f"n{number}", free=True))
    assert len(list(new.queues.all())) == MOST_FREE


def test_a_part_of_a_queue_that_names_nothing_is_passed_over() -> None:
    new = mirror()
    new.take_in(Kept(f"{LAYOUT.queues}.odd", 5, b"x", {}, MOMENT))
    assert list(new.queues.all()) == []
