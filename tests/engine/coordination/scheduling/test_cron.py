"""Schedules: each moment fires once, whoever leads, whatever happens to leaders, lines and clocks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from engine.coordination.scheduling.due import GRACE
from engine.coordination.scheduling.fires import Fire, Outcome, Plan, ScheduleStanding
from engine.coordination.scheduling.firing import LONGEST_QUEUE, Firing
from engine.coordination.scheduling.ledger import KEPT, SLACK, Ledger
from engine.coordination.working.task import Attempt, Task, TaskState
from engine.errors import CoordinationError, NothingFound
from engine.settings.coordination import Missed, Overlap
from engine.together import together
from tests.doubles.coordinated import Process
from tests.doubles.line_trouble import Trouble, TroubledClock
from tests.doubles.virtual_time import BEGIN
from tests.engine.coordination.world import TTL, World, assert_never_decided_anew, play

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def minutely(**changes: Any) -> Plan:
    return Plan(**{"name": "minutely", "task": "job", "every": 60.0, **changes})


@asynccontextmanager
async def leading(*processes: Process) -> AsyncIterator[None]:
    """Let processes campaign for a block."""
    async with together() as group:
        campaigns = [group.create_task(each.cron.run()) for each in processes]
        try:
            yield
        finally:
            for campaign in campaigns:
                campaign.cancel()


async def standing(process: Process, name: str = "minutely") -> ScheduleStanding:
    return next(each for each in await process.cron.schedules(fires=1_000) if each.plan.name == name)


async def fires(process: Process, name: str = "minutely") -> list[Fire]:
    """Return the fires, oldest first."""
    return list((await standing(process, name)).fires)[::-1]


def minutes(found: list[Fire]) -> list[tuple[int, Outcome]]:
    return [(round((fire.nominal - BEGIN) / MINUTE), fire.outcome) for fire in found]


def test_a_schedule_fires_at_its_moments_and_each_fire_has_a_task() -> None:
    async def story(world: World) -> None:
        async with world.member("a", plans=[minutely(payload={"n": 1}, overlap=Overlap.ALLOW)]) as a, leading(a):
            await world.clock.sleep(3 * MINUTE + SECOND)
            found, tasks = await fires(a), await a.tasks.list()

        assert minutes(found) == [(1, Outcome.FIRED), (2, Outcome.FIRED), (3, Outcome.FIRED)]
        assert [fire.task for fire in found] == [task.id for task in tasks][::-1]
        assert (tasks[0].name, tasks[0].payload, tasks[0].origin) == (
            "job",
            {"n": 1},
            "cron:minutely@2026-03-02T09:03:00Z",
        )
        assert all(fire.taken - fire.nominal < SECOND for fire in found)

    play(story)


def test_a_new_leader_fires_nothing_that_the_one_before_did_fire() -> None:
    async def story(world: World) -> None:
        plans = [minutely(overlap=Overlap.ALLOW)]
        async with world.member("b", plans=plans) as b, leading(b):
            async with world.member("a", plans=plans) as a, leading(a):
                await world.clock.sleep(2 * MINUTE + SECOND)
            await world.clock.sleep(2 * MINUTE)
            found = await fires(b)
            assert len(await b.tasks.list()) == 4

        assert minutes(found) == [(n, Outcome.FIRED) for n in (1, 2, 3, 4)]
        assert len(world.fires) == len({(fire.nominal, fire.task) for fire in world.fires})

    play(story)


def test_two_schedules_do_not_block_one_another() -> None:
    async def story(world: World) -> None:
        plans = [minutely(), minutely(name="other", every=30.0, overlap=Overlap.ALLOW)]
        async with world.member("a", plans=plans) as a, leading(a):
            await world.clock.sleep(MINUTE + SECOND)
            assert len(await fires(a)) == 1
            assert len(await fires(a, "other")) == 2

    play(story)


def test_a_one_shot_fires_once_and_ends_without_a_rush_of_elections() -> None:
    async def story(world: World) -> None:
        plans = [Plan(name="once", task="job", at=BEGIN + MINUTE)]
        async with world.member("a", plans=plans) as a, world.member("b", plans=plans) as b, leading(a, b):
            await world.clock.sleep(timedelta(minutes=10))
            schedule = await standing(a, "once")
            (leaders,) = await a.coordination.leaders()

        assert schedule.next is None
        assert [(fire.nominal, fire.outcome) for fire in schedule.fires] == [(BEGIN + MINUTE, Outcome.FIRED)]
        assert len(leaders.terms) == 1
        assert len([task for task in world.written if task]) == 1

    play(story)


def test_a_one_shot_that_was_over_before_it_was_seen_is_noted_not_fired() -> None:
    async def story(world: World) -> None:
        async with world.member("a", plans=[Plan(name="once", task="job", at=BEGIN - MINUTE)]) as a, leading(a):
            await world.clock.sleep(MINUTE)
            (fire,) = await fires(a, "once")
            assert (fire.outcome, fire.task, await a.tasks.list()) == (Outcome.MISSED, None, [])

    play(story)


@pytest.mark.parametrize(
    ("missed", "expected"),
    [
        (Missed.LATEST, [(2, Outcome.MISSED), (3, Outcome.MISSED), (4, Outcome.LATE)]),
        (Missed.ALL, [(2, Outcome.LATE), (3, Outcome.LATE), (4, Outcome.LATE)]),
        (Missed.SKIP, [(2, Outcome.MISSED), (3, Outcome.MISSED), (4, Outcome.MISSED)]),
    ],
)
def test_what_nobody_led_for_goes_by_the_policy(missed: Missed, expected: list[tuple[int, Outcome]]) -> None:
    async def story(world: World) -> None:
        plans = [minutely(missed=missed, overlap=Overlap.ALLOW)]
        async with world.member("a", plans=plans) as a:
            async with leading(a):
                await world.clock.sleep(MINUTE + SECOND)
            await world.clock.sleep(3 * MINUTE + GRACE + SECOND)
            async with leading(a):
                await world.clock.sleep(SECOND)
                found = await fires(a)
                tasks = await a.tasks.list()

        assert minutes(found) == [(1, Outcome.FIRED), *expected]
        assert len(tasks) == 1 + sum(outcome is Outcome.LATE for _, outcome in expected)
        assert all(fire.why for fire in found if fire.outcome is Outcome.MISSED)

    play(story)


def test_a_schedule_that_is_down_before_its_first_fire_still_knows_what_it_missed() -> None:
    async def story(world: World) -> None:
        plans = [minutely(every=300.0)]
        async with world.member("a", plans=plans) as a:
            async with leading(a):
                await world.clock.sleep(MINUTE)
            await world.clock.sleep(timedelta(minutes=5))
            async with leading(a):
                await world.clock.sleep(SECOND)
                assert [fire.outcome for fire in await fires(a)] == [Outcome.LATE]

    play(story)


def test_a_changed_schedule_makes_up_for_nothing_of_its_new_past() -> None:
    async def story(world: World) -> None:
        async with world.member("a", plans=[minutely(every=300.0)]) as a, leading(a):
            await world.clock.sleep(timedelta(minutes=9))
        plans = [minutely(missed=Missed.ALL, overlap=Overlap.ALLOW)]
        async with world.member("b", plans=plans) as b, leading(b):
            await world.clock.sleep(MINUTE + SECOND)
            assert minutes(await fires(b)) == [(5, Outcome.FIRED), (10, Outcome.FIRED)]

    play(story)


class Slow:
    """A command that takes its time."""

    def __init__(self, world: World, takes: timedelta) -> None:
        self._world = world
        self._takes = takes
        self.running = 0
        self.most = 0
        self.done: list[str] = []

    async def __call__(self, task: Task, _: Attempt) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        await self._world.clock.sleep(self._takes)
        self.running -= 1
        self.done.append(task.origin[-len("09:01:00Z") :])


@pytest.mark.parametrize(
    ("overlap", "expected", "most"),
    [
        (Overlap.FORBID, [Outcome.FIRED, Outcome.SKIPPED, Outcome.FIRED, Outcome.SKIPPED], 1),
        (Overlap.QUEUE, [Outcome.FIRED] * 4, 1),
        (Overlap.ALLOW, [Outcome.FIRED] * 4, 2),
    ],
)
def test_fires_overlap_as_the_policy_says(overlap: Overlap, expected: list[Outcome], most: int) -> None:
    async def story(world: World) -> None:
        slow = Slow(world, timedelta(seconds=90))
        plans = [minutely(overlap=overlap)]
        async with world.member("a", handlers={"job": slow}, plans=plans) as a, leading(a):
            await world.clock.sleep(4 * MINUTE + SECOND)
            found = await fires(a)
            await a.cron.pause("minutely")
            await world.clock.sleep(timedelta(minutes=20))
            again = await fires(a)

        assert [fire.outcome for fire in found] == expected
        assert slow.most == most
        assert len(slow.done) == expected.count(Outcome.FIRED)
        assert slow.done == sorted(slow.done)
        assert [fire.task is not None for fire in again] == [outcome is Outcome.FIRED for outcome in expected]
        assert all("not over" in fire.why for fire in found if fire.outcome is Outcome.SKIPPED)

    play(story)


def test_fires_that_wait_for_one_another_are_a_hundred_at_most() -> None:
    async def story(world: World) -> None:
        plans = [minutely(every=1.0, overlap=Overlap.QUEUE)]
        async with world.member("a", plans=plans) as a, leading(a):
            await world.clock.sleep(timedelta(seconds=LONGEST_QUEUE + 5.5))
            found = await fires(a)

        assert [fire.outcome for fire in found[: LONGEST_QUEUE + 1]] == [Outcome.FIRED] * (LONGEST_QUEUE + 1)
        assert {fire.outcome for fire in found[LONGEST_QUEUE + 1 :]} == {Outcome.SKIPPED}
        assert f"{LONGEST_QUEUE} fires before it wait" in found[-1].why

    play(story)


def test_a_leader_that_dies_between_fire_and_task_is_made_good() -> None:
    async def story(world: World) -> None:
        plans = [minutely(overlap=Overlap.ALLOW)]
        trouble = Trouble()
        async with world.member("b", plans=plans) as b:
            async with world.member("a", trouble, plans=plans) as a, leading(a):
                await world.clock.sleep(MINUTE - SECOND)
                trouble.after_putting = _dies_at("cron/fire/", trouble)
                await world.clock.sleep(2 * SECOND)
                assert [fire.task for fire in world.fires] == [None]
            async with leading(b):
                await world.clock.sleep(TTL + 3 * SECOND)
                (fire,) = await fires(b)
                (task,) = await b.tasks.list()

        assert fire.task == task.id

    play(story)


def _dies_at(prefix: str, trouble: Trouble) -> Callable[[str], Awaitable[None]]:
    async def die(key: str) -> None:
        if key.startswith(prefix):
            trouble.away = True

    return die


def test_a_leader_that_was_not_told_of_its_end_takes_no_moment_any_more() -> None:
    async def story(world: World) -> None:
        plans = [minutely(overlap=Overlap.ALLOW)]
        trouble = Trouble()
        async with world.member("a", plans=plans) as a, world.member("b", trouble, plans=plans) as b, leading(a):
            await world.clock.sleep(MINUTE + SECOND)
            async with leading(b):
                await world.clock.sleep(MINUTE - SECOND - timedelta(milliseconds=50))
                (leaders,) = await b.coordination.leaders()
                assert leaders.claim.holder is not None
                world.backend.holdings._sessions[leaders.claim.holder.session].revoked = lambda name, token: None
                await b.coordination.line.revoke("election/cron", leaders.claim.holder.token)
                trouble.freeze()
                await world.clock.sleep(timedelta(milliseconds=500))
                assert minutes(await fires(a)) == [(1, Outcome.FIRED)]
                trouble.thaw()
                await world.clock.sleep(SECOND)
            assert [fire.by[0] for fire in await fires(a)] == ["a", "b"]

    play(story)


def test_schedulers_that_all_believe_to_lead_fire_each_moment_once() -> None:
    class Believer:
        """A lease that is never lost, as far as its holder knows."""

        def check(self) -> None:
            return None

    async def story(world: World) -> None:
        plan = minutely(overlap=Overlap.ALLOW, missed=Missed.ALL)
        async with (
            world.member("a", plans=[plan]) as a,
            world.member("b", plans=[plan]) as b,
            world.member("c", plans=[plan]) as c,
            world.member("d", plans=[plan]) as d,
        ):
            for _ in range(10):
                async with asyncio.TaskGroup() as group:
                    for each in (a, b, c, d):
                        ground = each.cron._ground
                        firing = Firing(ground, Ledger(ground.store), each.tasks)
                        group.create_task(firing.attend(plan, Believer().check))
                await world.clock.sleep(MINUTE)
            found, tasks = await fires(a), await a.tasks.list()

        assert minutes(found) == [(n, Outcome.FIRED) for n in range(1, 10)]
        assert len(tasks) == 9
        assert {fire.task for fire in found} == {task.id for task in tasks}
        assert_never_decided_anew(world)

    play(story)


def test_a_clock_that_is_set_forward_goes_by_the_policy_and_one_set_back_fires_nothing_twice() -> None:
    async def story(world: World) -> None:
        plans = [minutely(overlap=Overlap.ALLOW)]
        async with world.member("a", plans=plans) as a, leading(a):
            clock = a.cron._ground.clock
            assert isinstance(clock, TroubledClock)
            await world.clock.sleep(MINUTE + SECOND)
            clock.wrong_by = 3 * MINUTE
            await world.clock.sleep(20 * SECOND)
            forward = minutes(await fires(a))
            clock.wrong_by = timedelta(0)
            await world.clock.sleep(3 * MINUTE + 20 * SECOND)
            back = minutes(await fires(a))
            await world.clock.sleep(MINUTE)
            after = minutes(await fires(a))

        assert forward == [(1, Outcome.FIRED), (2, Outcome.MISSED), (3, Outcome.MISSED), (4, Outcome.FIRED)]
        assert back == forward
        assert after == [*forward, (5, Outcome.FIRED)]

    play(story)


def test_a_clock_that_was_seen_to_be_set_is_acted_on_at_once() -> None:
    async def story(world: World) -> None:
        async with world.member("a", plans=[minutely(overlap=Overlap.ALLOW)]) as a, leading(a):
            clock = a.cron._ground.clock
            assert isinstance(clock, TroubledClock)
            await world.clock.sleep(16 * SECOND)
            clock.wrong_by = MINUTE
            a.coordination.clock.standing()
            await world.clock.sleep(SECOND)
            assert minutes(await fires(a)) == [(1, Outcome.FIRED)]

    play(story)


def test_a_schedule_is_added_while_somebody_leads_and_fires_at_once_when_due() -> None:
    async def story(world: World) -> None:
        async with world.member("a") as a, world.member("b") as b, leading(a):
            await world.clock.sleep(10 * SECOND)
            await b.cron.add(minutely(every=3.0, overlap=Overlap.ALLOW))
            await world.clock.sleep(7 * SECOND)
            found = await standing(b)
            await b.cron.remove("minutely", reason="tried out")
            count = len(found.fires)
            await world.clock.sleep(MINUTE)
            assert await b.cron.schedules() == []
            assert len(await b.tasks.list()) == count
            assert b.events[0][:2] == ("cron.added", "coordination:cron/minutely")
            assert b.events[1] == ("cron.removed", "coordination:cron/minutely", {"reason": "tried out"})

        assert found.plan.added_by == "anna@b"
        assert count == 2

    play(story)


def test_whoever_leads_fires_the_schedules_of_all_nodes() -> None:
    async def story(world: World) -> None:
        of_a = [minutely(name="a", overlap=Overlap.ALLOW), minutely(name="both", payload="a")]
        of_b = [minutely(name="b", overlap=Overlap.ALLOW), minutely(name="both", payload="b")]
        async with world.member("berlin", plans=of_a) as a, world.member("bonn", plans=of_b) as b:
            async with leading(a, b):
                await world.clock.sleep(MINUTE + SECOND)
                assert [(each.plan.name, each.plan.node) for each in await b.cron.schedules()] == [
                    ("a", "berlin"),
                    ("b", "bonn"),
                    ("both", "bonn"),
                ]
                assert sorted(task.origin.partition("@")[0] for task in await a.tasks.list()) == [
                    "cron:a",
                    "cron:b",
                    "cron:both",
                ]
            async with leading(b):
                await world.clock.sleep(MINUTE)
                assert [len(await fires(a, name)) for name in "ab"] == [2, 2]

    play(story)


def test_a_nodes_schedules_follow_its_settings_and_outlive_it_until_somebody_removes_them() -> None:
    async def story(world: World) -> None:
        async with world.member("bonn") as b, leading(b):
            async with world.member("berlin", plans=[minutely(name="old"), minutely(name="kept")]) as a, leading(a):
                await world.clock.sleep(SECOND)
                with pytest.raises(CoordinationError, match="stands in the settings of berlin"):
                    await b.cron.remove("kept")
            async with world.member("berlin", plans=[minutely(name="kept")]) as a, leading(a):
                await world.clock.sleep(SECOND)
                assert [each.plan.name for each in await b.cron.schedules()] == ["kept"]
            await world.clock.sleep(MINUTE)
            assert len(await fires(b, "kept")) == 1
            await b.cron.remove("kept")
            assert await b.cron.schedules() == []

    play(story)


def test_a_paused_schedule_does_not_fire_and_makes_up_for_nothing() -> None:
    async def story(world: World) -> None:
        plans = [minutely(missed=Missed.ALL, overlap=Overlap.ALLOW)]
        async with world.member("a", plans=plans) as a, leading(a):
            await world.clock.sleep(MINUTE + SECOND)
            await a.cron.pause("minutely")
            await world.clock.sleep(5 * MINUTE)
            paused = await standing(a)
            await a.cron.resume("minutely")
            await world.clock.sleep(MINUTE)
            resumed = await standing(a)

        assert (paused.plan.paused, paused.next, len(paused.fires)) == (True, None, 1)
        assert minutes(list(resumed.fires)) == [(7, Outcome.FIRED), (1, Outcome.FIRED)]
        assert resumed.next == BEGIN + 8 * MINUTE

    play(story)


def test_a_fire_by_hand_is_out_of_turn_and_decides_nothing() -> None:
    async def story(world: World) -> None:
        plans = [minutely(overlap=Overlap.ALLOW)]
        async with world.member("a", plans=plans) as a, leading(a):
            await world.clock.sleep(MINUTE + 30 * SECOND)
            fire = await a.cron.fire("minutely", reason="asked by mail")
            await world.clock.sleep(MINUTE)
            found = await fires(a)
            noted = {"task": fire.task, "reason": "asked by mail"}
            assert a.events == [("cron.fired", "coordination:cron/minutely", noted)]
            assert {task.id for task in await a.tasks.list()} == {each.task for each in found}

        assert [each.by_hand for each in found] == [False, True, False]
        assert (fire.by, fire.nominal) == ("anna@a", BEGIN + MINUTE + 30 * SECOND)

    play(story)


def test_what_was_missed_stays_missed_when_somebody_fires_by_hand() -> None:
    async def story(world: World) -> None:
        async with world.member("a", plans=[minutely(overlap=Overlap.ALLOW)]) as a:
            async with leading(a):
                await world.clock.sleep(MINUTE + SECOND)
            await world.clock.sleep(3 * MINUTE)
            await a.cron.fire("minutely")
            async with leading(a):
                await world.clock.sleep(SECOND)
            found = [fire for fire in await fires(a) if not fire.by_hand]

        assert minutes(found) == [(1, Outcome.FIRED), (2, Outcome.MISSED), (3, Outcome.MISSED), (4, Outcome.FIRED)]

    play(story)


def test_a_fire_by_hand_does_not_overlap_where_that_is_forbidden_and_waits_where_it_may() -> None:
    async def story(world: World) -> None:
        slow = Slow(world, timedelta(seconds=20))
        plans = [minutely(every=3600.0, name=name, overlap=Overlap(name)) for name in ("forbid", "queue")]
        async with world.member("a", handlers={"job": slow}, plans=plans) as a, leading(a):
            for plan in plans:
                await a.cron.fire(plan.name)
            await world.clock.sleep(SECOND)
            with pytest.raises(CoordinationError, match="must not overlap"):
                await a.cron.fire("forbid")
            waiting = await a.cron.fire("queue")
            assert waiting.task is None
            await world.clock.sleep(MINUTE)
            newest = (await standing(a, "queue")).fires[0]
            assert newest.task is not None
            assert (await a.tasks.get(newest.task)).state is TaskState.DONE

    play(story)


def test_old_fires_are_removed_and_the_last_are_kept() -> None:
    async def story(world: World) -> None:
        plans = [minutely(every=1.0, overlap=Overlap.ALLOW)]
        async with world.member("a", plans=plans) as a, leading(a):
            await world.clock.sleep(timedelta(seconds=KEPT + SLACK + 40.5))
            found = await fires(a)

        assert KEPT <= len(found) <= KEPT + SLACK
        assert found[-1].nominal == BEGIN + timedelta(seconds=KEPT + SLACK + 40)

    play(story)


def test_the_leader_forgets_what_ended_long_ago_and_what_no_schedule_knows_any_more() -> None:
    async def story(world: World) -> None:
        async with world.member("a") as a:
            clock = a.cron._ground.clock
            assert isinstance(clock, TroubledClock)
            await a.cron.add(minutely())
            async with leading(a):
                await world.clock.sleep(MINUTE + SECOND)
            await a.cron.remove("minutely")
            (fired,) = await a.tasks.list()
            await a.tasks.cancel(fired.id)
            kept = await a.tasks.submit("job")
            clock.wrong_by = timedelta(days=31)
            async with leading(a):
                await world.clock.sleep(SECOND)
            assert [task.id for task in await a.tasks.list()] == [kept.id]
            assert await a.coordination.line.entries("cron/") == []

    play(story)


def test_a_task_that_cannot_be_submitted_is_noted_and_hinders_no_other() -> None:
    async def story(world: World) -> None:
        by_hand = msgspec.json.encode(minutely(payload={"password": "hunter2-hunter2"}))
        async with world.member("a", plans=[minutely(name="other")]) as a, world.backend.open() as store, leading(a):
            await store.put("cron/plan/minutely", by_hand)
            await world.clock.sleep(MINUTE + SECOND)
            (fire,) = await fires(a)
            (other,) = await fires(a, "other")

        assert (fire.outcome, fire.task) == (Outcome.SKIPPED, None)
        assert "seems to hold a secret" in fire.why
        assert other.task is not None

    play(story)


def test_leaders_come_back_when_the_backend_does() -> None:
    async def story(world: World) -> None:
        trouble = Trouble()
        plans = [minutely(overlap=Overlap.ALLOW, missed=Missed.ALL)]
        async with world.member("a", trouble, plans=plans) as a, leading(a):
            await world.clock.sleep(MINUTE + SECOND)
            trouble.away = True
            trouble.cut()
            await world.clock.sleep(10 * MINUTE)
            trouble.away = False
            await world.clock.sleep(MINUTE)
            found = await fires(a)

        assert [fire.nominal for fire in found] == [BEGIN + n * MINUTE for n in range(1, 13)]

    play(story)


MISTAKES: Mapping[str, tuple[Callable[[Process], Awaitable[object]], type[Exception], str]] = {
    "twice": (lambda a: a.cron.add(minutely()), CoordinationError, "already"),
    "past": (lambda a: a.cron.add(Plan(name="p", task="j", at=BEGIN - MINUTE)), CoordinationError, "is over"),
    "name": (lambda a: a.cron.add(minutely(name="x" * 240)), CoordinationError, "bytes"),
    "fixed": (lambda a: a.cron.remove("minutely"), CoordinationError, "stands in the settings"),
    "paused": (lambda a: a.cron.resume("still"), CoordinationError, "paused in the settings"),
    "unknown": (lambda a: a.cron.fire("minutly"), NothingFound, "Did you mean minutely"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_said_in_words(mistake: str) -> None:
    act, kind, said = MISTAKES[mistake]

    async def story(world: World) -> None:
        async with world.member("a", plans=[minutely(), minutely(name="still", paused=True)]) as a:
            with pytest.raises(kind, match=said):
                await act(a)
            assert a.events == []

    play(story)


@pytest.mark.parametrize("value", [b"\xff", b'{"name":' * 3000], ids=["no text", "nested"])
def test_what_somebody_wrote_by_hand_keeps_no_schedule_from_firing(value: bytes) -> None:
    async def story(world: World) -> None:
        async with world.member("a", plans=[minutely()]) as a, world.backend.open() as store:
            for key in ("plan/x", "node/x", "node/a", "mark/minutely", "pause/x", "fire/minutely/x"):
                await store.put(f"cron/{key}", value)
            async with leading(a):
                await world.clock.sleep(MINUTE + SECOND)
            assert Outcome.FIRED in [fire.outcome for fire in await fires(a)]

    play(story)


def test_what_cannot_be_read_is_named_and_can_be_discarded_but_no_schedule_can() -> None:
    async def story(world: World) -> None:
        async with world.member("a", plans=[minutely()]) as a, world.backend.open() as store:
            await a.cron.add(Plan(name="good", task="job", every=60.0))
            await store.put("cron/plan/bad", b"by hand")
            assert await a.cron.unreadable() == {"bad": b"by hand"}
            with pytest.raises(CoordinationError, match="a schedule bad already"):
                await a.cron.add(Plan(name="bad", task="job", every=60.0))

            await a.cron.discard("bad", reason="a slip")

            assert await store.get("cron/plan/bad") is None
            assert a.events[-1] == (
                "cron.removed",
                "coordination:cron/bad",
                {"state": "unreadable", "reason": "a slip"},
            )
            for name in ("bad", "good", "minutely"):
                with pytest.raises(NothingFound, match="Look again"):
                    await a.cron.discard(name)
            assert [each.plan.name for each in await a.cron.schedules()] == ["good", "minutely"]

    play(story)
