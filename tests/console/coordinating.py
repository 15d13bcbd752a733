"""The coordination screen in tests: its tab in front, its rows, its words; dialogs answered as an operator does."""

from __future__ import annotations

from textual.pilot import Pilot
from textual.widgets import Input

from console.panes.pane import Pane
from console.screens.coordination import CoordinationScreen
from tests.console.settling import settled
from tests.console.workbench import deck, press, rows_of, screen_text


def place(pilot: Pilot[None]) -> CoordinationScreen:
    """Return the screen by its own type."""
    screen = deck(pilot).screen_stack[0]
    assert isinstance(screen, CoordinationScreen)
    return screen


def pane(pilot: Pilot[None]) -> Pane:
    """Return the tab in front."""
    found = place(pilot).pane
    assert found is not None
    return found


def lines(pilot: Pilot[None]) -> list[str]:
    """Return the rows of the tab in front as text."""
    return rows_of(pane(pilot).records)


def words(pilot: Pilot[None]) -> str:
    """Return what the terminal shows, with single blanks."""
    return " ".join(screen_text(pilot).split())


def detail(pilot: Pilot[None]) -> str:
    """Return all that is told of what the cursor is on, with single blanks."""
    panel = pane(pilot).panel
    return " ".join(" ".join(panel.line_text(y) for y in range(panel.line_count)).split())


def dialog(pilot: Pilot[None]) -> str:
    """Return all that the dialog in front says, with single blanks."""
    from textual.widgets import Static

    texts = [str(each.render()) for each in pilot.app.screen.query(Static)]
    return " ".join(" ".join(texts).split())


async def fill(pilot: Pilot[None], field: str, text: str) -> None:
    """Type into a field of the dialog in front."""
    pilot.app.screen.query_one(f"#{field}", Input).value = text
    await settled(pilot)


async def agree(pilot: Pilot[None], *, reason: str = "", typed: str = "") -> None:
    """Fill in what a dialog asks, and press its button."""
    if reason:
        await fill(pilot, "comment", reason)
    if typed:
        await fill(pilot, "typed", typed)
    pilot.app.screen.query_one("#least").focus()
    await press(pilot, "y")
