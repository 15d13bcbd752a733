"""What a majority of sources says about the time holds as long as a majority is honest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from engine.coordination.clocks.agreement import ROUNDING, aged, agree
from engine.coordination.clocks.timing import Reading

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def reading(source: str, offset: float, error: float) -> Reading:
    """A reading, in milliseconds."""
    return Reading(source=source, offset=offset * MILLISECOND, error=error * MILLISECOND, at=NOW)


def silent(source: str) -> Reading:
    return Reading(source=source, offset=None, at=NOW, fault="no answer")


def test_sources_that_agree_are_right_where_their_bounds_overlap() -> None:
    agreed = agree([reading("a", 0, 10), reading("b", 8, 4)])
    assert agreed is not None
    assert (agreed.offset, agreed.error) == (7 * MILLISECOND, 3 * MILLISECOND + ROUNDING)
    assert agreed.agreeing == ("a", "b")


def test_one_that_differs_from_a_majority_is_named_however_precise_it_is() -> None:
    agreed = agree([reading("a", 0, 10), reading("liar", 5_000, 0.001), reading("b", 5, 10)])
    assert agreed is not None
    assert agreed.false == ("liar",)
    assert agreed.agreeing == ("a", "b")


def test_two_that_differ_say_nothing_together() -> None:
    assert agree([reading("a", 0, 1), reading("b", 500, 1)]) is None


def test_who_is_silent_counts_against_a_majority() -> None:
    assert agree([reading("a", 0, 1), silent("b")]) is None
    assert agree([reading("a", 0, 1), reading("b", 0, 1), silent("c")]) is not None


def test_bounds_that_touch_agree() -> None:
    agreed = agree([reading("a", 0, 1), reading("b", 2, 1)])
    assert agreed is not None
    assert agreed.offset == MILLISECOND


def test_nobody_agrees_on_nothing() -> None:
    assert agree([]) is None


def test_a_reading_is_worth_less_an_hour_later() -> None:
    old = aged(reading("a", 0, 1), timedelta(hours=1))
    assert old.error == 55 * MILLISECOND
    assert aged(silent("a"), timedelta(hours=1)) == silent("a")


OFFSETS = st.floats(-10_000, 10_000)
ERRORS = st.floats(0.001, 1_000)


@st.composite
def mostly_honest(draw: st.DrawFn) -> tuple[timedelta, list[Reading]]:
    """The truth, and readings of which more than half are right about it within their bounds."""
    truth = draw(OFFSETS)
    others = draw(st.lists(st.one_of(st.none(), st.tuples(OFFSETS, ERRORS)), max_size=4))
    errors = draw(st.lists(ERRORS, min_size=len(others) + 1, max_size=len(others) + 4))
    honest = [(truth + draw(st.floats(-1, 1)) * error, error) for error in errors]
    said = draw(st.permutations([*honest, *others]))
    readings = [reading(str(n), *each) if each else silent(str(n)) for n, each in enumerate(said)]
    return truth * MILLISECOND, readings


@given(mostly_honest())
def test_the_truth_is_within_the_bounds_as_long_as_a_majority_is_honest(case: tuple[timedelta, list[Reading]]) -> None:
    truth, readings = case
    agreed = agree(readings)
    assert agreed is not None
    assert abs(truth - agreed.offset) <= agreed.error + 2 * ROUNDING


@given(st.lists(st.tuples(OFFSETS, ERRORS), max_size=7))
def test_the_order_of_the_sources_does_not_matter(said: list[tuple[float, float]]) -> None:
    readings = [reading(str(n), *each) for n, each in enumerate(said)]
    forth, back = agree(readings), agree(readings[::-1])
    assert (forth is None) == (back is None)
    if forth and back:
        assert (forth.offset, forth.error, set(forth.false)) == (back.offset, back.error, set(back.false))


@given(st.lists(st.tuples(OFFSETS, ERRORS), min_size=1, max_size=7))
def test_agreeing_and_false_are_all_who_answered(said: list[tuple[float, float]]) -> None:
    agreed = agree([reading(str(n), *each) for n, each in enumerate(said)])
    if agreed is not None:
        assert sorted(agreed.agreeing + agreed.false) == [str(n) for n in range(len(said))]
        assert len(agreed.agreeing) > len(said) / 2
