"""What is painted anew when something changes: the lines that look different, and no other."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import App, ComposeResult
from textual.strip import Strip

from console.presentation.spans import Line, Span
from console.styles.themes import DARK
from console.widgets.line_panel import LinePanel
from console.widgets.listed_rows import ListedRows, always
from console.widgets.record_list import RecordList


class Counted(RecordList):
    """A list that notes which rows were painted."""

    def __init__(self) -> None:
        super().__init__()
        self.painted: list[int] = []

    def render_line(self, y: int) -> Strip:
        self.painted.append(y)
        return super().render_line(y)


class CountedPanel(LinePanel):
    """A panel that notes which lines were painted."""

    def __init__(self) -> None:
        super().__init__(lambda _: self.text)
        self.text: Sequence[Line] = ()
        self.painted: list[int] = []

    def render_line(self, y: int) -> Strip:
        self.painted.append(y)
        return super().render_line(y)


class Screen(App[None]):
    """A list above a panel."""

    def __init__(self) -> None:
        super().__init__()
        self.register_theme(DARK)
        self.theme = DARK.name
        self.records, self.panel = Counted(), CountedPanel()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return DARK.variables

    def compose(self) -> ComposeResult:
        yield self.records
        yield self.panel

    def on_mount(self) -> None:
        self.records.styles.height = self.panel.styles.height = "1fr"

    def forget(self) -> None:
        """Count from now on."""
        self.records.painted.clear()
        self.panel.painted.clear()

    def text(self) -> list[str]:
        """Return what the list shows."""
        return [self.records.render_line(y).text.strip(" ▸") for y in range(self.records.size.height)]


def listed(*texts: str, prefix: str = "") -> ListedRows:
    return ListedRows([(text, always((Span(prefix + text),))) for text in texts])


async def test_a_row_that_changed_is_painted_and_no_other() -> None:
    app = Screen()
    async with app.run_test(size=(40, 20)) as pilot:
        app.records.show(listed("a", "b", "c"))
        await pilot.pause()
        app.forget()
        rows = [("a", always((Span("a"),))), ("b", always((Span("other"),))), ("c", always((Span("c"),)))]
        app.records.show(ListedRows(rows))
        await pilot.pause()
        assert app.records.painted == [1]
        assert app.text()[:3] == ["a", "other", "c"]


async def test_rows_that_come_behind_others_leave_those_alone() -> None:
    app = Screen()
    async with app.run_test(size=(40, 20)) as pilot:
        app.records.show(listed("a", "b"))
        await pilot.pause()
        app.forget()
        app.records.show(listed("a", "b", "c"))
        await pilot.pause()
        assert app.records.painted == [2]
        app.forget()
        app.records.show(listed("a"))
        await pilot.pause()
        assert app.records.painted == [1, 2]
        assert app.text()[:3] == ["a", "", ""]


async def test_a_row_that_comes_before_the_cursor_moves_the_rest_and_the_cursor_with_it() -> None:
    app = Screen()
    async with app.run_test(size=(40, 20)) as pilot:
        app.records.show(listed("b", "c"))
        await pilot.pause()
        app.records.show(listed("a", "b", "c"))
        await pilot.pause()
        assert (app.records.key, app.text()[:3]) == ("b", ["a", "b", "c"])
        assert app.records.render_line(1).text.startswith("▸")
        assert not app.records.render_line(0).text.startswith("▸")


async def test_what_looks_as_before_is_not_painted_again() -> None:
    app = Screen()
    async with app.run_test(size=(40, 20)) as pilot:
        app.records.show(listed("a", "b"))
        app.panel.text = ((Span("one"),), (Span("two"),))
        app.panel.draw_afresh()
        await pilot.pause()
        app.forget()
        app.records.freshen()
        app.panel.draw_afresh()
        await pilot.pause()
        assert (app.records.painted, app.panel.painted) == ([], [])
        app.panel.text = ((Span("one"),), (Span("three"),), (Span("four"),))
        app.panel.draw_afresh()
        await pilot.pause()
        assert app.panel.painted == [1, 2]


async def test_a_list_grows_beyond_the_screen_and_back_and_can_always_be_scrolled_to_its_end() -> None:
    app = Screen()
    async with app.run_test(size=(40, 20)) as pilot:
        for count in (5, 50, 51, 200, 120, 3):
            app.records.show(listed(*(f"row {number}" for number in range(count))))
            await pilot.pause()
            app.records.action_cursor_to(-1)
            await pilot.pause()
            assert any(f"row {count - 1}" in line for line in app.text())
            assert app.records.max_scroll_y == max(0, count - app.records.size.height)
            assert app.records.show_vertical_scrollbar == (count > 10)


async def test_rows_come_when_there_were_none_and_the_words_for_none_when_they_are_gone() -> None:
    app = Screen()
    async with app.run_test(size=(40, 20)) as pilot:
        app.records.show(listed(), empty=((Span("nothing"),),))
        await pilot.pause()
        app.records.show(listed("a"))
        await pilot.pause()
        assert app.text()[0] == "a"
        app.records.show(listed())
        await pilot.pause()
        assert any("nothing" in line for line in app.text())
