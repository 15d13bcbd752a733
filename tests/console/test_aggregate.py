"""An aggregate's history through the real app: its events, its state as of each, the ways to and from it."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from console.messages import Open
from console.screens.aggregate import AggregateScreen
from console.screens.events import EventsScreen
from console.widgets.filter_bar import FilterBar
from console.widgets.record_list import RecordList
from tests.console.scripted import open_thing, scripted_console
from tests.console.settling import settled, until
from tests.console.workbench import SIZES, press, rows_of, said, screen_text
from tests.doubles.engine import ScriptedEngine
from tests.doubles.event_pages import event

HAMBURG = "hamburg~0000000a"
at_both_sizes = pytest.mark.parametrize("size", SIZES, ids=["80x24", "160x50"])


def ann() -> ScriptedEngine:
    """Return an engine whose log tells the story of somebody, among other things."""
    engine = ScriptedEngine()
    engine.pages.add(
        event(1, "user.created", "user:ann", {"name": "Ann", "title": "Engineer"}, {"actor": "ann@desk"}),
        event(2, "run.started", "run:12", {"sync": "mail", "items": 3, "targets": ["list"]}),
        event(3, "user.changed", "user:ann", {"title": "Lead"}, {"actor": "hr@hamburg"}, origin=HAMBURG, seq=1),
        event(4, "conflict.resolved", "user:ann", {"title": "Principal"}, {"actor": "ann@desk", "conflict": "3f2a91"}),
        event(5, "user.gone", "user:ann", None, {"actor": "hr@hamburg"}, origin=HAMBURG, seq=2),
        event(6, "user.changed", "user:ann", "just a text", {"actor": "hr@hamburg"}, origin=HAMBURG, seq=3),
    )
    return engine


def steps(pilot: Pilot[None]) -> list[str]:
    return rows_of(pilot.app.screen.query_one("#steps", RecordList))


def state(pilot: Pilot[None]) -> str:
    """Return what the panel with the state shows."""
    return " ".join(screen_text(pilot).partition("State after it")[2].split())


async def open_ann(pilot: Pilot[None]) -> None:
    await open_thing(pilot, "aggregate", "user:ann")
    await until(pilot, lambda: len(steps(pilot)) > 1)
    await settled(pilot)


@at_both_sizes
async def test_all_its_events_stand_there_and_the_newest_has_the_cursor(size: tuple[int, int]) -> None:
    async with scripted_console(ann(), size) as pilot:
        await open_ann(pilot)
        assert len(steps(pilot)) == 5
        assert "5 events of 2 nodes" in screen_text(pilot)
        assert steps(pilot)[-1].startswith("◆ ")
        assert pilot.app.screen.query_one("#steps", RecordList).key == 6


@at_both_sizes
async def test_the_state_is_that_of_the_event_under_the_cursor_with_what_it_changed(size: tuple[int, int]) -> None:
    async with scripted_console(ann(), size) as pilot:
        await open_ann(pilot)
        await press(pilot, "g")
        assert "+ name Ann" in state(pilot)
        await press(pilot, "j")
        assert "~ title Engineer → Lead" in state(pilot)
        await press(pilot, "j", "j")
        assert "✗ Deleted by this event" in screen_text(pilot)
        await press(pilot, "j")
        assert "+ (whole) just a text" in state(pilot)


async def test_the_state_is_asked_for_once_for_each_event() -> None:
    engine = ann()
    async with scripted_console(engine) as pilot:
        await open_ann(pilot)
        await press(pilot, "k", "k", "j", "j", "k")
        positions = [asked[2] for asked in engine.conflicts.asked if asked[2] is not None]
        assert len(positions) == len(set(positions))


async def test_d_shows_the_event_itself_and_the_state_again() -> None:
    async with scripted_console(ann(), (160, 50)) as pilot:
        await open_ann(pilot)
        await press(pilot, "g", "d")
        assert '"title": "Engineer"' in screen_text(pilot)
        assert "desk~00000001#1" in screen_text(pilot)
        await press(pilot, "d")
        assert "State after it" in screen_text(pilot)


async def test_enter_on_a_conflict_s_event_leads_to_the_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Open] = []
    async with scripted_console(ann()) as pilot:
        await open_ann(pilot)
        monkeypatch.setattr(pilot.app, "open_detail", lambda kind, name: opened.append(Open(kind, name)))
        await press(pilot, "g", "j", "enter")
        assert opened == [], "an ordinary event only changes what is shown of it"
        await press(pilot, "j", "enter")
    assert [(each.kind, each.name) for each in opened] == [("conflict", "3f2a91")]


async def test_a_journal_adds_up_to_no_state() -> None:
    async with scripted_console(ann()) as pilot:
        await open_thing(pilot, "aggregate", "run:12")
        await until(pilot, lambda: '"sync": "mail"' in screen_text(pilot))
        await press(pilot, "d")
        assert "adds up to no state" in said(pilot)


async def test_what_nobody_contests_has_no_conflict_to_open() -> None:
    async with scripted_console(ann()) as pilot:
        await open_ann(pilot)
        await press(pilot, "c")
        assert "Nothing of this aggregate is contested now." in said(pilot)


async def test_the_events_screen_leads_here_and_this_one_leads_back_to_its_events() -> None:
    async with scripted_console(ann()) as pilot:
        await press(pilot, "6", "g", "a")
        assert isinstance(pilot.app.screen, AggregateScreen)
        assert pilot.app.screen.of == "user:ann"
        await press(pilot, "v")
        assert isinstance(pilot.app.screen, EventsScreen)
        assert pilot.app.screen.query_one(FilterBar).text == 'aggregate:"user:ann"'
        await until(pilot, lambda: "5 of 6" in screen_text(pilot))


async def test_an_event_that_arrives_is_seen_and_the_cursor_stays() -> None:
    engine = ann()
    async with scripted_console(engine) as pilot:
        await open_ann(pilot)
        await press(pilot, "k")
        engine.pages.add(event(7, "user.changed", "user:ann", {"title": "Chief"}, origin=HAMBURG, seq=4))
        screen = pilot.app.screen
        assert isinstance(screen, AggregateScreen)
        screen.look_if_shown()
        await until(pilot, lambda: len(steps(pilot)) == 6)
        assert screen.steps.key == 5


async def test_an_aggregate_nobody_knows_says_so() -> None:
    async with scripted_console(ann()) as pilot:
        await open_thing(pilot, "aggregate", "user:nobody")
        await until(pilot, lambda: "Nothing is known of this aggregate." in screen_text(pilot))
