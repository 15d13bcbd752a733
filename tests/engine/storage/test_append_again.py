"""What the log takes, what it takes but once, and what it refuses, in words."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.errors import EventRefused, VersionConflict
from engine.events.event import Dot, Event, NewEvent, Origin, Position
from engine.events.limits import DEEPEST_NESTING, MOST_PAYLOAD_BYTES
from engine.storage.database import Database, open_database
from engine.storage.event_ids import AT_A_TIME, is_found_by_time, new_ids
from engine.storage.event_log import StoredEventLog
from engine.storage.event_redaction import redact_in
from tests.doubles.clock import ManualClock
from tests.engine.storage.conftest import NODE

START = Position(0)
APP = Origin("app-7")


def new(name: str = "Anna", identity: str = "", seq: int = 0, about: str = "user:1") -> NewEvent:
    dot = Dot(APP, seq) if seq else None
    return NewEvent(type="user.changed", aggregate_id=about, data={"name": name}, id=identity, dot=dot)


async def stored(log: StoredEventLog) -> list[Event]:
    return list(await log.page(START, 1_000))


@pytest.mark.parametrize(
    "data", [None, 0, -1.5, "text", True, [], [1, {"a": None}], {}, {"a": {"b": []}}, 'Zoë\n"quoted"'], ids=repr
)
async def test_data_may_be_any_json_value_a_bare_null_is_a_tombstone(log: StoredEventLog, data: Any) -> None:
    await log.append([NewEvent(type="user.changed", aggregate_id="user:1", data=data)])

    assert [event.data for event in await stored(log)] == [data]


class TestSentAgain:
    async def test_an_event_with_an_id_is_written_once(self, log: StoredEventLog) -> None:
        first = await log.append([new(identity="import-1")])
        again = await log.append([new(identity="import-1"), new("Bea", "import-2")])

        assert [event.id for event in await stored(log)] == ["import-1", "import-2"]
        assert again[0] == first[0]

    async def test_two_that_are_the_same_in_one_call_are_one(self, log: StoredEventLog) -> None:
        first, second = await log.append([new(identity="a"), new(identity="a")])

        assert first == second
        assert await log.bounds() == (1, 1)

    @pytest.mark.parametrize(
        "other",
        [
            {"data": {"name": "Bea"}},
            {"type": "user.added"},
            {"aggregate_id": "user:2"},
            {"metadata": {"actor": "bea"}},
            {"dot": Dot(APP, 1)},
        ],
        ids=repr,
    )
    async def test_another_event_under_a_known_id_is_refused(self, log: StoredEventLog, other: dict[str, Any]) -> None:
        await log.append([new(identity="import-1")])
        with pytest.raises(EventRefused, match=r"Another event has the .* already"):
            await log.append([new("Bea"), replace(new(identity="import-1"), **other)])

        assert await log.bounds() == (1, 1)

    async def test_another_under_the_same_id_in_one_call_is_refused(self, log: StoredEventLog) -> None:
        with pytest.raises(EventRefused, match="in the same call"):
            await log.append([new(identity="a"), new("Bea", identity="a")])

        assert await log.bounds() == (1, 0)

    async def test_an_id_that_the_log_gave_is_known_too(self, log: StoredEventLog) -> None:
        (first,) = await log.append([new()])

        assert await log.append([new(identity=first.id)]) == [first]
        with pytest.raises(EventRefused):
            await log.append([new("Bea", identity=first.id)])

    async def test_an_id_is_known_after_the_file_was_opened_again(self, state: Path, clock: ManualClock) -> None:
        for _ in range(2):
            async with open_database(state) as database:
                await StoredEventLog(database, clock, NODE).append([new(identity="import-1")])
                assert await StoredEventLog(database, clock, NODE).bounds() == (1, 1)

    async def test_an_event_that_was_redacted_is_still_the_same_event(
        self, log: StoredEventLog, database: Database
    ) -> None:
        (event,) = await log.append([new(identity="a")])
        await database.write(lambda connection: redact_in(connection, event.dot))

        assert [again.redacted for again in await log.append([new(identity="a")])] == [True]
        with pytest.raises(EventRefused):
            await log.append([new("Bea", identity="a")])

    async def test_many_that_come_twice_at_once_are_written_once(self, log: StoredEventLog) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(40):
                group.create_task(log.append([new(str(number % 20), f"id-{number % 20}"), new()]))

        assert len({event.id for event in await stored(log)}) == len(await stored(log)) == 60


class TestUnderAnOriginOfTheCallersOwn:
    async def test_dots_are_kept_and_chained(self, log: StoredEventLog) -> None:
        appended = await log.append([new("Anna", seq=1), new("Bea", seq=2), new("Cleo")])

        assert [event.dot for event in appended[:2]] == [Dot(APP, 1), Dot(APP, 2)]
        assert appended[2].context == {APP: 2}
        assert appended[2].origin.startswith(NODE)
        assert await log.vector() == {APP: 2, appended[2].origin: 1}

    async def test_a_dot_is_written_once(self, log: StoredEventLog) -> None:
        first = await log.append([new(seq=1), new("Bea", seq=2)])
        again = await log.append([new("Bea", seq=2), new("Cleo", seq=3)])

        assert again[0] == first[1]
        assert await log.bounds() == (1, 3)

    async def test_two_at_the_same_dot_in_one_call_are_one(self, log: StoredEventLog) -> None:
        first, second = await log.append([new(seq=1), new(seq=1)])

        assert first == second
        with pytest.raises(EventRefused, match="in the same call"):
            await log.append([new("Bea", seq=2), new("Cleo", seq=2)])

    async def test_another_event_at_a_known_dot_is_refused(self, log: StoredEventLog) -> None:
        await log.append([new(seq=1)])
        with pytest.raises(EventRefused, match="dot app-7#1 already"):
            await log.append([new("Bea", seq=1)])

    @pytest.mark.parametrize("seqs", [(2,), (1, 3), (2, 1)], ids=repr)
    async def test_a_gap_is_refused_and_nothing_of_the_call_is_kept(
        self, log: StoredEventLog, seqs: tuple[int, ...]
    ) -> None:
        with pytest.raises(EventRefused, match="the next of app-7 here is number"):
            await log.append([new(seq=seq) for seq in seqs])

        assert await log.bounds() == (1, 0)

    async def test_nobody_else_writes_under_this_nodes_origin(self, log: StoredEventLog) -> None:
        (ours,) = await log.append([new()])
        with pytest.raises(EventRefused, match="is this node's own"):
            await log.append([replace(new(), dot=Dot(ours.origin, 2))])

    @pytest.mark.parametrize("dot", [Dot(Origin("x" * 129), 1), Dot(Origin("a\nb"), 1), Dot(APP, 0), Dot(APP, -1)])
    async def test_what_cannot_be_an_origin_or_a_number_is_refused(self, log: StoredEventLog, dot: Dot) -> None:
        with pytest.raises(EventRefused):
            await log.append([replace(new(), dot=dot)])

        assert await log.vector() == {}

    async def test_an_application_goes_on_after_a_restart(self, state: Path, clock: ManualClock) -> None:
        for seq in (1, 2):
            async with open_database(state) as database:
                (event,) = await StoredEventLog(database, clock, NODE).append([new(seq=seq)])
                assert event.context == ({APP: 1} if seq == 2 else {})


class TestAtTheVersionExpected:
    async def test_either_form_of_the_right_version_is_enough(self, log: StoredEventLog) -> None:
        (first,) = await log.append([new()], expected={"user:1": 0})
        await log.append([new("Bea")], expected={"user:1": 1, "user:2": {}})
        await log.append([new("Cleo")], expected={"user:1": {first.origin: 2}})

        assert await log.version("user:1") == (3, {first.origin: 3})

    @pytest.mark.parametrize("wrong", [0, 2, {}, {"berlin-1~0": 1}], ids=repr)
    async def test_a_wrong_version_is_refused_with_the_right_one_in_both_forms(
        self, log: StoredEventLog, wrong: Any
    ) -> None:
        (first,) = await log.append([new()])
        with pytest.raises(VersionConflict) as refused:
            await log.append([new("Bea")], expected={"user:1": wrong})

        assert f'user:1 has version 1 ({{"{first.origin}":1}}) here' in str(refused.value)
        assert await log.bounds() == (1, 1)

    async def test_of_many_that_race_one_wins(self, log: StoredEventLog) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_outcome(log, new(str(number)), {"user:1": 0})) for number in range(20)]
            other = group.create_task(log.append([new(about="user:2")]))

        assert sorted(task.result() for task in tasks) == ["appended"] + ["refused"] * 19
        assert other.result()[0].aggregate_id == "user:2"
        assert (await log.version("user:1"))[0] == 1

    async def test_what_is_there_already_needs_no_version(self, log: StoredEventLog) -> None:
        event = new(identity="a")
        first = await log.append([event], expected={"user:1": 0})

        assert await log.append([event], expected={"user:1": 0}) == first


async def _outcome(log: StoredEventLog, event: NewEvent, expected: dict[str, int]) -> str:
    try:
        await log.append([event], expected=expected)
    except VersionConflict:
        return "refused"
    return "appended"


@pytest.mark.parametrize("about", ["task:17", "key:1", "lock:1", "cron:1", "election:2026", "user:1"])
async def test_what_coordination_is_about_may_be_what_users_are_about(log: StoredEventLog, about: str) -> None:
    await log.append([new(about=about)])
    assert [event.aggregate_id for event in await stored(log)] == [about]


REFUSED: dict[str, dict[str, Any]] = {
    "An event without type": {"type": ""},
    "An event without aggregate": {"aggregate_id": ""},
    "type has 257 characters": {"type": "x" * 257},
    "aggregate has 1,025 characters": {"aggregate_id": "x" * 1_025},
    "id has 129 characters": {"id": "x" * 129},
    "no JSON object": {"metadata": ["actor"]},
    "bytes of data and metadata; at most": {"data": "x" * (MOST_PAYLOAD_BYTES + 1)},
    "nests deeper than the 100 levels": {"data": eval("[" * 101 + "]" * 101)},
    "run:1 belongs to Syncdeck's own journal": {"aggregate_id": "run:1"},
    "conflict:1 belongs to Syncdeck's own journal": {"aggregate_id": "conflict:1"},
    "coordination:lock/deploy belongs to Syncdeck's own journal": {"aggregate_id": "coordination:lock/deploy"},
    "of type conflict.resolved are written by Syncdeck alone": {"type": "conflict.resolved"},
    "of type event.redacted are written by Syncdeck alone": {"type": "event.redacted"},
}


@pytest.mark.parametrize("sentence", REFUSED)
async def test_what_no_log_takes_is_refused_in_words(log: StoredEventLog, sentence: str) -> None:
    with pytest.raises(EventRefused, match=sentence.replace("(", r"\(")):
        await log.append([new("Bea"), replace(new(), **REFUSED[sentence])])

    assert await log.bounds() == (1, 0)


async def test_what_is_just_within_the_limits_is_taken(log: StoredEventLog) -> None:
    deep = "[" * DEEPEST_NESTING + "]" * DEEPEST_NESTING
    data: Any = eval(deep)
    await log.append([NewEvent(type="x" * 256, aggregate_id="y" * 1_024, data=data, id="z" * 128)])

    assert (await stored(log))[0].data == data


async def test_data_that_never_ends_is_refused(log: StoredEventLog) -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(EventRefused, match="nests deeper"):
        await log.append([replace(new(), data=endless)])


async def test_the_engine_itself_writes_its_journal(log: StoredEventLog) -> None:
    event = NewEvent(type="conflict.claimed", aggregate_id="conflict:0123", data={"by": "anna"})

    assert [each.type for each in await log.append([event], own=True)] == ["conflict.claimed"]


class TestIds:
    async def test_events_are_found_by_ids_of_every_kind(self, log: StoredEventLog, clock: ManualClock) -> None:
        (made,) = await log.append([new()])
        await clock.advance(timedelta(hours=-3))
        (made_late,) = await log.append([new()])
        (given,) = await log.append([new(identity="import-1")])
        (v7,) = await log.append([new(identity="01890a5d-ac96-774b-bcce-b302099a8057")])
        wanted = [made, made_late, given, v7]

        assert await log.by_ids([event.id for event in wanted]) == {event.id: event for event in wanted}
        assert await log.by_ids(["unknown", "01890a5d-ac96-774b-bcce-000000000000"]) == {}

    @pytest.mark.parametrize(
        "identity",
        [
            "f47ac10b-58cc-4372-a567-0e02b2c3d479",
            "ffffffff-ffff-7fff-bfff-ffffffffffff",
            "7fffffff-ffff-7fff-bfff-0",
            "ä" * 36,
        ],
    )
    async def test_ids_of_other_makers_are_kept_as_any(self, log: StoredEventLog, identity: str) -> None:
        (first,) = await log.append([new(identity=identity)])

        assert await log.append([new(identity=identity)]) == [first]
        assert set(await log.by_ids([identity])) == {identity}

    async def test_ids_of_events_that_are_far_apart_are_found_at_once(
        self, log: StoredEventLog, clock: ManualClock
    ) -> None:
        events: list[Event] = []
        for _ in range(5):
            events += await log.append([new()])
            await clock.advance(timedelta(days=1))

        assert set(await log.by_ids([event.id for event in events])) == {event.id for event in events}

    def test_each_id_leads_to_the_time_of_its_event_however_many_there_are(self) -> None:
        stamp, count = (1_700_000_000_123 << 16) + 65_000, 3 * AT_A_TIME
        identities = list(new_ids(stamp, count))

        assert len(set(identities)) == count
        assert all(is_found_by_time(identity, stamp + place) for place, identity in enumerate(identities))

    def test_an_id_of_another_time_or_form_does_not(self) -> None:
        stamp = 1_700_000_000_123 << 16
        (identity,) = new_ids(stamp, 1)

        assert not is_found_by_time(identity, stamp + (2 << 16))
        assert not is_found_by_time(identity.upper(), stamp)
        assert not is_found_by_time(identity + "0", stamp)
