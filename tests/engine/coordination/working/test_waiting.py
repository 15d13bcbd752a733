"""Which task is next: by arithmetic alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.coordination.standing import Revision
from engine.coordination.working.task import Task, TaskId
from engine.coordination.working.waiting import WIDEST, Sighting, Waiting

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def sighting(name: str, *, priority: int = 0, due: datetime = NOON, revision: int = 1) -> Sighting:
    task = Task(id=TaskId(name), name="n", priority=priority, due=due, submitted=NOON - 10 * HOUR, submitted_by="anna")
    return Sighting(task, Revision(revision))


def waiting(*sightings: Sighting) -> Waiting:
    queue = Waiting()
    for each in sightings:
        queue.see(each, NOON, 0.0)
    return queue


def order(queue: Waiting, moment: float = 0.0) -> list[str]:
    taken: list[str] = []
    while (each := queue.take(moment, 0.0)) is not None:
        taken.append(each.task.id)
    return taken


def test_greater_priority_goes_first_then_the_longest_due() -> None:
    queue = waiting(
        sighting("later", due=NOON - HOUR),
        sighting("first", due=NOON - 2 * HOUR),
        sighting("urgent", priority=5),
        sighting("idle", priority=-1, due=NOON - 3 * HOUR),
    )

    assert order(queue) == ["urgent", "first", "later", "idle"]


def test_a_task_waits_for_its_time_by_elapsed_time_not_by_the_wall() -> None:
    queue = waiting(sighting("soon", due=NOON + timedelta(seconds=30)))

    assert queue.next_moment() == 30.0
    assert order(queue, 29.9) == []
    assert order(queue, 30.0) == ["soon"]


def test_a_task_without_a_delay_is_due_even_where_the_clock_is_slow() -> None:
    queue = Waiting()
    task = replace(sighting("now").task, due=NOON, submitted=NOON)

    queue.see(Sighting(task, Revision(1)), NOON - HOUR, 0.0)

    assert order(queue) == ["now"]


def test_old_news_changes_nothing() -> None:
    queue = waiting(sighting("t", revision=5), sighting("t", revision=5), sighting("t", revision=4, due=NOON + HOUR))

    taken = queue.take(0.0, 0.0)

    assert taken is not None
    assert taken.revision == 5
    assert queue.take(9e9, 0.0) is None


def test_what_does_not_wait_any_more_is_not_taken() -> None:
    queue = waiting(sighting("gone"), sighting("there"), sighting("later", due=NOON + HOUR))
    queue.forget(TaskId("gone"))
    queue.forget(TaskId("later"))

    assert order(queue, 9e9) == ["there"]
    assert queue.next_moment() is None


def test_after_a_lost_race_another_one_is_tried_first_and_later_the_order_is_strict_again() -> None:
    queue = waiting(
        *(sighting(f"{number:02d}", due=NOON - HOUR + number * timedelta(seconds=1)) for number in range(64))
    )
    for _ in range(10):
        queue.lost_race()
    picked = queue.take(0.0, 0.999)
    assert picked is not None
    assert picked.task.id == f"{WIDEST - 1:02d}"

    for _ in range(WIDEST):
        queue.won_race()
    strict = queue.take(0.0, 0.999)
    assert strict is not None
    assert strict.task.id == "00"


def test_a_wider_head_never_puts_a_lesser_priority_first() -> None:
    queue = waiting(sighting("urgent", priority=1), *(sighting(f"{number}") for number in range(20)))
    for _ in range(10):
        queue.lost_race()
    picked = queue.take(0.0, 0.999)

    assert picked is not None
    assert picked.task.id == "urgent"


News = tuple[str, int, int, bool]
NEWS = st.tuples(st.sampled_from("abcdef"), st.integers(-1, 1), st.integers(-3, 3), st.booleans())


@given(
    news=st.lists(NEWS, max_size=40), moment=st.floats(0, 8 * 3600), width=st.integers(0, 6), chance=st.floats(0, 0.999)
)
@settings(max_examples=150)
def test_it_gives_every_waiting_task_once_and_none_too_early(
    news: list[News], moment: float, width: int, chance: float
) -> None:
    queue, model = Waiting(), dict[str, tuple[int, datetime]]()
    for _ in range(width):
        queue.lost_race()
    for revision, (name, priority, hours, waits) in enumerate(news, 1):
        if waits:
            due = NOON + hours * HOUR
            queue.see(sighting(name, priority=priority, due=due, revision=revision), NOON, 0.0)
            model[name] = (priority, due)
        else:
            queue.forget(TaskId(name))
            model.pop(name, None)

    taken: list[Sighting] = []
    while (each := queue.take(moment, chance)) is not None:
        taken.append(each)

    ripe = {name for name, (_, due) in model.items() if (due - NOON).total_seconds() <= moment}
    assert sorted(each.task.id for each in taken) == sorted(ripe)
    priorities = [each.task.priority for each in taken]
    assert priorities == sorted(priorities, reverse=True)
    assert len(queue) == len(model) - len(ripe)
