"""Coordination: locks, leaders, tasks, schedules, keys, clock and streams, each in a tab one key away. Live."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget

from console.keymap import bindings
from console.messages import News
from console.panes.pane import Pane
from console.panes.reading import Reading
from console.presentation import coordination as shown
from console.presentation.spans import Line, Span
from console.screens.backend_watch import BackendWatch
from console.widgets.line_panel import LineStack
from console.widgets.tab_line import TabLine
from engine.errors import NotSupported

if TYPE_CHECKING:
    from engine.coordination.standing import Change

PANES = {
    "locks": "console.panes.locks:LocksPane",
    "leaders": "console.panes.leaders:LeadersPane",
    "tasks": "console.panes.tasks:TasksPane",
    "cron": "console.panes.schedules:SchedulesPane",
    "keys": "console.panes.keys:KeysPane",
    "clock": "console.panes.clocks:ClockPane",
    "streams": "console.panes.streams:StreamsPane",
}
"""The tabs in their order; each is imported when it is first shown."""


class CoordinationScreen(BackendWatch):
    """Mode 9."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("coordination")]
    CSS_PATH = "../styles/coordination.tcss"

    def __init__(self) -> None:
        super().__init__()
        self.tab = next(iter(PANES))
        self._panes: dict[str, Pane] = {}
        self._sought = ""
        """What the next tab in front is narrowed to."""

    @property
    def crumb(self) -> str:
        return shown.crumb(self.tab)

    def body(self) -> Iterable[Widget]:
        yield LineStack(self._state, id="coordination-state")
        yield TabLine(
            lambda width: shown.tab_line(self.tab, self.glance, self.refused, width),
            lambda width, column: shown.tab_at(self.tab, self.glance, self.refused, width, column),
        )
        yield Container(id="coordination-panes")

    def on_mount(self) -> None:
        self.set_interval(1, self.beat)
        self.open_tab(self.tab)

    def _state(self, width: int) -> list[Line]:
        engine = self.deck.engine
        if engine is None:
            return [(Span("Opening the workspace …", "dim"),)]
        return shown.state_lines(self.standing, self.link, engine.clock.now(), max(width - 2, 20))

    # -- tabs -------------------------------------------------------------------------------------------------------

    @property
    def pane(self) -> Pane | None:
        """The tab in front, once it is there."""
        pane = self._panes.get(self.tab)
        return pane if pane is not None and pane.there else None

    @property
    def refused(self) -> list[str]:
        """Tabs that the backend has nothing for."""
        return [name for name, feature in shown.NEEDED.items() if self.refusal_of(feature)]

    def open_tab(self, name: str) -> None:
        """Bring a tab to the front, made when it is first asked for."""
        self.tab = name
        if not self.query(TabLine):
            return  # it is only just being put together, and begins with this tab
        self.query_one(TabLine).look_again()
        self.deck.beat()
        for word, pane in self._panes.items():
            pane.display = word == name
            if word != name:
                pane.leave()
        if self.pane is not None:
            self.to_front(self.pane)
        elif name not in self._panes:
            module, _, kind = PANES[name].partition(":")
            made: Pane = getattr(import_module(module), kind)(name)
            self._panes[name] = made
            self.query_one("#coordination-panes").mount(made)

    def to_front(self, pane: Pane) -> None:
        """A tab is there now, for the first time or again: give it the keys, and read what it shows."""
        if pane.word != self.tab or not self.is_current:
            return
        self.set_focus(pane.in_front)
        if self._sought:
            pane.seek(self._sought)
            self._sought = ""
        self.look_at(pane)

    def look_at(self, pane: Pane) -> None:
        """Read what a tab shows, unless the backend has nothing of the kind."""
        refusal = self.refusal_of(pane.feature)
        if refusal:
            pane.refuse(refusal)
        elif self.deck.engine is not None:
            pane.look()

    def action_tab(self, name: str) -> None:
        if name != self.tab:
            self.open_tab(name)

    def action_next_tab(self, by: int) -> None:
        names = list(PANES)
        self.open_tab(names[(names.index(self.tab) + by) % len(names)])

    @on(TabLine.Chosen)
    def tab_chosen(self, event: TabLine.Chosen) -> None:
        self.action_tab(event.name)

    def show_tasks(self, wanted: str) -> None:
        """Show the tasks with these words."""
        self._sought = wanted
        self.open_tab("tasks")

    def on_screen_suspend(self) -> None:
        super().on_screen_suspend()
        for pane in self._panes.values():
            pane.leave()

    # -- what is told -----------------------------------------------------------------------------------------------

    def look(self) -> None:
        super().look()
        if self.pane is not None:
            self.look_at(self.pane)

    def changed(self, changes: Iterable[Change]) -> None:
        if self.pane is not None and not self.pane.refusal:
            self.pane.heard(changes)

    def hear(self, news: News) -> None:
        topics = {notice.topic.partition(".")[0] for notice in news.notices}
        if "coordination" in topics:
            self.look_around()
        if self.pane is not None and ("coordination" in topics or ("clock" in topics and self.tab == "clock")):
            self.pane.look_soon()

    def missed_by(self, pane: Reading, error: Exception) -> None:
        """A tab's reading failed."""
        if isinstance(error, NotSupported):
            pane.refuse(str(error))
        else:
            self.missed(pane.about, error)

    def lost(self) -> None:
        for pane in self._panes.values():
            if pane.shared and pane.there:
                pane.lose()

    def drawn(self) -> None:
        if not self.is_mounted:
            return
        self.query_one("#coordination-state", LineStack).draw_afresh()
        self.query_one(TabLine).look_again()
        if self.pane is None:
            return
        refusal = self.refusal_of(self.pane.feature)
        if refusal and not self.pane.refusal:
            self.pane.refuse(refusal)
        else:
            self.pane.draw_around()

    def beat(self) -> None:
        if not self.is_current or self.deck.engine is None:
            return
        super().beat()
        self.query_one("#coordination-state", LineStack).draw_afresh()
        if self.pane is not None:
            self.pane.tick()

    # -- the frame --------------------------------------------------------------------------------------------------

    def refusal(self, action: str) -> str:
        # People look around among the tabs also while the workspace is being opened.
        return "" if action.startswith(("tab(", "next_tab(")) else super().refusal(action)

    def why_not(self, action: str) -> str:
        return self.pane.why_not(action) if self.pane is not None else ""

    def action_back(self) -> None:
        if self.pane is None or not self.pane.step_back():
            self.deck.back()

    def copied(self) -> str:
        return self.pane.copied() if self.pane is not None else ""

    def command(self) -> str:
        return self.pane.command() if self.pane is not None else ""
