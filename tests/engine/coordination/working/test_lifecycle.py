"""The steps of a task: by arithmetic alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.coordination.standing import SessionId, Token, Who
from engine.coordination.working.lifecycle import (
    LONGEST_PAUSE,
    cancelled,
    count,
    failed,
    forgotten,
    orphaned,
    pause_before_next,
    put_back,
    retried,
    succeeded,
    taken,
)
from engine.coordination.working.task import Attempt, Task, TaskCounts, TaskId, TaskState
from engine.errors import CoordinationError

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)

TASK = Task(id=TaskId("t1"), name="export", due=NOON, submitted=NOON, submitted_by="anna@desk", most_attempts=3)


def attempt(number: int) -> Attempt:
    return Attempt(
        number=number,
        session=SessionId("s"),
        who=Who(node="berlin", actor="anna@desk", pid=7),
        token=Token(number),
        started=NOON,
    )


def running(number: int = 1, **changes: object) -> Task:
    return replace(taken(TASK, attempt(number)), **changes)


def test_a_failure_is_a_failure() -> None:
    first = failed(running(1), "no disk", NOON, pause=SECOND)
    last = failed(running(3), "no disk", NOON, pause=SECOND)

    assert (first.state, first.error, first.due) == (TaskState.WAITING, "no disk", NOON + SECOND)
    assert (last.state, last.error, last.ended) == (TaskState.DEAD, "no disk", NOON)


def test_a_failure_for_good_is_not_tried_again() -> None:
    assert failed(running(1), "no such customer", NOON, pause=SECOND, for_good=True).state is TaskState.DEAD


def test_a_success_forgets_the_failure_before() -> None:
    task = succeeded(taken(failed(running(1), "no disk", NOON, pause=SECOND), attempt(2)), {"rows": 3}, NOON)

    assert (task.state, task.result, task.error, task.attempts) == (TaskState.DONE, {"rows": 3}, "", 2)


def test_a_task_whose_worker_is_gone_goes_to_another_at_once_the_first_time() -> None:
    task = orphaned(running(1), NOON + timedelta(hours=1), 0.5)

    assert (task.state, task.due, task.attempts) == (TaskState.WAITING, TASK.submitted, 1)
    assert "process 7 on berlin" in task.error


def test_a_task_that_kills_its_workers_gets_slower_and_ends() -> None:
    again = orphaned(running(2), NOON, 0.0)

    assert (again.state, again.due > NOON) == (TaskState.WAITING, True)
    assert orphaned(running(3), NOON, 0.0).state is TaskState.DEAD


def test_an_attempt_that_was_stopped_with_its_worker_does_not_count() -> None:
    task = put_back(running(3), "stopped")

    assert (task.state, task.attempts, task.due) == (TaskState.WAITING, 2, TASK.submitted)


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_task_that_somebody_ended_is_not_tried_again_whatever_its_attempt_came_to(attempts: int) -> None:
    task = cancelled(running(attempts), "ben@desk", NOON)

    assert (task.state, task.cancel_asked) == (TaskState.RUNNING, "ben@desk")
    assert failed(task, "stopped", NOON, pause=SECOND).state is TaskState.CANCELLED
    assert orphaned(task, NOON, 0.0).state is TaskState.CANCELLED


def test_a_waiting_task_ends_when_somebody_asks() -> None:
    task = cancelled(TASK, "ben@desk", NOON)

    assert (task.state, task.cancel_asked, task.ended) == (TaskState.CANCELLED, "ben@desk", NOON)
    assert cancelled(task, "somebody else", NOON) == task


@pytest.mark.parametrize("state", [TaskState.DONE, TaskState.DEAD])
def test_what_has_ended_cannot_be_cancelled(state: TaskState) -> None:
    with pytest.raises(CoordinationError, match=f"is {state} already"):
        cancelled(replace(TASK, state=state), "ben", NOON)


@pytest.mark.parametrize("state", [TaskState.DEAD, TaskState.CANCELLED])
def test_a_task_that_ended_badly_starts_over_with_all_its_attempts(state: TaskState) -> None:
    task = retried(running(3, state=state, error="no disk", cancel_asked="ben", ended=NOON))

    assert (task.state, task.attempts, task.cancel_asked, task.ended) == (TaskState.WAITING, 0, "", None)
    assert task.error == "no disk"


@pytest.mark.parametrize("state", [TaskState.WAITING, TaskState.RUNNING, TaskState.DONE])
def test_only_what_ended_badly_is_retried(state: TaskState) -> None:
    with pytest.raises(CoordinationError, match=f"is {state}"):
        retried(replace(TASK, state=state))


@given(attempts=st.integers(0, 10_000), chance=st.floats(0, 1, exclude_max=True))
@settings(max_examples=200)
def test_pauses_grow_and_have_an_end(attempts: int, chance: float) -> None:
    pause = pause_before_next(attempts, chance)

    assert SECOND / 2 <= pause <= LONGEST_PAUSE
    assert pause <= pause_before_next(attempts + 2, chance)


@pytest.mark.parametrize("attempts", [1, 5, 10_000])
def test_tasks_that_failed_together_do_not_come_back_together(attempts: int) -> None:
    soonest, between, latest = (pause_before_next(attempts, chance) for chance in (0.0, 0.5, 0.999))

    assert soonest < between < latest < 2 * soonest


def test_the_eighth_failure_is_minutes_away_not_days() -> None:
    assert pause_before_next(8, 0.999) <= timedelta(minutes=5)


def test_done_and_cancelled_tasks_are_forgotten_after_a_week_dead_ones_never() -> None:
    later = NOON + timedelta(days=8)

    assert forgotten(replace(TASK, state=TaskState.DONE, ended=NOON), later)
    assert forgotten(replace(TASK, state=TaskState.CANCELLED, ended=NOON), later)
    assert not forgotten(replace(TASK, state=TaskState.DONE, ended=NOON), NOON + timedelta(days=6))
    assert not forgotten(replace(TASK, state=TaskState.DEAD, ended=NOON), later)
    assert not forgotten(replace(TASK, state=TaskState.WAITING), later)


def test_states_are_counted_by_name() -> None:
    assert count({TaskState.DEAD: 2, TaskState.DONE: 1}) == TaskCounts(dead=2, done=1)
