"""The event log through the real app: narrowing, following, searching, leaving to a run, exporting."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from textual.pilot import Pilot

from console.screens.events import EventsScreen
from console.screens.run import RunScreen
from console.widgets.event_list import EventList
from console.widgets.filter_bar import FilterBar
from console.widgets.line_panel import LinePanel
from tests.console.scripted import open_thing, scripted_console
from tests.console.settling import settled, until
from tests.console.workbench import SIZES, press, rows_of, said, screen_text, write
from tests.doubles.engine import ScriptedEngine
from tests.doubles.event_pages import START_MS, event
from tests.doubles.plans import sample_plan


def log_of(count: int) -> ScriptedEngine:
    """Return an engine whose log has an item's failure at every tenth place."""
    engine = ScriptedEngine()
    kinds = ["run.item.failed"] + ["run.item.done"] * 9
    engine.pages.add(*(event(number, kinds[number % 10], f"run:{number % 3}") for number in range(1, count + 1)))
    return engine


def listing(pilot: Pilot[None]) -> EventList:
    return pilot.app.screen.query_one(EventList)


def under_cursor(pilot: Pilot[None]) -> list[tuple[int, str]]:
    """Return where the cursor's row stands on the screen, and what it says (the scroll bar left out)."""
    lines = screen_text(pilot).splitlines()
    return [(number, line[:-2]) for number, line in enumerate(lines) if line.startswith("▸")]


async def narrow(pilot: Pilot[None], text: str) -> None:
    """Paste a filter and let it run to its end."""
    await press(pilot, "slash")
    pilot.app.screen.query_one(FilterBar).field.value = text
    await press(pilot, "enter")
    events = listing(pilot).events
    assert events is not None
    await until(pilot, lambda: events.scan is None or (events.scan.done and len(events) == len(events.scan.older)))
    await settled(pilot)


@pytest.mark.parametrize("size", SIZES)
async def test_the_log_opens_at_its_newest_event(size: tuple[int, int]) -> None:
    async with scripted_console(log_of(5_000), size) as pilot:
        await press(pilot, "6")
        assert "5,000 events · following" in screen_text(pilot)
        assert listing(pilot).key == 5_000
        assert "▸" in screen_text(pilot).splitlines()[-2]


@pytest.mark.parametrize("size", SIZES)
async def test_a_filter_narrows_the_log_and_escape_shows_everything_again(size: tuple[int, int]) -> None:
    async with scripted_console(log_of(5_000), size) as pilot:
        await press(pilot, "6")
        await narrow(pilot, "type:run.item.failed")
        assert "500 of 5,000" in screen_text(pilot)
        assert "run.item.done" not in screen_text(pilot)
        await press(pilot, "escape")
        await until(pilot, lambda: "5,000 events" in screen_text(pilot))


async def test_a_filter_that_is_not_understood_changes_nothing_and_says_why() -> None:
    async with scripted_console(log_of(50)) as pilot:
        await press(pilot, "6")
        await narrow(pilot, "typ:run.*")
        assert "typ: is not known here; did you mean type:?" in screen_text(pilot)
        assert len(listing(pilot).rows) == 50


async def test_the_row_under_the_cursor_never_changes_by_itself() -> None:
    engine = log_of(200)
    async with scripted_console(engine) as pilot:
        await press(pilot, "6", "k", "k", "k")
        key = listing(pilot).key
        seen = under_cursor(pilot)
        engine.pages.add(*(event(number) for number in range(201, 238)))
        listing(pilot).poll()
        await settled(pilot)
        assert listing(pilot).key == key
        assert under_cursor(pilot) == seen
        assert "37 new · G to follow" in screen_text(pilot)
        await press(pilot, "G")
        assert listing(pilot).key == 237
        assert "new · G" not in screen_text(pilot)


async def test_following_takes_in_what_is_new_and_pause_does_not() -> None:
    engine = log_of(100)
    async with scripted_console(engine) as pilot:
        await press(pilot, "6")
        engine.pages.add(event(101))
        listing(pilot).poll()
        assert listing(pilot).key == 101
        await press(pilot, "p")
        engine.pages.add(event(102))
        listing(pilot).poll()
        assert listing(pilot).key == 101
        assert "paused" in screen_text(pilot)
        await press(pilot, "p")
        assert listing(pilot).key == 102


async def test_a_scan_says_how_far_it_is_and_c_stops_it_and_keeps_what_it_found() -> None:
    engine = log_of(60_000)
    engine.pages.stall = threading.Event()
    async with scripted_console(engine) as pilot:
        await press(pilot, "6")
        await pilot.press("slash")
        await pilot.pause()
        pilot.app.screen.query_one(FilterBar).field.value = "type:run.item.failed"
        await pilot.press("enter")
        await until(pilot, lambda: "0 % searched, c stops" in screen_text(pilot))
        await pilot.press("c")
        engine.pages.stall.set()
        await settled(pilot)
        await until(pilot, lambda: "stopped at" in screen_text(pilot))
        assert 0 < len(listing(pilot).rows) < 6_000


@pytest.mark.parametrize("size", SIZES)
async def test_enter_shows_the_event_in_full_and_o_opens_its_run(size: tuple[int, int]) -> None:
    engine = ScriptedEngine()
    digest = engine.reconciler.add(sample_plan())
    engine.pages.add(event(1, data={"item": "ann", "status": 429}, metadata={"actor": "ann@desk", "run": "1"}))
    async with scripted_console(engine, size) as pilot:
        await pilot.app.ask(lambda opened: opened.reconcile.apply(digest))  # type: ignore[attr-defined]
        await press(pilot, "6", "enter")
        assert pilot.app.screen.query_one("#detail", LinePanel).display
        assert '"status": 429' in screen_text(pilot)
        await press(pilot, "o")
        assert isinstance(pilot.app.screen, RunScreen)
        await press(pilot, "escape")
        assert isinstance(pilot.app.screen, EventsScreen)


async def test_searching_goes_to_the_next_older_hit_without_hiding_the_rest() -> None:
    async with scripted_console(log_of(100)) as pilot:
        await press(pilot, "6", "s")
        await write(pilot, "item.failed")
        await press(pilot, "enter")
        assert listing(pilot).key == 90
        await press(pilot, "n")
        assert listing(pilot).key == 80
        assert len(listing(pilot).rows) == 100
        await press(pilot, "n", "n", "n", "n", "n", "n", "n", "n")
        assert "No further event here holds “item.failed”." in said(pilot)


async def test_going_to_a_time_finds_the_first_event_then() -> None:
    async with scripted_console(log_of(4_000)) as pilot:
        await press(pilot, "6", "T")
        await write(pilot, "5m")
        await press(pilot, "enter")
        key = listing(pilot).key
        rows = listing(pilot).events
        assert rows is not None
        assert isinstance(key, int)
        wanted = int(rows.clock.now().timestamp() * 1000) - 300_000
        found, before = rows.event_at(key), rows.event_at(key - 1)
        assert found is not None
        assert before is not None
        assert before.milliseconds < wanted <= found.milliseconds


@pytest.mark.parametrize("name", ["out.ndjson", "out.csv"])
async def test_an_export_holds_everything_the_filter_shows(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    async with scripted_console(log_of(5_000)) as pilot:
        await press(pilot, "6")
        await narrow(pilot, "type:run.item.failed")
        await press(pilot, "E")
        pilot.app.screen.query_one("#text").value = str(file)  # type: ignore[attr-defined]
        await press(pilot, "enter")
        await until(pilot, file.exists)
        await until(pilot, lambda: f"500 events written to {file}" in said(pilot))
    lines = file.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 500 + name.endswith(".csv")
    if name.endswith(".ndjson"):
        assert json.loads(lines[0])["type"] == "run.item.failed"


async def test_an_export_never_replaces_a_file(tmp_path: Path) -> None:
    file = tmp_path / "there.csv"
    file.write_text("mine")
    async with scripted_console(log_of(5)) as pilot:
        await press(pilot, "6", "E")
        pilot.app.screen.query_one("#text").value = str(file)  # type: ignore[attr-defined]
        await press(pilot, "enter")
        assert "is there already" in screen_text(pilot)
    assert file.read_text() == "mine"


async def test_an_empty_log_says_what_will_be_here() -> None:
    async with scripted_console(ScriptedEngine()) as pilot:
        await press(pilot, "6")
        assert "Nothing has happened in this workspace yet." in screen_text(pilot)


async def test_hostile_events_are_shown_and_nothing_of_them_acts() -> None:
    engine = ScriptedEngine()
    engine.pages.add(
        event(1, "[bold]x", "run:\x1b[2J", {"a": "\x1b]0;t\x07"}, {"actor": "[/]"}),
        event(2, "型.東京", "計画:東京都", {"a": "🙂" * 500}, {"actor": "שלום"}),
        event(3, "big", "run:3", {"a": "x" * 10_000_000}, {}),
    )
    async with scripted_console(engine) as pilot:
        await press(pilot, "6", "enter", "k", "k")
        text = screen_text(pilot)
        assert "[bold]x" in text
        assert "\x1b" not in text


async def test_a_log_opened_with_a_filter_shows_only_that() -> None:
    async with scripted_console(log_of(300)) as pilot:
        await open_thing(pilot, "events", "run:2")
        await until(pilot, lambda: "100 of 300" in screen_text(pilot))
        await press(pilot, "escape")
        assert not isinstance(pilot.app.screen, EventsScreen)


async def test_what_was_compacted_leaves_no_empty_lines() -> None:
    engine = ScriptedEngine()
    engine.pages.add(*(event(place) for place in (3, 4, 900, 901, 40_000, 40_001)))
    async with scripted_console(engine) as pilot:
        await press(pilot, "6")
        await until(pilot, lambda: "6 events · following" in screen_text(pilot))
        assert listing(pilot).key == 40_001
        await press(pilot, "g")
        assert listing(pilot).key == 3
        await press(pilot, "j", "j")
        assert listing(pilot).key == 900
        engine.pages.add(event(40_002, "user.changed"))
        listing(pilot).poll()
        await until(pilot, lambda: "7 events" in screen_text(pilot))
        await narrow(pilot, "type:user.changed")
        assert len(rows_of(listing(pilot))) == 1
        await press(pilot, "escape")
        await until(pilot, lambda: "7 events" in screen_text(pilot))


async def test_an_event_compacted_while_somebody_looks_says_so() -> None:
    engine = log_of(20)
    async with scripted_console(engine) as pilot:
        await press(pilot, "6", "enter")
        del engine.pages.events[10]
        await press(pilot, *("k" * 9))
        assert listing(pilot).key == 11
        assert "compacted: archived and no longer here" in screen_text(pilot)


# -- of several nodes --------------------------------------------------------------------------------------------------

HAMBURG = "hamburg~0000000a"


def of_two_nodes() -> ScriptedEngine:
    engine = ScriptedEngine()
    engine.pages.add(
        event(1, "run.started", "run:1", metadata={"actor": "ann@desk"}),
        event(2, "run.started", "run:1", origin=HAMBURG, seq=1, metadata={"actor": "hr@hamburg"}),
        event(3, "user.changed", "user:ann", {"title": "Lead"}, origin=HAMBURG, seq=2),
    )
    return engine


async def test_as_long_as_one_node_wrote_nobody_is_told_which() -> None:
    async with scripted_console(log_of(10)) as pilot:
        await press(pilot, "6")
        assert "node" not in screen_text(pilot).splitlines()[2]


@pytest.mark.parametrize("size", SIZES)
async def test_when_several_nodes_wrote_each_line_says_whose_it_is(size: tuple[int, int]) -> None:
    async with scripted_console(of_two_nodes(), size) as pilot:
        await press(pilot, "6")
        await until(pilot, lambda: "node" in screen_text(pilot).splitlines()[2])
        assert [line.split()[1] for line in rows_of(listing(pilot))] == ["desk", "hamburg", "hamburg"]


async def test_the_node_is_named_from_the_moment_the_first_foreign_event_arrives() -> None:
    engine = log_of(10)
    async with scripted_console(engine) as pilot:
        await press(pilot, "6")
        engine.pages.add(event(11, "user.changed", "user:ann", {"title": "Lead"}, origin=HAMBURG, seq=1))
        listing(pilot).poll()
        await until(pilot, lambda: "node" in screen_text(pilot).splitlines()[2])
        assert listing(pilot).key == 11
        assert "hamburg" in rows_of(listing(pilot))[-1]


async def test_a_node_s_name_finds_all_that_it_wrote_whatever_its_incarnation() -> None:
    engine = of_two_nodes()
    engine.pages.add(event(4, origin="hamburg~0000000b", seq=1))
    async with scripted_console(engine) as pilot:
        await press(pilot, "6")
        await narrow(pilot, "origin:hamburg")
        assert "3 of 4" in screen_text(pilot)
        await narrow(pilot, f"origin:{HAMBURG}")
        assert "2 of 4" in screen_text(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, EventsScreen)
        assert screen.command() == f"syncdeck events --origin '{HAMBURG}'"


async def test_another_node_s_run_is_not_opened_as_the_one_of_that_number_here() -> None:
    async with scripted_console(of_two_nodes()) as pilot:
        await press(pilot, "6", "g", "j", "o")
        assert isinstance(pilot.app.screen, EventsScreen)
        assert "Run 1 is one of hamburg: look there." in said(pilot)


async def test_a_time_is_found_although_old_events_arrived_late() -> None:
    engine = ScriptedEngine()
    times = [10, 20, 5, 6, 7, 30, 8, 9, 40]
    engine.pages.add(
        *(
            event(place, origin=HAMBURG if time < 10 else "desk~00000001", milliseconds=START_MS + time * 60_000)
            for place, time in enumerate(times, start=1)
        )
    )
    async with scripted_console(engine) as pilot:
        await press(pilot, "6")
        await until(pilot, lambda: bool(listing(pilot).events and listing(pilot).events.several))  # type: ignore[union-attr]
        for minute, place in ((20, 2), (25, 6), (35, 9), (99, 9)):
            listing(pilot).go_to_time(START_MS + minute * 60_000)
            await until(pilot, lambda wanted=place: listing(pilot).key == wanted)  # type: ignore[misc]


async def test_the_detail_knows_the_heads_of_the_aggregate() -> None:
    async with scripted_console(of_two_nodes(), (160, 50)) as pilot:
        await press(pilot, "6", "enter")
        await until(pilot, lambda: "the head: nobody who wrote later knew of it" in screen_text(pilot))


async def test_events_of_any_shape_are_listed_and_read() -> None:
    engine = ScriptedEngine()
    payloads = [None, "text", 7, True, [1, {"a": 2}], {}, {"a": {"b": None}}]
    engine.pages.add(
        *(event(place, "user.changed", "user:ann", data) for place, data in enumerate(payloads, start=1)),
        event(8, "adapter.checked", "adapter:people", "no object"),
        event(9, "user.changed", "user:ann", {}, {}, redacted=True),
    )
    async with scripted_console(engine) as pilot:
        await press(pilot, "6", "enter", *("k" * 8))
        assert len(rows_of(listing(pilot))) == 9
        assert "deleted" in rows_of(listing(pilot))[0]


async def test_time_is_shown_in_three_ways() -> None:
    async with scripted_console(log_of(3)) as pilot:
        await press(pilot, "6", "t")
        assert "UTC" in screen_text(pilot)
        await press(pilot, "t")
        assert " age" in screen_text(pilot)


async def test_marked_events_are_copied_together() -> None:
    async with scripted_console(log_of(20)) as pilot:
        await press(pilot, "6", "g", "space", "j", "space")
        screen = pilot.app.screen
        assert isinstance(screen, EventsScreen)
        assert [json.loads(line)["position"] for line in screen.copied().splitlines()] == [1, 3]
        assert " •" in screen_text(pilot)
