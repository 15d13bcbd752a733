"""What all tabs of the coordination screen show: a list, the chosen thing in full beside or below it, a filter, and a
sentence where there is nothing to show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from console.keymap import bindings, needs_rights
from console.messages import Open
from console.panes.narrowing import Narrowing
from console.presentation.coordination import refused_lines
from console.presentation.spans import Line, greyed
from console.screens.frame import LOOK_ONLY
from console.widgets.filter_bar import FilterBar
from console.widgets.greyed import Greyed
from console.widgets.lease_gauge import LeaseList
from console.widgets.line_panel import LinePanel, LineStack
from console.widgets.record_list import GUTTER, NoRows, RecordList, Rows


class Pane(Narrowing):
    """One tab. Beside what is read, subclasses give `rows`, `head`, `detail`, and what is said where there is none."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("pane")]

    title: ClassVar[str] = ""
    hint: ClassVar[str] = ""
    """What can be typed into the filter; empty: there is none."""
    has_bars: ClassVar[bool] = False
    """Whether rows run down by themselves."""
    writing: ClassVar[frozenset[str]] = frozenset()
    """Actions that lead to a dialog which writes, although their own key changes nothing."""

    def compose(self) -> ComposeResult:
        yield FilterBar(placeholder=self.hint)
        yield LineStack(self._shown_head, id="pane-head")
        with Container(id="pane-body"):
            yield LeaseList(id="pane-list")
            yield LinePanel(self._shown_detail, id="pane-detail")

    def on_mount(self) -> None:
        self.there = True
        self.query_one(FilterBar).display = False
        self.draw()
        self.place.to_front(self)

    # -- what a tab says of itself ----------------------------------------------------------------------------------

    def head(self, width: int) -> Sequence[Line]:  # noqa: ARG002  for those that have one
        """Return what stands above the list."""
        return ()

    def rows(self) -> Rows:
        """Return the rows of what is known, narrowed by `wanted`."""
        return NoRows()

    def empty(self) -> Iterable[Line]:
        """Return what stands in the list when nothing is there."""
        return ()

    def detail(self, width: int) -> Sequence[Line]:  # noqa: ARG002  for those that have one
        """Return what the cursor is on, in full."""
        return ()

    def impossible(self, action: str) -> str:  # noqa: ARG002  for those that have keys
        """Return why one of this tab's keys does nothing now."""
        return ""

    def copied(self) -> str:
        """Return what `y` copies."""
        key = self.records.key
        return str(key) if key is not None else ""

    def command(self) -> str:
        """Return the command line that does or shows the same."""
        return ""

    @property
    def audited(self) -> str:
        """The aggregate under which the log keeps what was done by hand to what the cursor is on; empty: none."""
        return ""

    # -- drawing ----------------------------------------------------------------------------------------------------

    @property
    def blank(self) -> bool:
        """There is nothing to draw: it was never read, or there is no such thing."""
        return self.deck.engine is None or not self.known or bool(self.refusal)

    def draw(self) -> None:
        if self.deck.engine is None or not self.there:
            return
        records = self.records
        rows = NoRows() if self.blank else Greyed(self.rows(), lambda: self.lost_at is not None)
        records.show(rows, empty=self._nothing())
        records.running = self.has_bars and self.lost_at is None
        self.set_class(not len(rows), "-empty")
        self.draw_around()

    def draw_around(self) -> None:
        """Draw what stands around the list."""
        if not self.there:
            return
        self.query_one("#pane-head", LineStack).draw_afresh()
        self.panel.draw_afresh()
        self.place.hint_again()

    def tick(self) -> None:
        """A second passed: ages grow, and what is overdue is looked at again."""
        if self.blank:
            return
        self.draw_around()
        if not self.records.running:
            self.records.freshen()
        if self.lost_at is None and self.overdue():
            self.look_soon()

    def _nothing(self) -> list[Line]:
        width = max(self.size.width - 6, 20)
        if self.refusal:
            return refused_lines(self.title, self.refusal, self.place.backend, width)
        return list(self.empty()) if self.known else self.place.unknown(width)

    def _shown_head(self, width: int) -> Sequence[Line]:
        return () if self.blank else self.head(max(width - 2, 20))

    def _shown_detail(self, width: int) -> Sequence[Line]:
        if self.blank:
            return ()
        lines = self.detail(max(width - 1, 20))
        return [greyed(line) for line in lines] if self.lost_at is not None else lines

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw)

    @property
    def row_width(self) -> int:
        """Cells of a row of the list, behind the cursor's own."""
        return max(self.records.size.width - GUTTER, 20)

    @on(RecordList.Moved)
    def moved(self) -> None:
        """Show the other record in full, from its top."""
        self.panel.show(self._shown_detail)

    def action_its_events(self) -> None:
        self.post_message(Open("events", f'aggregate:"{self.audited}"'))

    # -- why not ----------------------------------------------------------------------------------------------------

    def why_not(self, action: str) -> str:
        """Return why a key does nothing now: rights first, then the backend, then what there is to do it to."""
        if action == "filter":
            return "" if self.hint else "There is nothing to filter here."
        if action == "its_events":
            return "" if self.audited else "The event log tells of nothing here."
        if action not in {binding.action for binding in type(self).BINDINGS if isinstance(binding, Binding)}:
            return ""
        writes = action in self.writing or needs_rights(action)
        if writes and self.deck.read_only:
            return LOOK_ONLY
        if self.refusal:
            return self.refusal
        if writes and self.lost_at is not None:
            return "The backend is gone: this can be done when it is back."
        return self.impossible(action)
