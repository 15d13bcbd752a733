"""The frame: going from screen to screen, keys, copying, telling, refusing, failing without a traceback."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import pytest
from rich.segment import Segment
from textual.pilot import Pilot
from textual.widgets import Input

from console.app import SyncdeckApp
from console.dialogs.all_keys import AllKeys
from console.dialogs.confirm import Confirm
from console.dialogs.failure import FailureDialog
from console.dialogs.message_log import MessageLog
from console.preferences import Preferences
from console.screens.overview import OverviewScreen
from console.styles.themes import LIGHT
from engine.assembly import Engine
from engine.errors import StorageError
from tests.console.settling import settled, until
from tests.console.workbench import SIZES, console, deck, fill, opening, press, rows_of, said, screen_text, write

at_both_sizes = pytest.mark.parametrize("size", SIZES, ids=["80x24", "160x50"])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return fill(tmp_path)


@at_both_sizes
async def test_the_first_frame_is_painted_before_the_engine_is_opened(file: Path, size: tuple[int, int]) -> None:
    asked, may_open = threading.Event(), threading.Event()

    @asynccontextmanager
    async def slow() -> AsyncIterator[Engine]:
        asked.set()
        await asyncio.to_thread(may_open.wait)
        async with opening(file) as engine:
            yield engine

    app = SyncdeckApp(slow)
    async with app.run_test(size=size) as pilot:
        await until(pilot, asked.is_set)
        assert "Opening the workspace" in screen_text(pilot)
        may_open.set()
        await settled(pilot)
        assert "engineering" in screen_text(pilot)


@at_both_sizes
async def test_the_header_says_where_one_is_and_the_footer_offers_help(file: Path, size: tuple[int, int]) -> None:
    async with console(file, size) as pilot:
        await press(pilot, "2", "enter")
        first, *_, last = screen_text(pilot).splitlines()
        assert first.strip().startswith("acme › Adapters › people")
        assert last.rstrip().endswith("? help")


@at_both_sizes
async def test_digits_switch_screens_and_escape_goes_up_one_crumb_but_never_out(
    file: Path, size: tuple[int, int]
) -> None:
    async with console(file, size) as pilot:
        await press(pilot, "3", "enter")
        assert [screen.crumb for screen in deck(pilot).screen_stack] == ["Syncs", "engineering"]  # type: ignore[attr-defined]
        await press(pilot, "escape", "escape", "escape")
        assert deck(pilot).current_mode == "syncs"
        assert deck(pilot).is_running
        await press(pilot, "1")
        assert isinstance(pilot.app.screen, OverviewScreen)


async def test_each_screen_is_found_again_as_it_was_left(file: Path) -> None:
    async with console(file) as pilot:
        await press(pilot, "2", "j", "1", "2")
        assert pilot.app.screen.query_one("#adapters").key == "list"  # type: ignore[attr-defined]


async def test_digits_are_text_in_a_text_field(file: Path) -> None:
    async with console(file) as pilot:
        await press(pilot, "question_mark", "3")
        assert pilot.app.screen.query_one(Input).value == "3"


@at_both_sizes
async def test_help_lists_the_keys_of_this_screen_first_and_enter_runs_one(file: Path, size: tuple[int, int]) -> None:
    async with console(file, size) as pilot:
        await press(pilot, "2", "question_mark")
        dialog = pilot.app.screen
        assert isinstance(dialog, AllKeys)
        assert "Connect, read everything once" in rows_of(dialog.query_one("#keys"))[1]  # type: ignore[arg-type]
        await write(pilot, "light")
        await press(pilot, "enter")
        assert pilot.app.theme == LIGHT.name


async def test_help_explains_the_glyphs(file: Path) -> None:
    async with console(file, (160, 50)) as pilot:
        await press(pilot, "question_mark")
        text = "\n".join(rows_of(pilot.app.screen.query_one("#keys")))  # type: ignore[arg-type]
        assert "≠ out of step" in text
        assert "Capital letters" in text


@at_both_sizes
async def test_the_palette_finds_syncs_and_adapters_by_a_few_letters(file: Path, size: tuple[int, int]) -> None:
    async with console(file, size) as pilot:
        await press(pilot, "colon")
        await write(pilot, "sync eng")
        await press(pilot, "enter")
        assert [screen.crumb for screen in deck(pilot).screen_stack] == ["Overview", "engineering"]  # type: ignore[attr-defined]


async def test_the_palette_tests_an_adapter(file: Path) -> None:
    async with console(file, (160, 50)) as pilot:
        await press(pilot, "ctrl+p")
        await write(pilot, "test people")
        await press(pilot, "enter")
        await until(pilot, lambda: "The test passed" in screen_text(pilot))


async def test_y_asks_the_terminal_to_copy_and_says_so(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_TTY", "/dev/pts/1")
    async with console(file) as pilot:
        await press(pilot, "y")
        assert pilot.app.clipboard == "engineering"
        assert "Asked the terminal to copy (OSC 52" in said(pilot)
        await press(pilot, "Y")
        assert pilot.app.clipboard == "syncdeck plan engineering"


async def test_what_was_told_stands_in_the_message_log(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_TTY", "/dev/pts/1")
    async with console(file) as pilot:
        await press(pilot, "y", "at")
        assert isinstance(pilot.app.screen, MessageLog)
        assert "OSC 52" in screen_text(pilot)


async def test_a_grey_key_says_why_it_does_nothing(file: Path) -> None:
    async with console(file) as pilot:
        await press(pilot, "r")
        assert "engineering has never run: p plans it." in said(pilot)


@pytest.mark.parametrize(("mode", "key"), [("2", "D"), ("3", "D"), ("3", "S")])
async def test_a_read_only_console_shows_but_refuses_what_changes_the_world(file: Path, mode: str, key: str) -> None:
    before = file.read_bytes()
    async with console(file, read_only=True) as pilot:
        await press(pilot, mode, key)
        assert "This console may only look (--read-only)" in said(pilot)
        assert "READ ONLY" in screen_text(pilot).splitlines()[0]
        assert len(pilot.app.screen_stack) == 1
    assert file.read_bytes() == before


async def test_a_protected_workspace_says_so_in_words(file: Path) -> None:
    file.write_text(file.read_text().replace("title: acme", "title: acme\nprotected: true"))
    async with console(file) as pilot:
        assert "PROTECTED" in screen_text(pilot).splitlines()[0]


async def test_light_and_dark_change_places(file: Path) -> None:
    async with console(file) as pilot:
        await press(pilot, "f2")
        assert pilot.app.theme == LIGHT.name
        assert "engineering" in screen_text(pilot)


async def test_leaving_is_asked_for_while_something_is_under_way(file: Path) -> None:
    async with console(file) as pilot:
        held = threading.Event()
        deck(pilot).order("apply 3f2a91", lambda _: asyncio.to_thread(held.wait))
        await pilot.press("ctrl+q")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        assert "apply 3f2a91" in screen_text(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, OverviewScreen))
        assert pilot.app.is_running
        held.set()
        await settled(pilot)
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not pilot.app.is_running)


@pytest.mark.parametrize("size", [(39, 24), (80, 9)])
async def test_a_terminal_too_small_asks_for_room_and_comes_back(file: Path, size: tuple[int, int]) -> None:
    async with console(file, size) as pilot:
        assert "Syncdeck needs 40 columns" in " ".join(screen_text(pilot).split())
        await pilot.resize_terminal(80, 24)
        await settled(pilot)
        assert "Syncdeck needs" not in screen_text(pilot)
        assert "engineering" in screen_text(pilot)


async def test_own_keys_replace_the_delivered_ones(file: Path) -> None:
    async with console(file, preferences=Preferences(keys={"overview.sync": "x"})) as pilot:
        await press(pilot, "x")
        assert deck(pilot).screen_stack[-1].crumb == "engineering"  # type: ignore[attr-defined]


# -- errors ----------------------------------------------------------------------------------------------------------


@at_both_sizes
async def test_a_workspace_that_cannot_be_opened_is_explained_and_tried_again(
    file: Path, size: tuple[int, int]
) -> None:
    good = file.read_text()
    file.write_text(good.replace("source: people", "sauce: people"))
    app = SyncdeckApp(partial(opening, file))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "Could not open the workspace" in screen_text(pilot))
        assert "Did you mean source?" in " ".join(screen_text(pilot).split())
        file.write_text(good)
        await pilot.press("r")
        await settled(pilot)
        assert "engineering" in screen_text(pilot)


@at_both_sizes
async def test_a_workspace_that_is_still_shut_says_so_wherever_one_looks_and_opens_by_key(
    file: Path, size: tuple[int, int]
) -> None:
    good = file.read_text()
    file.write_text(good.replace("source: people", "sauce: people"))
    app = SyncdeckApp(partial(opening, file))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "Could not open the workspace" in screen_text(pilot))
        await pilot.press("escape")
        for mode in ("1", "2", "3", "4", "5", "6"):
            await pilot.press(mode)
            await until(pilot, lambda: "The workspace could not be opened." in screen_text(pilot))
            assert "Opening the workspace" not in screen_text(pilot)
        await pilot.press("3", "a")
        await until(pilot, lambda: "R tries again" in said(pilot))
        file.write_text(good)
        await pilot.press("R")
        await settled(pilot)
        assert "engineering" in screen_text(pilot)


async def test_an_error_of_the_engine_is_shown_with_its_sentence_and_details_on_demand(file: Path) -> None:
    async with console(file) as pilot:

        async def fail(_: Engine) -> None:
            raise StorageError("The state file is from a newer version. Upgrade Syncdeck.")

        deck(pilot).order("look", fail)
        await until(pilot, lambda: isinstance(pilot.app.screen, FailureDialog))
        await pilot.pause()
        assert "The state file is from a newer version" in screen_text(pilot)
        assert "engine.errors.StorageError" not in screen_text(pilot)
        await press(pilot, "d")
        assert "engine.errors.StorageError" in screen_text(pilot)
        await press(pilot, "escape")
        assert isinstance(pilot.app.screen, OverviewScreen)


async def test_a_fault_of_the_program_shows_no_values_and_writes_a_report_without_them(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports = tmp_path / "reports"
    reports.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(reports))
    async with console(file) as pilot:

        async def fault(_: Engine) -> None:
            token = "sk-very-secret"
            raise ValueError(f"cannot use {token}")

        deck(pilot).order("look", fault)
        await until(pilot, lambda: isinstance(pilot.app.screen, FailureDialog))
        await press(pilot, "d")
        assert "sk-very-secret" not in screen_text(pilot)
        assert "Traceback" not in screen_text(pilot)
    (report,) = reports.iterdir()
    assert "ValueError" in report.read_text()
    assert "sk-very-secret" not in report.read_text()


async def test_a_crash_leaves_one_line_a_report_and_a_failing_exit_code(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reports = tmp_path / "reports"
    reports.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(reports))
    app = SyncdeckApp(partial(opening, file))

    def crash() -> None:
        token = "sk-very-secret"
        raise KeyError(token)

    with crashing():
        async with app.run_test() as pilot:
            await settled(pilot)
            app.call_later(crash)
            await until(pilot, lambda: not app.is_running)
    app._print_error_renderables()
    told = capsys.readouterr().err
    assert app.return_code == 1
    assert "Syncdeck stopped: KeyError" in told
    assert "Traceback" not in told
    assert "sk-very-secret" not in told + "".join(report.read_text() for report in reports.iterdir())


@contextmanager
def crashing() -> Iterator[None]:
    """Textual's test harness raises the crash again; the terminal's user never sees that."""
    with pytest.raises(KeyError):
        yield


# -- without colours, without Unicode --------------------------------------------------------------------------------


@at_both_sizes
async def test_ascii_mode_leaves_nothing_else_on_the_screen(file: Path, size: tuple[int, int]) -> None:
    async with console(file, size, ascii=True) as pilot:
        for keys in (["1"], ["2", "enter"], ["3", "enter"], ["question_mark"]):
            await press(pilot, *keys)
            assert [line for line in painted(pilot) if not line.isascii()] == []


async def test_no_color_sends_no_colours_at_all(file: Path) -> None:
    async with console(file, no_color=True) as pilot:
        await press(pilot, "2", "enter")
        assert colours(pilot) == set()


async def test_the_environment_asks_for_no_colours_too(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with console(file) as pilot:
        assert colours(pilot) == set()


def painted(pilot: Pilot[None]) -> list[str]:
    """Return the lines as the terminal gets them, after the app's filters."""
    return ["".join(segment.text for segment in line) for line in filtered(pilot)]


def colours(pilot: Pilot[None]) -> set[object]:
    """Return every colour that is sent to the terminal."""
    styles = [segment.style for line in filtered(pilot) for segment in line if segment.style is not None]
    return {colour for style in styles for colour in (style.color, style.bgcolor) if colour and not colour.is_default}


def filtered(pilot: Pilot[None]) -> list[list[Segment]]:
    app = pilot.app
    lines = []
    for strip in app.screen._compositor.render_strips():
        segments = list(strip)
        for line_filter in app.get_line_filters():
            segments = line_filter.apply(segments, app.screen.background_colors[1])
        lines.append(segments)
    return lines
