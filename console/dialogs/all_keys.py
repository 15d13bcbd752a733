"""`?`: every key that works on the screen in front, searchable, and what the glyphs mean. Enter runs a line."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Button, Input

from console.dialogs.dialog import Dialog
from console.keymap import bindings, key_of
from console.presentation.keys import LEGEND, key_name
from console.presentation.spans import Line, Span, cell
from console.screens.frame import SyncdeckScreen
from console.widgets.listed_rows import Draw, ListedRows, Silent, always
from console.widgets.record_list import RecordList

BASICS = ("list.", "records.", "panel.", "form.", "screen.", "app.")
"""Ids of keys that work nearly everywhere: they stand last."""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key and what it does here; `refusal` says why not now."""

    id: str
    keys: str
    says: str
    action: str
    node: DOMNode
    refusal: str = ""


def rows_of(screen: Screen[object]) -> list[KeyRow]:
    """Return the keys that work on a screen with its focus of now, what is special to it first."""
    rows: dict[str, KeyRow] = {}
    pressed: dict[str, list[str]] = {}
    for active in screen.active_bindings.values():
        key = key_of(active.binding.id)
        if key is None:
            continue
        pressed.setdefault(key.id, []).append(key_name(active.binding.key))
        refusal = screen.refusal(key.action) if isinstance(screen, SyncdeckScreen) else ""
        names = " ".join(pressed[key.id])
        rows[key.id] = KeyRow(key.id, names, key.says, key.action, active.node, refusal)
    return sorted(rows.values(), key=lambda row: row.id.startswith(BASICS) and row.id != "list.open")


class AllKeys(Dialog[KeyRow]):
    """Answers with the line to run."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("all_keys")]
    AUTO_FOCUS = "#filter"

    def __init__(self, rows: list[KeyRow]) -> None:
        super().__init__()
        self.rows = rows

    def heading(self) -> str:
        return "Keys"

    def body(self) -> Iterable[Widget]:
        yield Input(placeholder="Filter by key or word, Enter runs", id="filter", compact=True)
        yield RecordList(ListedRows(list(self._lines(""))), id="keys")

    def buttons(self) -> Iterable[Button]:
        yield Button("Close  esc", id="least", action="screen.give_up")

    def on_input_changed(self, event: Input.Changed) -> None:
        records = self.query_one(RecordList)
        records.show(ListedRows(list(self._lines(event.value))), empty=[(Span("No key does that here.", "dim"),)])
        records.go_to(0)

    def on_input_submitted(self) -> None:
        self._run(self.query_one(RecordList).key)

    def on_record_list_opened(self, event: RecordList.Opened) -> None:
        self._run(event.key)

    def action_cursor(self, by: int) -> None:
        self.query_one(RecordList).action_cursor(by)

    def _run(self, key: Hashable) -> None:
        row = next((row for row in self.rows if row.id == key), None)
        if row is not None:
            self.dismiss(row)

    def _lines(self, wanted: str) -> Iterable[tuple[Hashable, Draw]]:
        words = wanted.casefold().split()
        for row in self.rows:
            text = f"{row.keys} {row.says} {row.id}".casefold()
            if all(word in text for word in words):
                yield row.id, drawn(row)
        if not words:
            yield Silent(0), always(())
            for number, line in enumerate(LEGEND, start=1):
                yield Silent(number), always(line)


def drawn(row: KeyRow) -> Draw:
    """Return the line of a key: keys, what it does, the id for one's own keymap where there is room."""

    def draw(width: int) -> Line:
        room = width - 14 - (24 if width > 70 else 0)
        says = cell(f"{row.says} – {row.refusal}" if row.refusal else row.says, room, "dim" if row.refusal else "")
        return (cell(row.keys, 14, "accent"), says, cell(row.id if width > 70 else "", 24, "dim"))

    return draw
