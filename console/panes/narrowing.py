"""The part of a tab that narrows: a filter that comes when it is asked for, and one thing in full, which then has the
whole tab."""

from __future__ import annotations

from textual import on

from console.panes.reading import Reading
from console.widgets.filter_bar import FilterBar
from console.widgets.lease_gauge import LeaseList
from console.widgets.line_panel import LinePanel
from console.widgets.record_list import RecordList


class Narrowing(Reading):
    """A tab with a filter above its list, and the chosen thing in full beside it."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.wanted = ""

    @property
    def records(self) -> LeaseList:
        """The list."""
        return self.query_one("#pane-list", LeaseList)

    @property
    def panel(self) -> LinePanel:
        """The chosen thing in full."""
        return self.query_one("#pane-detail", LinePanel)

    @property
    def in_front(self) -> LeaseList | LinePanel:
        """What keys are for when the tab comes to the front: the list, or the one thing that has the whole tab."""
        return self.panel if self.has_class("-zoomed") else self.records

    @on(RecordList.Opened)
    def opened(self) -> None:
        self.open_row()

    def open_row(self) -> None:
        """Give the whole pane to what the cursor is on."""
        self.add_class("-zoomed")
        self.screen.set_focus(self.panel)

    def action_filter(self) -> None:
        bar = self.query_one(FilterBar)
        bar.display = True
        self.screen.set_focus(bar.field)

    @on(FilterBar.Changed)
    def narrow(self, event: FilterBar.Changed) -> None:
        """Show only what matches."""
        event.stop()
        if event.text != self.wanted:
            self.wanted = event.text
            self.narrowed()

    def narrowed(self) -> None:
        """Another filter is asked for."""
        self.draw()

    def seek(self, text: str) -> None:
        """Fill in the filter."""
        bar = self.query_one(FilterBar)
        bar.field.value, bar.display, self.wanted = text, bool(text), text
        self.narrowed()

    @on(FilterBar.Left)
    def filter_left(self) -> None:
        self.screen.set_focus(self.records)
        self.query_one(FilterBar).display = bool(self.wanted)

    def step_back(self) -> bool:
        """Leave the full view, then the filter; tell whether there was anything to leave."""
        bar = self.query_one(FilterBar)
        if self.has_class("-zoomed"):
            self.remove_class("-zoomed")
        elif bar.display:
            bar.clear()
            bar.display = False
        elif self.records.has_focus:
            return False
        self.screen.set_focus(self.records)
        return True
