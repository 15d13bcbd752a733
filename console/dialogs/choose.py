"""One of many, found by typing."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Button, Input

from console.dialogs.dialog import Dialog
from console.keymap import bindings
from console.presentation.spans import Span, cell, clean, fit
from console.widgets.listed_rows import Draw, ListedRows, SteppingList
from console.widgets.record_list import RecordList


@dataclass(frozen=True, slots=True)
class Option:
    """What can be chosen: the answer, its name, and a sentence."""

    word: str
    title: str
    about: str = ""


class Choose(Dialog[str]):
    """Answers the word of an option."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("all_keys")]
    AUTO_FOCUS = "#filter"

    def __init__(self, question: str, options: Sequence[Option]) -> None:
        super().__init__()
        self.question = question
        self.options = options

    def heading(self) -> str:
        return self.question

    def body(self) -> Iterable[Widget]:
        yield Input(placeholder="Type to find", id="filter", compact=True)
        yield SteppingList(ListedRows(list(self._lines(""))), id="options")

    def buttons(self) -> Iterable[Button]:
        yield Button("Cancel  esc", id="least", action="screen.give_up")

    def on_input_changed(self, event: Input.Changed) -> None:
        records = self.query_one(RecordList)
        records.show(ListedRows(list(self._lines(event.value))), empty=[(Span("Nothing of that name.", "dim"),)])
        records.go_to(0)

    def on_input_submitted(self) -> None:
        self._choose(self.query_one(RecordList).key)

    def on_record_list_opened(self, event: RecordList.Opened) -> None:
        self._choose(event.key)

    def action_cursor(self, by: int) -> None:
        self.query_one(RecordList).action_cursor(by)

    def _choose(self, key: Hashable) -> None:
        if isinstance(key, str):
            self.dismiss(key)

    def _lines(self, wanted: str) -> Iterable[tuple[Hashable, Draw]]:
        words = wanted.casefold().split()
        for option in self.options:
            if all(word in f"{option.word} {option.title} {option.about}".casefold() for word in words):
                yield option.word, _drawn(option)


def _drawn(option: Option) -> Draw:
    return lambda width: fit((cell(option.title, 20, "strong"), Span(clean(option.about), "dim")), width)
