"""The event log's promises, kept by the state file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import ReadOnly
from engine.events.event import Event, NewEvent, Position
from engine.events.log import Filter
from engine.redaction import Redactor
from engine.storage.database import Database, open_database
from engine.storage.event_log import StoredEventLog
from engine.storage.event_pages import open_event_pages
from engine.storage.event_search import ranges
from tests.doubles.clock import ManualClock
from tests.engine.storage.conftest import NODE

START = Position(0)
END = Position(2**62)
PATIENCE = 20


def new(number: int, type_name: str = "user.changed", about: str = "user:1", actor: str = "anna") -> NewEvent:
    return NewEvent(type=type_name, aggregate_id=about, data={"number": number}, metadata={"actor": actor})


async def test_an_appended_event_comes_back_as_it_was_returned(log: StoredEventLog) -> None:
    appended = await log.append([new(1), new(2, about="user:2")])

    assert await log.page(START, 10) == appended
    assert [event.data["number"] for event in appended] == [1, 2]


async def test_positions_and_sequences_have_no_gaps(log: StoredEventLog) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(50):
            group.create_task(log.append([new(number)] * (number % 3 + 1)))
    events = await log.page(START, 1_000)

    assert [event.position for event in events] == list(range(1, len(events) + 1))
    assert [event.seq for event in events] == list(range(1, len(events) + 1))


async def test_appends_that_wait_together_share_a_commit_and_each_gets_its_own_events(
    log: StoredEventLog, database: Database
) -> None:
    await log.append([new(0)])
    before = database.commits
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(log.append([new(number), new(number)])) for number in range(100)]

    assert [[event.data["number"] for event in task.result()] for task in tasks] == [[n, n] for n in range(100)]
    assert database.commits - before <= 2


async def test_an_event_that_cannot_be_written_fails_alone(log: StoredEventLog) -> None:
    async with asyncio.TaskGroup() as group:
        good = [group.create_task(log.append([new(number)])) for number in range(5)]
        bad = group.create_task(_failure(log, new(6, about="user:\ud800")))

    assert isinstance(bad.result(), UnicodeError)
    assert [task.result()[0].data["number"] for task in good] == list(range(5))
    assert await log.bounds() == (1, 5)


async def _failure(log: StoredEventLog, event: NewEvent) -> Exception | None:
    try:
        await log.append([event], own=True)
    except UnicodeError as error:
        return error
    return None


async def test_a_cancelled_append_breaks_no_other(log: StoredEventLog) -> None:
    async with asyncio.TaskGroup() as group:
        cancelled = group.create_task(log.append([new(1)]))
        other = group.create_task(log.append([new(2)]))
        await asyncio.sleep(0)
        cancelled.cancel()

    assert other.result()[0].data["number"] == 2
    assert [event.data["number"] for event in await log.page(START, 10)] in ([2], [1, 2])


async def test_all_or_none(log: StoredEventLog, database: Database) -> None:
    with pytest.raises(LookupError):
        await database.write(lambda connection: _append_and_fail(log, connection))
    appended = await log.append([new(1)])

    assert [(event.position, event.seq) for event in appended] == [(1, 1)]
    assert await log.counts_by_type() == {"user.changed": 1}


def _append_and_fail(log: StoredEventLog, connection: object) -> None:
    log.append_in(connection, [new(7), new(8)])  # type: ignore[arg-type]
    raise LookupError


async def test_the_context_is_what_was_known_of_that_aggregate(log: StoredEventLog) -> None:
    first, other, second = await log.append([new(1), new(2, about="user:2"), new(3)])

    assert first.context == {}
    assert other.context == {}
    assert second.context == {first.origin: first.seq}


async def test_a_reopened_log_goes_on_where_it_ended(state: Path, clock: ManualClock) -> None:
    async with open_database(state) as database:
        first = (await StoredEventLog(database, clock, NODE).append([new(1)]))[0]
    async with open_database(state) as database:
        second = (await StoredEventLog(database, clock, NODE).append([new(2)]))[0]

    assert (second.origin, second.seq, second.position) == (first.origin, 2, 2)
    assert second.context == {first.origin: 1}
    assert second.hlc > first.hlc


async def test_another_node_on_the_same_file_writes_under_its_own_origin(
    database: Database, clock: ManualClock
) -> None:
    ours = (await StoredEventLog(database, clock, NODE).append([new(1)]))[0]
    theirs = (await StoredEventLog(database, clock, "hamburg").append([new(2)]))[0]

    assert (ours.seq, theirs.seq) == (1, 1)
    assert theirs.origin.startswith("hamburg~")
    assert theirs.context == {ours.origin: 1}


async def test_two_logs_on_one_database_do_not_give_a_number_twice(database: Database, clock: ManualClock) -> None:
    logs = [StoredEventLog(database, clock, NODE) for _ in range(2)]
    appended = [(await logs[number % 2].append([new(number)]))[0] for number in range(6)]

    assert [(event.position, event.seq) for event in appended] == [(number, number) for number in range(1, 7)]


async def test_time_goes_on_when_the_clock_is_set_back(log: StoredEventLog, clock: ManualClock) -> None:
    before = (await log.append([new(1)]))[0]
    await clock.advance(timedelta(hours=-5))
    after = (await log.append([new(2)]))[0]

    assert after.hlc == before.hlc + 1


async def test_secrets_are_hidden_before_the_event_is_hashed(database: Database, clock: ManualClock) -> None:
    redactor = Redactor()
    redactor.register("hunter2-and-more")
    log = StoredEventLog(database, clock, NODE, redactor=redactor)
    data = {"error": "login with hunter2-and-more failed", "url": "ldap://cn:hunter2-and-more@host/"}
    appended = await log.append([NewEvent(type="run.failed", aggregate_id="run:1", data=data)], own=True)

    assert "hunter2" not in str(appended)
    assert await log.page(START, 10) == appended
    assert b"hunter2" not in database.path.with_name(database.path.name + "-wal").read_bytes()


async def test_a_secret_learnt_later_is_hidden_in_metadata_that_was_harmless_before(
    database: Database, clock: ManualClock
) -> None:
    redactor = Redactor()
    log = StoredEventLog(database, clock, NODE, redactor=redactor)
    event = NewEvent(type="run.failed", aggregate_id="run:1", metadata={"note": "hunter2-and-more"})
    before = await log.append([event], own=True)
    redactor.register("hunter2-and-more")
    after = await log.append([event], own=True)

    assert [before[0].metadata["note"], after[0].metadata["note"]] == ["hunter2-and-more", "***"]


async def test_one_suspected_event_of_a_batch_is_cleaned_and_the_others_stay(log: StoredEventLog) -> None:
    data = [{"text": "Zoë"}, {"error": "POST https://bob:pw@host/ failed"}, {"password": "abc"}, {"text": "pass"}]
    appended = await log.append([NewEvent(type="a", aggregate_id="b", data=each) for each in data])

    assert [event.data for event in appended] == [
        {"text": "Zoë"},
        {"error": "POST https://bob:***@host/ failed"},
        {"password": "***"},
        {"text": "pass"},
    ]


async def test_an_answer_reads_like_the_log_in_whole_and_in_part(log: StoredEventLog) -> None:
    appended = await log.append([new(number, f"type.{number % 3}", f"user:{number % 2}") for number in range(9)])
    stored = await log.page(START, 10)

    assert (len(appended), appended[-1], appended[2:5], list(appended)) == (9, stored[-1], stored[2:5], stored)
    assert appended == stored
    assert appended != stored[:-1]
    assert repr(appended) == repr(stored)


async def test_large_and_small_appends_that_wait_together_each_get_their_own(log: StoredEventLog) -> None:
    sizes = (1, 700, 2, 300)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(log.append([new(size)] * size)) for size in sizes]

    assert [{event.data["number"] for event in task.result()} for task in tasks] == [{size} for size in sizes]
    assert [len(task.result()) for task in tasks] == list(sizes)


async def test_backwards_reads_newest_first(log: StoredEventLog) -> None:
    await log.append([new(number) for number in range(1, 11)])

    assert [event.position for event in await log.page(END, 3, backwards=True)] == [10, 9, 8]
    assert [event.position for event in await log.page(Position(8), 3, backwards=True)] == [7, 6, 5]
    assert [event.position for event in await log.page(Position(8), 3)] == [9, 10]


async def test_an_empty_log_has_nothing(log: StoredEventLog) -> None:
    assert await log.bounds() == (1, 0)
    assert await log.page(START, 10) == []
    assert await log.page(END, 10, backwards=True) == []
    assert await log.counts_by_type() == {}
    assert await log.append([]) == ()


async def test_a_read_only_log_refuses_to_append(state: Path, clock: ManualClock) -> None:
    async with open_database(state):
        pass
    async with open_database(state, read_only=True) as database:
        log = StoredEventLog(database, clock, NODE)
        for _ in range(2):
            with pytest.raises(ReadOnly):
                await log.append([new(1)])
        assert await log.bounds() == (1, 0)


async def test_counts_stop_at_their_limit(log: StoredEventLog) -> None:
    await log.append([new(number) for number in range(30)])

    assert await log.count(Filter(type="user.*"), limit=10) == 11
    assert await log.count(Filter(type="user.*"), limit=30) == 30


async def test_following_sees_what_is_there_and_what_comes(log: StoredEventLog) -> None:
    await log.append([new(1), new(2, "other.kind")])
    seen: list[int] = []

    async def follow() -> None:
        async for event in log.follow(START, Filter(type="user.*")):
            seen.append(event.data["number"])
            if len(seen) == 3:
                return

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        group.create_task(follow())
        await asyncio.sleep(0)
        await log.append([new(3), new(4, "other.kind")])
        await log.append([new(5)])

    assert seen == [1, 3, 5]


async def test_following_sees_what_another_process_writes(state: Path, clock: ManualClock) -> None:
    async with open_database(state) as ours, open_database(state) as theirs:
        following = StoredEventLog(ours, clock, NODE).follow(START)
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
            arrived = group.create_task(_next(following))
            await asyncio.sleep(0)
            await StoredEventLog(theirs, clock, NODE).append([new(7)])

        assert arrived.result().data["number"] == 7


async def _next(events: AsyncIterator[Event]) -> Event:
    return await anext(events)


async def test_two_connections_that_write_in_turn_keep_one_gapless_chain(state: Path, clock: ManualClock) -> None:
    async with open_database(state) as one, open_database(state) as two:
        logs = [StoredEventLog(one, clock, NODE), StoredEventLog(two, clock, NODE)]
        for number in range(20):
            await logs[number % 2].append([new(number)])
        events = await logs[0].page(START, 100)

    assert [event.seq for event in events] == list(range(1, 21))
    assert [event.context for event in events[1:]] == [{events[0].origin: seq} for seq in range(1, 20)]


@given(st.integers(1, 200_000), st.integers(0, 200_000), st.booleans())
def test_ranges_cover_a_span_once_from_the_end_that_is_read_first(first: int, length: int, backwards: bool) -> None:
    cut = list(ranges(first, first + length - 1, 4_096, 65_536, backwards=backwards))
    in_order = cut[::-1] if backwards else cut

    assert [number for low, high in in_order for number in (low, high + 1)] == (
        [first, *(edge for low, _ in in_order[1:] for edge in (low, low)), first + length] if length else []
    )


TYPES = ("user.added", "user.removed", "user", "run.ended")
ABOUT = ("user:1", "user:10", "User:1", "run:1", "100%_sure")
ACTORS = ("anna", "Anna@berlin", "ännchen", 'o"hara\\')
TEXTS = ("Zoë said ÄPFEL", "50% off_now", 'a "quoted" word', "back\\slash", "line\nbreak", "")
WORDS = ("", "zoë", "Äpfel", "%", "_", '"quoted"', "\\", "USER", "anna", "sAID", "ohne")

EVENTS = st.builds(
    lambda kind, about, actor, text: NewEvent(
        type=kind, aggregate_id=about, data={"text": text}, metadata={"actor": actor} if actor else {}
    ),
    st.sampled_from(TYPES),
    st.sampled_from(ABOUT),
    st.sampled_from(("", *ACTORS)),
    st.sampled_from(TEXTS),
)
STARRED = st.sampled_from(("", "*", "user*", "user.*", "User:1*", "anna*", "A*", 'o"*', "ä*"))
NOW = int(ManualClock().now().timestamp() * 1000)
MOMENTS = st.sampled_from((0, NOW - 1, NOW, NOW + 1, 2**42))
FILTERS = st.builds(
    Filter,
    type=STARRED | st.sampled_from(TYPES),
    aggregate=STARRED | st.sampled_from(ABOUT),
    actor=STARRED | st.sampled_from(ACTORS),
    origin=st.sampled_from(("", "berlin*", "hamburg*")),
    since_ms=st.none() | MOMENTS,
    until_ms=st.none() | MOMENTS,
    search=st.sampled_from(WORDS),
)


def wanted(event: Event, where: Filter) -> bool:
    def fits(pattern: str, text: str | None) -> bool:
        if not pattern:
            return True
        if text is None:
            return False
        return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern

    texts = (event.type, event.aggregate_id, *event.data.values(), *event.metadata.values())
    return (
        fits(where.type, event.type)
        and fits(where.aggregate, event.aggregate_id)
        and fits(where.actor, event.metadata.get("actor"))
        and fits(where.origin, event.origin)
        and (where.since_ms is None or event.milliseconds >= where.since_ms)
        and (where.until_ms is None or event.milliseconds < where.until_ms)
        and any(where.search.casefold() in text.casefold() for text in texts)
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(EVENTS, min_size=1, max_size=25), filters=st.lists(FILTERS, min_size=5, max_size=15))
async def test_every_filter_selects_what_its_conditions_say(
    tmp_path_factory: pytest.TempPathFactory, events: list[NewEvent], filters: list[Filter]
) -> None:
    state = tmp_path_factory.mktemp("filters") / "state.db"
    async with open_database(state) as database:
        log = StoredEventLog(database, ManualClock(), NODE)
        appended = await log.append(events, own=True)
        with open_event_pages(state) as pages:
            for where in filters:
                expected = [event for event in appended if wanted(event, where)]
                assert await log.page(START, 100, where) == expected
                assert await log.page(END, 100, where, backwards=True) == expected[::-1]
                assert await log.count(where) == len(expected)
                assert list(pages.matching(where, 1, 100)) == [event.position for event in expected]
