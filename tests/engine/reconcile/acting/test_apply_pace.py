"""How fast a target is called, how long a call is tried again, and what a lost answer means."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import RemoteUnavailable
from engine.reconcile.acting.pace import Patience, Retry
from engine.reconcile.history import RunState, TargetRun
from engine.reconcile.plan import Action
from engine.reconcile.ports import Limits
from tests.doubles.clock import ManualClock
from tests.doubles.targets import ALL_ACTIONS
from tests.doubles.workplace import SECOND, Workplace, effects, service, workplace


async def test_what_the_service_asks_to_wait_is_waited_to_the_second() -> None:
    target = service()
    target.write_faults = {1: RemoteUnavailable("Slow down.", retry_after=17 * SECOND)}
    place = workplace(service("a"), target)

    await place.sync_once()

    first, second = target.write_times
    assert second - first == 17
    assert target.keys() == {"a"}


async def test_nobody_else_calls_while_the_service_asks_to_wait() -> None:
    target = service(limits=Limits(actions=ALL_ACTIONS, batch_size=1, concurrency=4), latency=SECOND)
    target.write_faults = {1: RemoteUnavailable("Slow down.", retry_after=60 * SECOND)}
    place = workplace(service(*"abcdefgh"), target)

    await place.sync_once()

    asked_at = target.write_times[0] + 1
    assert not [moment for moment in target.write_times[4:] if moment < asked_at + 60]
    assert target.keys() == set("abcdefgh")


async def test_a_wait_beyond_all_patience_ends_the_attempt_without_a_call() -> None:
    target = service()
    target.write_faults = {1: RemoteUnavailable("Come back tomorrow.", retry_after=timedelta(hours=9))}
    place = workplace(service("a"), target)

    result = await place.sync_once()

    assert (len(target.writes), result.summary.state) == (1, RunState.FAILED)


async def test_an_outage_is_tried_again_with_growing_pauses_until_patience_ends() -> None:
    target = service()
    target.write_faults = {number: RemoteUnavailable("503") for number in range(1, 100)}
    place = workplace(service("a"), target)

    await place.sync_once()

    pauses = [later - earlier for earlier, later in pairwise(target.write_times)]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert target.write_times[-1] - target.write_times[0] <= 300


async def test_calls_a_second_are_kept() -> None:
    limits = Limits(actions=ALL_ACTIONS, batch_size=1, concurrency=5, per_second=2.0)
    place = workplace(service(*"abcdefg"), service(limits=limits))

    await place.sync_once()

    times = place.target.write_times
    assert [later - earlier for earlier, later in pairwise(times)] == [0.5] * 6


async def test_a_lost_answer_is_read_back_and_not_called_again() -> None:
    target = service(batch_size=2)
    target.lost_answers = {1}
    place = workplace(service("a", "b", "c"), target)

    await place.sync_once()

    assert [len(batch) for batch in target.writes] == [2, 1]
    assert effects(target, Action.ADD) == ["a", "b", "c"]
    assert set((await place.states()).values()) == {"done"}


async def test_an_answer_that_does_not_say_is_read_back() -> None:
    target = service()
    target.silent_answers = {1}
    place = workplace(service("a"), target)

    await place.sync_once()

    assert (len(target.writes), await place.states()) == (1, {"add a": "done"})


async def test_a_call_that_never_arrived_is_made_again_after_reading_back() -> None:
    target = service()
    target.write_faults = {1: RemoteUnavailable("Connection reset.", maybe_done=True)}
    place = workplace(service("a"), target)

    await place.sync_once()

    assert (len(target.writes), effects(target, Action.ADD)) == (2, ["a"])


async def test_who_took_back_a_change_whose_answer_was_lost_is_not_overridden() -> None:
    target = service(names=("title",))
    target.members = {"a": {"title": "ops"}}
    people = service(names=("title",))
    people.members = {"a": {"title": "dev"}}
    target.lost_answers = {1}
    place = workplace(people, target, attributes={"title": "title"})
    stored = await place.plan()
    reads_before = target.reads

    def take_back(number: int) -> None:
        if number == reads_before + 2:
            target.outsider(Action.UPDATE, "a", {"title": "admin"})

    target.before_read = take_back
    await place.apply(stored)

    assert await place.states() == {"update a": "drifted"}
    assert target.members["a"] == {"title": "admin"}


async def test_changes_whose_fate_cannot_be_read_stay_unknown_until_the_run_is_resumed() -> None:
    target = service()
    target.lost_answers = {1}
    place = workplace(service("a"), target)
    stored = await place.plan()
    target.read_faults = {number: RemoteUnavailable("The list answers 503.") for number in range(3, 20)}

    result = await place.apply(stored)
    assert await place.states() == {"add a": "intent"}
    assert "1 unknown until the run is resumed" in result.summary.verdict

    target.read_faults = {}
    await place.resume(1)
    assert (await place.states(), effects(target, Action.ADD)) == ({"add a": "done"}, ["a"])


async def test_a_read_that_shows_the_past_for_a_while_is_repeated_before_the_verdict() -> None:
    target = service("x")
    target.stale_reads = 2
    place = workplace(service("a"), target)

    result = await place.sync_once()

    assert (result.summary.verified, target.keys()) == (True, {"a"})


async def test_a_change_that_does_not_stay_is_told_by_the_verdict() -> None:
    target = service()
    place = workplace(service("a", "b"), target)
    stored = await place.plan()
    reads_before = target.reads
    target.before_read = lambda number: target.members.pop("a", None) if number > reads_before + 1 else None

    result = await place.apply(stored)

    assert (result.summary.verified, result.summary.state) == (False, RunState.PARTIAL)
    assert "list does not show 1 of 2 changes when read back: a" in result.summary.verdict


async def test_progress_is_told_at_most_ten_times_a_second_and_at_the_end() -> None:
    limits = Limits(actions=ALL_ACTIONS, batch_size=1)
    target = service(limits=limits, latency=timedelta(milliseconds=10))
    place = workplace(service(*(f"user{number:03}" for number in range(200))), target)
    stored = await place.plan()

    told = await _progress_of(place, stored.digest)

    assert len(told) <= 10 * 3 + 2
    last = told[-1]
    assert (last.total, last.finished, last.failed) == (200, 200, 0)
    middle = told[len(told) // 2]
    assert 90 <= middle.per_second <= 101
    assert middle.left is not None
    assert middle.batch.startswith("adding ")


async def _progress_of(place: Workplace, digest: str) -> list[TargetRun]:
    told: list[TargetRun] = []
    with place.notices.subscribe("run.progress") as subscription:
        await place.clock.finish(place.reconciler.apply(digest, confirmed=True))
        async for notice in subscription:
            assert isinstance(notice.detail, TargetRun)
            told.append(notice.detail)
            if notice.detail.batch == "ended":
                break
    return told


@given(
    chances=st.lists(st.floats(0, 1, exclude_max=True), min_size=30, max_size=30),
    asked=st.lists(st.one_of(st.none(), st.integers(0, 400)), min_size=30, max_size=30),
)
@settings(max_examples=50)
def test_a_retry_never_waits_less_than_asked_nor_longer_than_patience(
    chances: list[float], asked: list[int | None]
) -> None:
    clock, chance = ManualClock(), iter(chances)
    patience = Patience()
    retry = Retry(patience, clock, lambda: next(chance))
    began = clock.monotonic()
    for seconds in asked:
        wanted = None if seconds is None else seconds * SECOND
        pause = retry.pause_after(RemoteUnavailable("busy", retry_after=wanted))
        if pause is None:
            break
        assert wanted is None or pause >= wanted
        clock.jump(pause)
    assert clock.monotonic() - began <= patience.total.total_seconds()


async def test_whom_somebody_adds_while_a_refused_call_waits_is_not_ours() -> None:
    pause = RemoteUnavailable("429 Too Many Requests", retry_after=timedelta(minutes=2))
    target = service(write_faults={1: pause})
    place = workplace(service("a", "b"), target)

    def somebody_adds(number: int) -> None:
        if target.writes and "b" not in target.members:
            target.outsider(Action.ADD, "b")

    target.before_read = somebody_adds

    await place.sync_once()

    assert await place.states() == {"add a": "done", "add b": "already"}
    assert await place.journal.owned("list") == {"a"}
