"""One aggregate: all its events, and its state as of the one under the cursor with what that event changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import msgspec
from textual import on
from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget

from console.keymap import bindings
from console.messages import News, Open
from console.presentation import aggregate as shown
from console.presentation.ages import TimeStyle
from console.presentation.events import event_detail, leads_to, no_lead
from console.presentation.spans import Line, Span
from console.screens.frame import SyncdeckScreen
from console.widgets.line_panel import LinePanel, LineStack
from console.widgets.record_list import RecordList
from console.widgets.summary_rows import SummaryRows
from engine.events.own import is_own

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.events.event import Event, Position
    from engine.events.merging.values import View

KEPT_VIEWS = 500
FRESH_SECONDS = 2
"""Events of other nodes arrive through other processes, too, which send no notices here: look again this often."""
READING: tuple[Line, ...] = ((Span("Reading its history …", "dim"),),)
NOBODY: tuple[Line, ...] = (
    (Span("Nothing is known of this aggregate.", "strong"),),
    (Span("Its events were compacted, or nobody wrote any.", "dim"),),
)


@dataclass(frozen=True, slots=True)
class History:
    """An aggregate's events, oldest first, and how it stands now; journals have no state of their own."""

    events: Sequence[Event]
    now: View | None
    end: Position
    """The newest position of the log then."""


class AggregateScreen(SyncdeckScreen):
    """What `Open("aggregate", id)` opens, at its newest event."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("aggregate")]
    CSS_PATH = "../styles/peers.tcss"

    def __init__(self, aggregate: str) -> None:
        super().__init__()
        self.of = aggregate
        self.history: History | None = None
        self.seen: Position | None = None
        """The end of the log when it was last read: nothing is read again until that has moved."""
        self.views: dict[Position, View] = {}
        """As of positions that were looked at."""
        self.in_full = is_own(aggregate)
        self.style = TimeStyle.LOCAL

    @property
    def crumb(self) -> str:
        return self.of if len(self.of) <= 40 else self.of[:39] + "…"

    def body(self) -> Iterable[Widget]:
        yield LineStack(self._facts, id="aggregate-facts")
        with Container(id="panes"):
            with Container(id="history"):
                yield LineStack(lambda width: ((Span("  "), *shown.titles(width - 2)),), id="step-titles")
                yield RecordList(empty=READING, id="steps")
            yield LinePanel(id="state")

    def on_mount(self) -> None:
        self.steps.focus()
        self.style = self.deck.preferences.time
        self.set_interval(FRESH_SECONDS, self.look_if_shown)

    @property
    def steps(self) -> RecordList:
        """The list of its events."""
        return self.query_one("#steps", RecordList)

    @property
    def event(self) -> Event | None:
        """The event under the cursor."""
        rows = self.steps.rows
        return rows.of_key(self.steps.key) if isinstance(rows, SummaryRows) else None

    # -- what is shown ----------------------------------------------------------------------------------------------

    def look(self) -> None:
        self.ask("read the history", partial(_history, self.of, self.seen), self.show)

    def on_engine_opened(self) -> None:
        self.seen = None  # the rules may be others now
        super().on_engine_opened()

    def hear(self, news: News) -> None:
        if any(notice.topic.startswith(("peer.", "conflict.", "plan.elsewhere")) for notice in news.notices):
            self.look()

    def show(self, history: History | None) -> None:
        """Show its events, unless nothing was written; the cursor stays, or begins at the newest."""
        engine = self.deck.engine
        if engine is None or history is None:
            return
        before, self.history, self.seen = self.history, history, history.end
        if before is not None and (before.events, before.now) == (history.events, history.now):
            return
        first = before is None
        heads = history.now.heads if history.now is not None else ()
        rows = SummaryRows(
            history.events,
            lambda event: event.position,
            lambda event, width: shown.step_line(event, heads, width, self.style, engine.clock.now()),
        )
        self.steps.show(rows, empty=NOBODY)
        if first:
            self.steps.go_to(len(rows) - 1)
        self.query_one("#aggregate-facts", LineStack).draw_afresh()
        self.show_state()
        self.hint_again()

    def _facts(self, width: int) -> Sequence[Line]:
        if self.history is None:
            return ((Span(self.of, "strong"),), ())
        return (*shown.facts(self.of, self.history.events, self.history.now, max(width - 2, 20)), ())

    @on(RecordList.Moved)
    def show_state(self) -> None:
        """Show the state as of the event under the cursor, once it is known; the event itself, if that is wanted."""
        event, panel, engine = self.event, self.query_one("#state", LinePanel), self.deck.engine
        if event is None or engine is None:
            panel.show(lambda _: ())
            return
        if self.in_full:
            heads = self.history.now.heads if self.history is not None and self.history.now is not None else None
            node = engine.workspace.node
            panel.show(lambda width: event_detail(event, width - 1, node=node, heads=heads, here=True))
            return
        before = self._before(event)
        wanted = [each.position for each in (before, event) if each is not None]
        if all(position in self.views for position in wanted):
            was = self.views[before.position] if before is not None else None
            after = self.views[event.position]
            panel.show(lambda width: shown.state_lines(was, after, width - 1))
        else:
            missing = [position for position in wanted if position not in self.views]
            self.ask("read the state", partial(_views, self.of, missing), self._keep)

    def _before(self, event: Event) -> Event | None:
        events = self.history.events if self.history is not None else ()
        index = self.steps.rows.index_of(event.position)
        return events[index - 1] if index else None

    def _keep(self, views: Mapping[Position, View]) -> None:
        if len(self.views) > KEPT_VIEWS:
            self.views.clear()
        self.views |= views
        self.show_state()

    # -- keys -------------------------------------------------------------------------------------------------------

    @on(RecordList.Opened)
    def open_step(self) -> None:
        """A conflict's event leads to the conflict; of any other, event and state change places."""
        event = self.event
        link = self.link
        if event is not None and link is not None and link[0] == "conflict" and not is_own(self.of):
            self.post_message(Open(*link))
        else:
            self.action_detail()

    @property
    def link(self) -> tuple[str, str] | None:
        """What the event under the cursor leads to."""
        event, engine = self.event, self.deck.engine
        return leads_to(event, engine.workspace.node) if event is not None and engine is not None else None

    def action_detail(self) -> None:
        self.in_full = not self.in_full
        self.show_state()

    def action_leads(self) -> None:
        if self.link is not None:
            self.post_message(Open(*self.link))

    def action_contest(self) -> None:
        self.post_message(Open("conflict", self.of))

    def action_events(self) -> None:
        self.post_message(Open("events", f'aggregate:"{self.of}"'))

    def action_time_style(self) -> None:
        self.style = self.style.following
        self.steps.redraw()
        self.deck.prefer("time", self.style)

    def why_not(self, action: str) -> str:
        if action == "leads" and self.link is None:
            return no_lead(self.event)
        if action == "detail" and is_own(self.of):
            return "This is a node's journal: it says what was done, and adds up to no state."
        now = self.history.now if self.history is not None else None
        if action == "contest" and (now is None or not now.open):
            return "Nothing of this aggregate is contested now."
        return ""

    def copied(self) -> str:
        event = self.event
        return self.of if event is None else msgspec.json.format(msgspec.json.encode(event), indent=2).decode()

    def command(self) -> str:
        return f"syncdeck events --aggregate '{self.of}'"


async def _history(aggregate: str, seen: Position | None, engine: Engine) -> History | None:
    """Return the history, or nothing when the log has not grown since."""
    _, end = await engine.log.bounds()
    if end == seen:
        return None
    events = await engine.log.history(aggregate)
    return History(events, None if is_own(aggregate) else await engine.conflicts.view(aggregate), end)


async def _views(aggregate: str, positions: Sequence[Position], engine: Engine) -> Mapping[Position, View]:
    return {position: await engine.conflicts.view(aggregate, until=position) for position in positions}
