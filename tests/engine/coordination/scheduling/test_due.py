"""Which moments of a schedule are due, and what becomes of them: by arithmetic alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.coordination.scheduling.due import GRACE, MOST_MADE_UP, check_plan, decide, moments, next_moment, timing_of
from engine.coordination.scheduling.fires import Outcome, Plan
from engine.errors import CoordinationError
from engine.settings.coordination import Missed

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def hourly(missed: Missed = Missed.LATEST) -> Plan:
    return Plan(name="hourly", task="job", cron="0 * * * *", missed=missed)


def outcomes(plan: Plan, since: datetime, now: datetime) -> list[tuple[int, Outcome]]:
    return [(verdict.nominal.hour, verdict.outcome) for verdict in decide(plan, since, now)]


def test_a_moment_that_has_just_come_fires() -> None:
    assert outcomes(hourly(), NOON - HOUR, NOON) == [(12, Outcome.FIRED)]
    assert outcomes(hourly(), NOON - HOUR, NOON + GRACE) == [(12, Outcome.FIRED)]


def test_nothing_is_due_before_its_time_or_after_it_was_decided() -> None:
    assert decide(hourly(), NOON - HOUR, NOON - SECOND) == []
    assert decide(hourly(), NOON, NOON + SECOND) == []


def test_nothing_is_due_again_when_the_wall_clock_goes_back() -> None:
    assert decide(hourly(), NOON, NOON - 2 * HOUR) == []


@pytest.mark.parametrize(
    ("missed", "expected"),
    [
        (Missed.LATEST, [(10, Outcome.MISSED), (11, Outcome.MISSED), (12, Outcome.LATE)]),
        (Missed.ALL, [(10, Outcome.LATE), (11, Outcome.LATE), (12, Outcome.LATE)]),
        (Missed.SKIP, [(10, Outcome.MISSED), (11, Outcome.MISSED), (12, Outcome.MISSED)]),
    ],
)
def test_what_nobody_was_there_for_goes_by_the_policy(missed: Missed, expected: list[tuple[int, Outcome]]) -> None:
    assert outcomes(hourly(missed), NOON - 3 * HOUR, NOON + 10 * GRACE) == expected


@pytest.mark.parametrize("missed", list(Missed))
def test_a_moment_that_is_on_time_fires_whatever_was_missed_before(missed: Missed) -> None:
    assert outcomes(hourly(missed), NOON - 3 * HOUR, NOON)[-1] == (12, Outcome.FIRED)


def test_what_was_missed_is_said_in_words() -> None:
    assert all(verdict.why for verdict in decide(hourly(Missed.SKIP), NOON - 3 * HOUR, NOON + 10 * GRACE))


@pytest.mark.parametrize("plan", [hourly(Missed.ALL), Plan(name="p", task="j", every=1.0, missed=Missed.ALL)])
def test_years_of_silence_are_looked_at_up_to_a_limit(plan: Plan) -> None:
    verdicts = decide(plan, NOON - timedelta(days=3_000), NOON)

    assert len(verdicts) == MOST_MADE_UP + 1
    assert (verdicts[0].outcome, verdicts[1].outcome, verdicts[-1].outcome) == (
        Outcome.MISSED,
        Outcome.LATE,
        Outcome.FIRED,
    )
    assert "at most 100 are looked at" in verdicts[0].why


def test_a_one_shot_fires_once_and_ends() -> None:
    plan = Plan(name="once", task="job", at=NOON)

    assert next_moment(plan, NOON - SECOND) == NOON
    assert next_moment(plan, NOON) is None
    assert outcomes(plan, NOON - HOUR, NOON) == [(12, Outcome.FIRED)]
    assert decide(plan, NOON, NOON + HOUR) == []


def test_a_changed_timing_is_another_one_however_it_is_written() -> None:
    berlin = datetime.fromisoformat("2026-03-02T13:00+01:00")

    assert timing_of(Plan(name="a", task="j", at=NOON)) == timing_of(Plan(name="a", task="j", at=berlin))
    assert len({timing_of(plan) for plan in (hourly(), Plan(name="a", task="j", every=60.0))}) == 2


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (Plan(name="p", task="j"), "exactly one of the three"),
        (Plan(name="p", task="j", every=60.0, cron="* * * * *"), "exactly one of the three"),
        (Plan(name="p", task="j", every=0.5), "1 s is the least"),
        (Plan(name="p", task="j", at=NOON.replace(tzinfo=None)), "has no time zone"),
        (Plan(name="p", task="j", cron="61 * * * *"), "cannot be read"),
        (Plan(name="p", task="j", cron="nonsense"), "cannot be read"),
        (Plan(name="p", task="j", cron="@daily"), "five fields"),
        (Plan(name="p", task="j", cron="0 0 * * * 30"), "five fields"),
        (Plan(name="p", task="j", cron="0 0 * * *", timezone="Mars/Olympus"), "cannot be read"),
        (Plan(name="p", task="j", cron="0 0 30 2 *"), "a day that never comes"),
    ],
)
def test_plans_that_cannot_be_followed_are_refused_in_words(plan: Plan, said: str) -> None:
    with pytest.raises(CoordinationError, match=said):
        check_plan(plan)


PLANS = st.one_of(
    st.integers(1, 100_000).map(lambda seconds: Plan(name="p", task="j", every=float(seconds))),
    st.sampled_from(
        [
            ("*/7 * * * *", "UTC"),
            ("30 2 * * *", "Europe/Berlin"),
            ("0 */3 * * 1-5", "America/New_York"),
            ("15 1 1 * *", "Australia/Lord_Howe"),
        ]
    ).map(lambda spoken: Plan(name="p", task="j", cron=spoken[0], timezone=spoken[1])),
)
TIMES = st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(plan=PLANS, since=TIMES, gap=st.integers(0, 40 * 24 * 3600), most=st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_the_last_moments_are_found_as_if_all_were_counted(plan: Plan, since: datetime, gap: int, most: int) -> None:
    until = min(since + timedelta(seconds=gap), since + timedelta(seconds=(plan.every or 3600) * 300))
    every = []
    moment = next_moment(plan, since)
    while moment is not None and moment <= until:
        every.append(moment)
        moment = next_moment(plan, moment)

    assert moments(plan, since, until, most) == every[-most:]


@given(plan=PLANS, since=TIMES, pauses=st.lists(st.integers(1, 50_000), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_however_often_somebody_looks_every_moment_is_decided_once(
    plan: Plan, since: datetime, pauses: list[int]
) -> None:
    decided: list[datetime] = []
    last, now = since, since
    for pause in pauses:
        now += timedelta(seconds=min(pause, (plan.every or 60) * 90))
        for verdict in decide(plan, last, now):
            decided.append(verdict.nominal)
            last = verdict.nominal

    assert decided == moments(plan, since, now, 1_000)
