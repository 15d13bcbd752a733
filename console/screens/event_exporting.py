"""The part of the event log's screen that writes events to a file, beside everything else."""

from __future__ import annotations

from pathlib import Path

from textual import work

from console.dialogs.ask_text import AskText
from console.event_export import EventExport, problem_with
from console.messages import Failure
from console.screens.frame import SyncdeckScreen
from console.widgets.event_list import EventList
from engine.errors import SyncdeckError
from engine.events.log import Filter

LOOK_SECONDS = 0.1


class EventExporting(SyncdeckScreen):
    """A screen with an `EventList` whose filtered events can be exported."""

    export: EventExport | None = None

    @property
    def shown_filter(self) -> Filter:
        """What the list shows; no condition for everything."""
        events = self.query_one(EventList).events
        return events.scan.where if events is not None and events.scan is not None else Filter()

    def on_mount(self) -> None:
        self.set_interval(LOOK_SECONDS, self._look_at_export)

    def action_export(self) -> None:
        if self.export is not None:
            self.deck.say("An export is under way; c stops it.")
            return

        def begin(text: str | None) -> None:
            engine = self.deck.engine
            if text and engine is not None:
                where = self.shown_filter
                path = Path(text).expanduser()
                self.export = EventExport(engine.event_pages, None if where == Filter() else where, path)
                self._export(self.export)

        explanation = "Every event that the filter shows, one JSON object a line (.ndjson) or as a table (.csv)."
        self.deck.push_screen(AskText("Export events", explanation, value="events.ndjson", problem=problem_with), begin)

    def action_stop(self) -> None:
        """Stop whatever goes on beside the list."""
        if self.export is not None:
            self.export.stop()
        self.query_one(EventList).stop_scan()

    @work(thread=True, group="export", exit_on_error=False)
    def _export(self, export: EventExport) -> None:
        try:
            export.run()
        except (SyncdeckError, OSError) as error:
            self.app.call_from_thread(self.post_message, Failure(f"write {export.path}", error))
            export.stop()
            export.failed = True

    def _look_at_export(self) -> None:
        export = self.export
        if export is None:
            return
        if export.done:
            self.export = None
            if export.stopped:
                message = "Export stopped; no file was left."
            else:
                message = f"{export.written:,} events written to {export.path.resolve()}"
            if not export.failed:
                self.deck.say(message)
        self.query_one(EventList).post_message(EventList.Progressed())
