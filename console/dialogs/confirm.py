"""A plain question. `y` agrees; Enter only presses the button that has the focus, and that is the harmless one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Button, Static

from console.dialogs.dialog import Dialog
from console.keymap import bindings


class Confirm(Dialog[bool]):
    """Answers True for yes, None for anything else. Opened by a capital letter, so the keys never coincide."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("confirm")]

    def __init__(self, question: str, explanation: str, *, yes: str) -> None:
        super().__init__()
        self.question = question
        self.explanation = explanation
        self.yes = yes

    def heading(self) -> str:
        return self.question

    def body(self) -> Iterable[Widget]:
        yield Static(self.explanation, markup=False)

    def buttons(self) -> Iterable[Button]:
        yield Button("Back  esc", id="least", action="screen.give_up")
        yield Button(f"{self.yes}  y", action="screen.agree")

    def action_agree(self) -> None:
        self.dismiss(result=True)
