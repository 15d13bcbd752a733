"""The change of the settings file, line by line, before it is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Button, Static

from console.dialogs.dialog import Dialog
from console.keymap import bindings
from console.presentation.file_diff import diff_lines
from console.widgets.ink import paint


class SaveChanges(Dialog[bool]):
    """Answers True to write. `notes` tell what else happens (a secret goes into the keyring)."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("confirm")]

    def __init__(self, title: str, diff: str, notes: Sequence[str] = (), *, yes: str = "Write it") -> None:
        super().__init__()
        self.question = title
        self.diff = diff
        self.notes = notes
        self.yes = yes

    def heading(self) -> str:
        return self.question

    def body(self) -> Iterable[Widget]:
        yield Static(paint(*diff_lines(self.diff)), classes="diff")
        for note in self.notes:
            yield Static(note, markup=False, classes="hint")

    def buttons(self) -> Iterable[Button]:
        yield Button("Back  esc", id="least", action="screen.give_up")
        yield Button(f"{self.yes}  y", action="screen.agree")

    def action_agree(self) -> None:
        self.dismiss(result=True)
