"""What the log tells of one aggregate, and of itself as a whole."""

from __future__ import annotations

from pathlib import Path

from engine.events.event import Dot, NewEvent, Origin, Position
from engine.events.upcast import Upcasts
from engine.storage.database import Database
from engine.storage.event_history import StoredHistories
from engine.storage.event_log import StoredEventLog
from engine.storage.event_pages import open_event_pages
from tests.doubles.clock import ManualClock
from tests.engine.storage.conftest import NODE


def new(about: str, **data: object) -> NewEvent:
    return NewEvent(type="user.changed", aggregate_id=about, data=data)


async def test_a_history_is_the_aggregates_events_in_order_and_nobody_elses(log: StoredEventLog) -> None:
    written = await log.append([new("user:1", name="Ann"), new("user:2", name="Bea"), new("user:1", title="CTO")])

    assert await log.history("user:1") == [written[0], written[2]]
    assert await log.history("user:3") == []


async def test_a_history_ends_with_the_position_asked_for(log: StoredEventLog) -> None:
    written = await log.append([new("user:1", step=step) for step in range(3)])

    assert await log.history("user:1", until=written[1].position) == written[:2]
    assert await log.history("user:1", until=Position(0)) == []


async def test_a_version_counts_the_events_and_names_what_is_known(log: StoredEventLog) -> None:
    first, _, third = await log.append([new("user:1", a=1), new("user:2", a=1), new("user:1", a=2)])

    assert await log.version("user:1") == (2, {first.origin: third.seq})
    assert await log.version("nobody") == (0, {})


async def test_the_vector_is_the_newest_seq_of_each_origin(log: StoredEventLog) -> None:
    assert await log.vector() == {}
    written = await log.append([new("user:1"), new("user:2")])

    assert await log.vector() == {written[0].origin: 2}


async def test_an_event_is_found_by_its_dot(log: StoredEventLog) -> None:
    written = await log.append([new("user:1"), new("user:2")])

    assert await log.at_dot(written[1].dot) == written[1]
    assert await log.at_dot(Dot(written[0].origin, 3)) is None
    assert await log.at_dot(Dot(Origin("elsewhere~00000000"), 1)) is None


async def test_a_screen_reads_the_same_history(log: StoredEventLog, state: Path) -> None:
    await log.append([new("user:1", name="Ann"), new("user:2"), new("user:1", name="Bea")])

    with open_event_pages(state) as pages:
        assert pages.history("user:1") == await log.history("user:1")


async def test_many_histories_come_in_one_go(log: StoredEventLog, database: Database) -> None:
    written = await log.append([new("user:1", a=1), new("user:2", a=1), new("user:1", a=2), new("user:3", a=1)])
    histories = StoredHistories(database)

    assert await histories.histories(["user:1", "user:3", "nobody"]) == {
        "user:1": [written[0], written[2]],
        "user:3": [written[3]],
    }
    assert await histories.histories([]) == {}


async def test_every_way_of_reading_shows_old_events_by_todays_schema(
    database: Database, clock: ManualClock, state: Path
) -> None:
    upcasts = Upcasts({"user.changed": (lambda data: {"name": data["nick"]},)})
    log = StoredEventLog(database, clock, NODE, upcasts=upcasts)
    (written,) = await log.append([new("user:1", nick="Ann")])
    today = upcasts.read(written)

    assert today.data == {"name": "Ann"}
    assert await log.page(Position(0), 9) == [today]
    assert [await anext(aiter(log.follow(Position(0))))] == [today]
    assert await log.history("user:1") == [today]
    assert await log.at_dot(written.dot) == today
    assert await StoredHistories(database, upcasts).histories(["user:1"]) == {"user:1": [today]}
    with open_event_pages(state, upcasts) as pages:
        assert pages.page_from(1, 9) == pages.at([1]) == pages.history("user:1") == [today]
