"""The part of the event log's screen that shows one event in full, and leads from it to where it belongs."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING

from textual import on

from console.messages import Open
from console.presentation.events import event_detail, leads_to, no_lead
from console.screens.event_exporting import EventExporting
from console.widgets.event_list import EventList
from console.widgets.event_rows import GONE
from console.widgets.line_panel import LinePanel
from console.widgets.record_list import RecordList
from engine.events.own import is_own

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.events.event import Dot, Event


class EventReading(EventExporting):
    """A screen with an `EventList` and a `LinePanel` (`#detail`) for the event under the cursor."""

    heads: tuple[str, Collection[Dot]] = ("", ())
    """The aggregate of the event in the detail, and its heads."""

    @property
    def log_list(self) -> EventList:
        """The list itself."""
        return self.query_one(EventList)

    @property
    def event(self) -> Event | None:
        """The whole event under the cursor."""
        listing = self.log_list
        if listing.events is None or not isinstance(listing.key, int):
            return None
        return listing.events.event_at(listing.key)

    @on(RecordList.Moved)
    def show_detail(self) -> None:
        """Show the event under the cursor beside the list, if that is open."""
        panel = self.query_one("#detail", LinePanel)
        event = self.event
        if not panel.display or self.log_list.key is None:
            return
        if event is None:
            panel.show(lambda _: (GONE,))
            return
        self._draw_detail(event)
        aggregate = event.aggregate_id
        if not is_own(aggregate) and self.heads[0] != aggregate:
            self.ask("read the heads", partial(_heads_of, aggregate), partial(self._show_heads, aggregate))

    def _draw_detail(self, event: Event, *, stay: bool = False) -> None:
        node = self.deck.engine.workspace.node if self.deck.engine is not None else ""
        heads = self.heads[1] if self.heads[0] == event.aggregate_id else None
        panel = self.query_one("#detail", LinePanel)
        panel.show(lambda width: event_detail(event, width - 1, node=node, heads=heads), stay=stay)

    def _show_heads(self, aggregate: str, heads: Collection[Dot]) -> None:
        self.heads = aggregate, heads
        event = self.event
        if event is not None and event.aggregate_id == aggregate and self.query_one("#detail").display:
            self._draw_detail(event, stay=True)

    @on(RecordList.Opened)
    def toggle_detail(self) -> None:
        """Open the detail beside the list (below it, where it is narrow), or close it."""
        panel = self.query_one("#detail")
        panel.display = not panel.display
        self.show_detail()

    @property
    def link(self) -> tuple[str, str] | None:
        """What the event under the cursor leads to."""
        event, engine = self.event, self.deck.engine
        return leads_to(event, engine.workspace.node) if event is not None and engine is not None else None

    def action_leads(self) -> None:
        if self.link is not None:
            self.post_message(Open(*self.link))

    def action_history(self) -> None:
        event = self.event
        if event is not None:
            self.post_message(Open("aggregate", event.aggregate_id))

    def why_not(self, action: str) -> str:
        if action == "leads" and self.link is None:
            return no_lead(self.event)
        if action == "history" and self.event is None:
            return "There is no event here yet."
        return ""


async def _heads_of(aggregate: str, engine: Engine) -> Collection[Dot]:
    return (await engine.conflicts.view(aggregate)).heads
