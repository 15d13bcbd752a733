"""What is said of this host's clock, given what its sources said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engine.coordination.clocks.agreement import ROUNDING
from engine.coordination.clocks.reckoning import reckon, span
from engine.coordination.clocks.timing import HOST, Reading, Step

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
DISCIPLINED = Reading(source=HOST, offset=timedelta(0), error=12 * MILLISECOND, at=NOW)
ALONE = Reading(source=HOST, offset=None, at=NOW, fault="No time service disciplines this clock.")


def server(name: str, offset: float, error: float = 1) -> Reading:
    return Reading(source=name, offset=offset * MILLISECOND, error=error * MILLISECOND, at=NOW, stratum=2)


def silent(name: str) -> Reading:
    return Reading(source=name, offset=None, at=NOW, fault="no answer within 1 s")


def test_nothing_is_known_before_anybody_was_asked() -> None:
    standing = reckon(None, ())
    assert (standing.offset, standing.synchronised, standing.readings) == (None, False, ())
    assert standing.said == "This clock has not been compared with anything yet."


def test_without_servers_the_kernel_is_believed() -> None:
    standing = reckon(DISCIPLINED, ())
    assert (standing.offset, standing.error) == (timedelta(0), 12 * MILLISECOND + ROUNDING)
    assert standing.synchronised
    assert standing.said == ("The kernel's clock is disciplined: right to within 12 ms, as far as the kernel knows.")


def test_without_servers_and_discipline_nothing_is_claimed() -> None:
    standing = reckon(ALONE, ())
    assert (standing.offset, standing.error, standing.synchronised) == (None, None, False)
    assert standing.said.endswith("Name servers (clock.servers) to have it measured.")


def test_servers_that_agree_decide_and_the_kernel_is_not_asked_about_itself() -> None:
    standing = reckon(DISCIPLINED, [server("a", 250), server("b", 250)])
    assert standing.offset == 250 * MILLISECOND
    assert standing.synchronised
    assert standing.said == "2 of 2 servers agree: this clock is 250 ms behind, give or take 1 ms."


def test_a_clock_that_is_ahead_is_said_to_be() -> None:
    assert "5 s ahead" in reckon(ALONE, [server("a", -5_000)]).said


def test_a_difference_within_the_bounds_is_no_difference() -> None:
    standing = reckon(ALONE, [server("a", 2, error=3)])
    assert standing.said == "1 of 1 server agree: this clock is right, to within 5 ms."


def test_a_falseticker_is_marked_and_named() -> None:
    standing = reckon(ALONE, [server("a", 0), server("liar", 60_000), server("b", 0)])
    assert standing.said.endswith("this clock is right, to within 1 ms. Not believed: liar.")
    assert {each.source: each.fault for each in standing.readings if each.source != HOST} == {
        "a": "",
        "liar": "falseticker: 1 min away from what a majority agrees on",
        "b": "",
    }


def test_without_a_majority_nothing_is_known_whatever_single_servers_say() -> None:
    standing = reckon(ALONE, [server("a", 0), silent("b")])
    assert (standing.offset, standing.synchronised) == (None, False)
    assert standing.said == (
        "1 of 2 servers answered, and no majority of 2 agrees: nothing is known of this clock. "
        "Name three servers or more, so that one may fail."
    )


def test_the_kernel_may_be_synchronised_though_our_servers_are_silent() -> None:
    standing = reckon(DISCIPLINED, [silent("a")])
    assert standing.synchronised
    assert standing.offset is None
    assert standing.said == "No server answered: a (no answer within 1 s)."


@pytest.mark.parametrize(
    ("by", "way"), [(timedelta(hours=2), "forward by 2 h"), (timedelta(seconds=-1), "back by 1 s")]
)
def test_a_clock_that_was_set_has_not_been_compared_since(by: timedelta, way: str) -> None:
    standing = reckon(None, (), Step(at=NOW, by=by))
    assert (standing.stepped, standing.step) == (NOW, by)
    assert standing.said == f"This clock was set {way}, and has not been compared with anything since."


SPANS = {
    timedelta(0): "0 µs",
    timedelta(microseconds=340): "340 µs",
    timedelta(microseconds=2_149): "2.15 ms",
    timedelta(milliseconds=12): "12 ms",
    timedelta(seconds=5.2): "5.2 s",
    timedelta(minutes=3, seconds=20): "3 min",
    timedelta(hours=3, minutes=20): "3 h 20 min",
    timedelta(days=400, hours=3, minutes=20): "400 d 3 h",
}


@pytest.mark.parametrize("length", SPANS)
def test_lengths_of_time_are_written_as_one_reads_clocks(length: timedelta) -> None:
    assert span(length) == SPANS[length]
