"""The event log: a million events at once, narrowed, searched, followed, and each one's way to its plan or run."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Set
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

import msgspec
from textual import on
from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget
from textual.widgets import Static

from console.dialogs.ask_text import AskText
from console.keymap import bindings
from console.messages import Failure, News
from console.presentation import event_filter
from console.presentation.event_words import LogState, Scanned, pill, state_line
from console.presentation.events import heading
from console.presentation.spans import Line
from console.screens.event_reading import EventReading
from console.widgets.event_list import EventList
from console.widgets.filter_bar import FilterBar
from console.widgets.ink import paint
from console.widgets.line_panel import LinePanel, LineStack
from engine.events.event import node_of
from engine.events.log import Filter

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.events.pages import EventPages

POLL_SECONDS = 0.5
"""Other processes write to the same log and send no notices here; asking for its last position costs little."""


class EventsScreen(EventReading):
    """Mode 6, and what other screens open with a filter (`run:12`)."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("events")]
    CSS_PATH = "../styles/events.tcss"
    crumb = "Events"

    def __init__(self, filter_text: str = "") -> None:
        super().__init__()
        self.found_text = ""
        self._start_text = filter_text
        self._pages: EventPages | None = None

    def body(self) -> Iterable[Widget]:
        yield FilterBar(self._start_text, placeholder=event_filter.HINT, id="event-filter")
        with Container(id="panes"):
            with Container(id="log"):
                yield LineStack(self._titles, id="event-titles")
                yield EventList(id="events")
                yield Static("", id="pill")
            yield LinePanel(id="detail")

    def _titles(self, width: int) -> tuple[Line, ...]:
        events = self.log_list.events
        return (heading(width - 2, nodes=events is not None and events.several),)

    def on_mount(self) -> None:
        self.query_one("#detail").display = False
        self.query_one("#pill").display = False
        self.log_list.first_style = self.deck.preferences.time
        self.set_focus(self.log_list)
        self.set_interval(POLL_SECONDS, self.poll)

    @property
    def bar(self) -> FilterBar:
        """The filter line."""
        return self.query_one(FilterBar)

    # -- what is shown ----------------------------------------------------------------------------------------------

    def look(self) -> None:
        engine = self.deck.engine
        if engine is not None and engine.event_pages is not self._pages:
            self._pages = engine.event_pages
            self.log_list.open_log(engine.event_pages, engine.clock)
            self.narrow(self.bar.text)
            self.say_state()
        self.ask("read who wrote", _makeup, self.show_makeup)
        self.poll()

    def hear(self, news: News) -> None:
        self.heads = "", ()  # what arrived may know the event that is shown
        self.poll()

    def poll(self) -> None:
        """Take in what is new, unless another screen is in front."""
        if self.is_current and self.deck.engine is not None:
            self.log_list.poll()

    def show_makeup(self, found: tuple[Set[str], bool]) -> None:
        """Say on each line which node wrote it, from when there are several; pass over what was compacted."""
        nodes, gaps = found
        if self.log_list.name_nodes(nodes):
            self.query_one("#event-titles", LineStack).draw_afresh()
        if gaps:
            self.log_list.pass_over_gaps()

    @on(EventList.Progressed)
    def say_state(self) -> None:
        """Bring the titles, the right end of the filter line and the pill up to date."""
        listing = self.log_list
        if listing.events is None:
            return
        self.query_one("#event-titles", LineStack).draw_afresh()
        scan, export = listing.events.scan, self.export
        self.bar.say(
            state_line(
                LogState(
                    shown=len(listing.events),
                    scanned=None
                    if scan is None or (scan.done and scan.where == Filter())
                    else Scanned(looked_at=scan.looked_at, total=scan.total, done=scan.done),
                    following=listing.following,
                    paused=listing.paused,
                    style=listing.events.style,
                    exporting=None if export is None else (export.written, export.looked_at, export.total),
                )
            )
        )
        floating = self.query_one("#pill", Static)
        floating.display = bool(listing.unseen)
        floating.update(paint(pill(listing.unseen)))
        if scan is not None and scan.error is not None:
            error, scan.error = scan.error, None
            self.post_message(Failure("filter the events", error))

    # -- the filter -------------------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        self.set_focus(self.bar.field)

    @on(FilterBar.Changed)
    def filter_changed(self, event: FilterBar.Changed) -> None:
        self.narrow(event.text)

    @on(FilterBar.Left)
    def filter_left(self) -> None:
        self.set_focus(self.log_list)

    def narrow(self, text: str) -> None:
        """Show what a filter text asks for; a text that cannot be understood changes nothing and says why."""
        listing = self.log_list
        if self.deck.engine is None or listing.events is None:
            return
        asked = event_filter.parse(text, self.deck.engine.clock.now())
        self.bar.complain(asked.problem)
        if asked.problem or asked.where == self.shown_filter:
            return
        listing.narrow(None if asked.everything else asked.where)
        self.say_state()

    def action_back(self) -> None:
        """First out of the filter line, then close the detail, then show everything again, then one crumb up."""
        detail = self.query_one("#detail")
        if not self.log_list.has_focus:
            self.set_focus(self.log_list)
        elif detail.display:
            detail.display = False
        elif not self.bar.clear():
            self.deck.back()

    # -- following, time --------------------------------------------------------------------------------------------

    def action_follow(self) -> None:
        self.log_list.follow(not self.log_list.following)

    def action_hold(self) -> None:
        self.log_list.paused = not self.log_list.paused
        self.poll()
        self.say_state()

    def action_time_style(self) -> None:
        rows = self.log_list.events
        if rows is not None:
            rows.style = rows.style.following
            self.log_list.redraw()
            self.say_state()
            self.deck.prefer("time", rows.style)

    def action_minutes(self, by: int) -> None:
        event = self.event
        if event is not None:
            self.log_list.go_to_time(event.milliseconds + by * 60_000)

    def action_go_to_time(self) -> None:
        if self.deck.engine is None:
            return
        now = self.deck.engine.clock.now()

        def problem(text: str) -> str:
            return (
                "" if event_filter.moment(text, now) else "Write 15m, 2h, 3d (ago), 14:00, today or 2026-03-01T14:00."
            )

        def go(text: str | None) -> None:
            at = event_filter.moment(text, now) if text else None
            if at is not None:
                self.log_list.go_to_time(int(at.timestamp() * 1000))

        dialog = AskText("Go to a time", "The first event at or after it.", placeholder="14:00", problem=problem)
        self.deck.push_screen(dialog, go)

    # -- searching, leaving -----------------------------------------------------------------------------------------

    def action_find(self) -> None:
        def go(text: str | None) -> None:
            if text:
                self.found_text = text
                self.action_find_next(older=True)

        dialog = AskText("Search", "A text anywhere in an event, in any letter case.", value=self.found_text)
        self.deck.push_screen(dialog, go)

    def action_find_next(self, older: bool) -> None:
        if self.found_text:
            self.log_list.find(self.found_text, older)
        else:
            self.action_find()

    @on(EventList.Found)
    def found(self, event: EventList.Found) -> None:
        """Say so when there is nothing more to find."""
        if event.position is None:
            self.deck.say(f"No further event here holds “{self.found_text}”.")

    def action_mark(self) -> None:
        self.log_list.mark()

    def copied(self) -> str:
        """The marked events, one JSON object a line; without marks the one under the cursor, indented."""
        listing = self.log_list
        marked = sorted(key for key in listing.marked if isinstance(key, int))
        if marked and listing.events is not None:
            return "\n".join(msgspec.json.encode(event).decode() for event in listing.events.pages.at(marked))
        event = self.event
        return "" if event is None else msgspec.json.format(msgspec.json.encode(event), indent=2).decode()

    def command(self) -> str:
        asked = self.shown_filter
        names = ("type", "aggregate", "actor", "origin", "search")
        words = [f"--{name} {shlex.quote(value)}" for name in names if (value := getattr(asked, name))]
        if asked.since_ms is not None and self.deck.engine is not None:
            passed = self.deck.engine.clock.now().timestamp() - asked.since_ms / 1000
            words.append(f"--since {max(1, round(timedelta(seconds=passed).total_seconds() / 60))}m")
        return " ".join(["syncdeck events", *words])


async def _makeup(engine: Engine) -> tuple[Set[str], bool]:
    """Return the names of the nodes that wrote, and whether events are missing; both from what the log keeps counted.

    What is counted after the bounds were read can only be more, so a log that grows meanwhile seems to lack nothing.
    """
    first, last = await engine.log.bounds()
    held = sum((await engine.log.counts_by_type()).values())
    return {node_of(origin) for origin in await engine.log.vector()}, held < last - first + 1
