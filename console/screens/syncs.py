"""Syncs: what goes where, how and when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Static

from console.file_edits import delete_entry, pause_sync
from console.keymap import bindings
from console.messages import Open
from console.presentation import syncs as shown
from console.presentation.spans import Line, Span
from console.screens.frame import SyncdeckScreen
from console.widgets.ink import paint
from console.widgets.listed_rows import ListedRows, SteppingList, always
from console.widgets.record_list import RecordList

EMPTY: tuple[Line, ...] = (
    (Span("There are no syncs yet.", "strong"),),
    (),
    (Span("A sync reads one adapter, its source, and keeps others, its targets,"),),
    (Span("in step with it. To make the first one:"),),
    (Span("  2 ", "accent"), Span("add an adapter for each side, then")),
    (Span("  a ", "accent"), Span("adds the sync. Nothing is changed before you agreed to its plan.")),
)


class SyncsScreen(SyncdeckScreen):
    """Mode 3."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("syncs")]
    crumb = "Syncs"

    def body(self) -> Iterable[Widget]:
        yield Static(id="titles", classes="titles")
        yield SteppingList(empty=[(Span("Opening the workspace …", "dim"),)], id="syncs")

    def look(self) -> None:
        self.draw()

    def on_resize(self) -> None:
        self.draw()

    def draw(self) -> None:
        """Draw what is known, at the width there is now."""
        engine = self.deck.engine
        if engine is None:
            return
        syncs = engine.workspace.syncs
        width = self.size.width - 4
        room = shown.widths(width, list(syncs))
        rows = []
        for name, sync in syncs.items():
            line = shown.sync_line(sync, room)
            rows.append((name, always(line)))
        titles = self.query_one("#titles", Static)
        titles.update(paint(shown.titles(width, list(syncs))), layout=False)
        titles.visible = bool(syncs)
        self.query_one(RecordList).show(ListedRows(rows), empty=EMPTY)

    # -- keys -------------------------------------------------------------------------------------------------------

    @property
    def chosen(self) -> str:
        """The sync the cursor is on."""
        key = self.query_one(RecordList).key
        return key if isinstance(key, str) else ""

    def why_not(self, action: str) -> str:
        engine = self.deck.engine
        if action == "add" and engine is not None and not engine.workspace.adapters:
            return "A sync needs adapters: 2 adds them."
        if action in {"plan", "duplicate", "pause", "delete"} and not self.chosen:
            return "There is no sync yet: a adds one."
        return self.deck.busy() if action in {"pause", "delete"} else ""

    def copied(self) -> str:
        return self.chosen

    def command(self) -> str:
        return f"syncdeck plan {self.chosen}" if self.chosen else "syncdeck status"

    def on_record_list_opened(self) -> None:
        self.post_message(Open("sync", self.chosen))

    def action_plan(self) -> None:
        self.deck.plan_sync(self.chosen)

    def action_add(self) -> None:
        self.post_message(Open("sync new", ""))

    def action_duplicate(self) -> None:
        self.post_message(Open("sync copy", self.chosen))

    def action_pause(self) -> None:
        pause_sync(self.deck, self.chosen)

    def action_delete(self) -> None:
        delete_entry(self.deck, "syncs", self.chosen)
