"""Header and footer: what gives way where there is little room, and what never does."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from console.presentation.failures import explain
from console.presentation.gauges import gauge
from console.presentation.header import Pulse, header
from console.presentation.keys import KeyHint, hint_at, key_line, key_name
from console.presentation.spans import plain, width_of
from console.presentation.sparkline import sparkline
from engine.errors import RemoteRefused, RemoteUnavailable
from engine.reconcile.plan import Verdict

PULSE = Pulse(
    workspace="acme", node="berlin-1", crumbs=("Syncs", "engineering"), protected=True, waiting=2, clock="09:00:00"
)
HINTS = [
    KeyHint(key="enter", shown="enter", label="open"),
    KeyHint(key="A", shown="A", label="approve…"),
    KeyHint(key="w", shown="w", label="write"),
    KeyHint(key="question_mark", shown="?", label="help", anchored=True),
]


@given(st.integers(40, 250))
def test_the_header_fills_its_row_exactly_and_keeps_states_and_clock(width: int) -> None:
    line = header(replace(PULSE, crumbs=("S", "e")), width)
    assert width_of(line) == width
    assert plain(line).endswith("PROTECTED  ◆ 2 waiting  09:00:00")


def test_the_node_gives_way_first_and_then_the_crumbs() -> None:
    assert "acme › Syncs › engineering  on berlin-1" in plain(header(PULSE, 120))
    assert "berlin" not in plain(header(PULSE, 66))
    assert plain(header(PULSE, 55)).startswith("… › engineering")


FULL = replace(PULSE, read_only=True, refused=1, running=3, conflicts=12, lost=1, workspace="production")


def test_conflicts_and_peers_that_cannot_be_reached_are_counted() -> None:
    assert "✗ 1 peer  ● 12 conflicts" in plain(header(FULL, 200))
    assert "✗ 2 peers" in plain(header(replace(FULL, lost=2), 200))
    assert "✗" not in plain(header(replace(FULL, lost=0), 200))


@given(st.integers(40, 250))
def test_whatever_there_is_to_say_the_place_keeps_its_room_and_the_row_is_full(width: int) -> None:
    line = plain(header(FULL, width))
    assert len(line) == width
    assert "READ ONLY" in line


def test_the_clock_goes_first_and_then_what_can_wait() -> None:
    narrow = plain(header(FULL, 80))
    assert "READ ONLY  PROTECTED  ⊘ 1 refused  ✗ 1 peer  ◆ 2 waiting" in narrow
    assert "09:00:00" not in narrow
    assert "✗ 1 peer  ● 12 conflicts" in plain(header(replace(FULL, read_only=False, protected=False, refused=0), 80))


@given(st.integers(10, 120))
def test_help_is_always_offered_at_the_right_end(width: int) -> None:
    text = plain(key_line(HINTS, width))
    assert text.endswith("? help")
    assert len(text) <= width


def test_hints_are_cut_from_the_end_and_never_in_the_middle() -> None:
    assert plain(key_line(HINTS, 32)).split("  ")[:2] == ["enter open", "A approve…"]
    assert "write" not in plain(key_line(HINTS, 32))


@given(st.integers(20, 80), st.integers(0, 79))
def test_a_click_hits_the_hint_that_is_drawn_there(width: int, column: int) -> None:
    hit = hint_at(HINTS, width, column)
    text = plain(key_line(HINTS, width))
    if hit is not None:
        start = text.index(f"{hit.shown} {hit.label}")
        assert start <= column < start + hit.width


def test_keys_are_called_as_people_call_them() -> None:
    assert [key_name(key) for key in ("question_mark", "ctrl+p", "space", "A", "pagedown")] == [
        "?", "^p", "spc", "A", "pgdn",
    ]  # fmt: skip


@given(st.lists(st.integers(0, 10_000), max_size=30), st.integers(1, 20))
def test_a_sparkline_has_the_width_it_is_given(values: list[int], width: int) -> None:
    assert len(sparkline(values, width)) == width


def test_a_source_that_halves_is_seen_to_halve() -> None:
    assert sparkline([200, 100], 2) == "█▅"


def test_a_gauge_tells_observed_limit_and_verdict_in_words() -> None:
    refusing = Verdict(guard="max_removals", observed=40, limit=10, unit="changes", refusal="Too many.")
    assert plain(gauge(refusing, 80)).split() == ["max", "removals", "█" * 16, "40,", "most", "10", "⊘", "refuses"]
    content = Verdict(guard="max_removal_percent", observed=5, limit=20, unit="%")
    assert "████░░░░░░░░░░░░ 5 %, most 20 %  ✓ content" in plain(gauge(content, 80))


def test_a_floor_is_told_as_a_floor() -> None:
    least = Verdict(guard="min_source", observed=212, limit=1, unit="records")
    assert "212, least 1" in plain(gauge(least, 80))


def test_a_guard_without_numbers_only_says_its_verdict() -> None:
    overridden = Verdict(guard="freeze", refusal="Frozen.", overridden_by="ann")
    assert plain(gauge(overridden, 80)).endswith("overridden by ann")


def test_an_error_of_the_engine_says_what_failed_and_what_to_do() -> None:
    told = explain("test people", RemoteUnavailable("people: no answer from ldap.example."), expected=True)
    assert told.title == "Could not test people"
    assert told.sentences == ("people: no answer from ldap.example.",)
    assert told.retry


def test_what_was_refused_for_good_is_not_offered_again() -> None:
    assert not explain("save", RemoteRefused("No rights."), expected=True).retry


def test_a_fault_of_the_program_shows_its_kind_and_nothing_of_its_message() -> None:
    told = explain("look", ValueError("token=abc"), expected=False)
    assert "ValueError" in told.sentences[0]
    assert "abc" not in " ".join((told.title, *told.sentences, told.hint))
