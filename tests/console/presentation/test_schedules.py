"""Fires on a line of time, and schedules as people type them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.presentation.schedule_deeds import FIELDS, coming, drafted
from console.presentation.schedules import Columns, Stretch, fitting_span, rule, schedule_line, time_line, titles
from console.presentation.spans import plain, width_of
from engine.coordination.scheduling.fires import Fire, Outcome, Plan, ScheduleStanding
from engine.settings.coordination import Missed, Overlap

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def fire(minutes_ago: float, outcome: Outcome = Outcome.FIRED) -> Fire:
    moment = NOW - timedelta(minutes=minutes_ago)
    return Fire(schedule="s", nominal=moment, outcome=outcome, taken=moment, by="berlin")


def drawn(fires: list[Fire], following: float | None = None, width: int = 50) -> str:
    moment = NOW + timedelta(minutes=following) if following is not None else None
    return plain(time_line(fires, moment, Stretch.around(NOW, HOUR), width))


def test_the_past_stands_left_of_now_and_the_future_right_of_it() -> None:
    line = drawn([fire(30), fire(60)], following=10)
    assert line == "✓···················✓···················│·····◇···"


def test_each_outcome_has_its_own_sign() -> None:
    fires = [fire(50), fire(40, Outcome.LATE), fire(30, Outcome.MISSED), fire(20, Outcome.SKIPPED)]
    assert [sign for sign in drawn(fires) if sign not in "·│"] == ["✓", "◐", "✗", "⊘"]


def test_where_several_fall_into_one_place_the_gravest_is_seen() -> None:
    fires = [fire(31), fire(31.1, Outcome.MISSED), fire(31.2, Outcome.LATE)]
    assert [sign for sign in drawn(fires) if sign not in "·│"] == ["✗"]


def test_now_hides_neither_the_last_fire_nor_the_next() -> None:
    line = drawn([fire(0.1)], following=0.1)
    assert [sign for sign in line if sign != "·"] == ["✓", "│", "◇"]


@given(
    st.lists(st.tuples(st.floats(-200, 200), st.sampled_from(Outcome)), max_size=10),
    st.none() | st.floats(0, 200),
    st.integers(10, 120),
)
def test_a_line_of_time_is_as_wide_as_it_was_asked_to_be(
    fires: list[tuple[float, Outcome]], following: float | None, width: int
) -> None:
    assert len(drawn([fire(*each) for each in fires], following, width)) == width


@pytest.mark.parametrize("width", [50, 78, 118, 160])
def test_titles_and_rows_stand_in_the_same_columns(width: int) -> None:
    standing = ScheduleStanding(plan=Plan(name="nightly", task="backup", every=60.0), next=NOW + HOUR, fires=(fire(5),))
    columns = Columns.of(width, ["nightly"])
    assert width_of(schedule_line(standing, columns, HOUR, NOW)) == width_of(titles(columns, HOUR, NOW))


def test_the_stretch_that_is_drawn_shows_a_few_fires() -> None:
    def standing(step: timedelta) -> ScheduleStanding:
        fires = tuple(fire(number * step.total_seconds() / 60) for number in range(1, 8))
        return ScheduleStanding(plan=Plan(name="s", task="t"), next=None, fires=fires)

    assert fitting_span([standing(timedelta(seconds=20))], NOW) == timedelta(minutes=2)
    assert fitting_span([standing(timedelta(days=1))], NOW) == timedelta(days=7)
    assert fitting_span([], NOW) == HOUR


RULES = {
    "every 15 m": Plan(name="s", task="t", every=900.0),
    "30 2 * * * Berlin": Plan(name="s", task="t", cron="30 2 * * *", timezone="Europe/Berlin"),
    "0 6 * * *": Plan(name="s", task="t", cron="0 6 * * *"),
}


@pytest.mark.parametrize("words", RULES)
def test_a_rule_in_words(words: str) -> None:
    assert rule(RULES[words]) == words


# -- typed -------------------------------------------------------------------------------------------------------------


def typed(**fields: str) -> dict[str, str]:
    return dict.fromkeys(FIELDS, "") | {"name": "nightly", "task": "backup"} | fields


MEANT = {
    "every 15m": Plan(name="nightly", task="backup", every=900.0),
    "90s": Plan(name="nightly", task="backup", every=90.0),
    "0 3 * * 1-5": Plan(name="nightly", task="backup", cron="0 3 * * 1-5"),
    "2027-01-01T02:00": Plan(name="nightly", task="backup", at=datetime(2027, 1, 1, 2, tzinfo=UTC)),
}


@pytest.mark.parametrize("when", MEANT)
def test_when_is_typed_as_a_length_a_cron_expression_or_a_moment(when: str) -> None:
    assert drafted(typed(when=when), frozenset(), (), NOW) == (MEANT[when], "", "")


def test_everything_else_may_be_typed_too() -> None:
    fields = typed(
        when="2027-01-01T02:00", timezone="Europe/Berlin", payload='{"full": true}', missed="skip", overlap="allow"
    )
    plan, problem, _ = drafted(fields, frozenset(), (), NOW)
    assert problem == ""
    assert plan == Plan(
        name="nightly", task="backup", at=datetime(2027, 1, 1, 1, tzinfo=UTC), timezone="Europe/Berlin",
        payload={"full": True}, missed=Missed.SKIP, overlap=Overlap.ALLOW,
    )  # fmt: skip


PROBLEMS = {
    "Give it a name.": ("name", {"name": " ", "when": "1m"}),
    "There is a schedule taken already.": ("name", {"name": "taken", "when": "1m"}),
    "Say which task it submits. Known here: backup, mail.": ("task", {"task": "", "when": "1m"}),
    "Say when": ("when", {}),
    "Mars/North is no time zone": ("timezone", {"when": "1m", "timezone": "Mars/North"}),
    "The payload is no JSON": ("payload", {"when": "1m", "payload": "{"}),
    "often is none of latest, all, skip.": ("missed", {"when": "1m", "missed": "often"}),
    "sometimes is neither a time between two fires": ("when", {"when": "sometimes"}),
    "2020-01-01T00:00 is over.": ("when", {"when": "2020-01-01T00:00"}),
    "The schedule nightly cannot be read": ("when", {"when": "99 * * * *"}),
    "The schedule nightly fires every 0.5 s": ("when", {"when": "500ms"}),
}


@pytest.mark.parametrize("sentence", PROBLEMS)
def test_what_is_wrong_is_said_with_the_field_it_is_about(sentence: str) -> None:
    field, fields = PROBLEMS[sentence]
    plan, problem, about = drafted(typed(**fields), frozenset({"taken"}), ("backup", "mail"), NOW)
    assert plan is None
    assert problem.startswith(sentence)
    assert about == field


@given(st.text(max_size=30))
def test_whatever_is_typed_is_a_plan_or_a_sentence(when: str) -> None:
    plan, problem, _ = drafted(typed(when=when), frozenset(), (), NOW)
    assert (plan is None) == bool(problem)


def test_a_paused_schedule_has_no_next_moment_and_one_that_is_over_neither() -> None:
    assert coming(Plan(name="s", task="t", every=60.0, paused=True), NOW, 3) == []
    assert coming(Plan(name="s", task="t", at=NOW - HOUR), NOW, 3) == []
    assert coming(Plan(name="s", task="t", every=900.0), NOW, 2) == [NOW + HOUR / 4, NOW + HOUR / 2]
