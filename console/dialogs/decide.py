"""One look at everything before something is decided. Cancel has the focus, or the reason where one is needed; the key
that decides is not the key that asked; what is dangerous has to be typed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from console.dialogs.dialog import Dialog
from console.keymap import bindings
from console.presentation.plan_words import Deed, Matter
from console.widgets.ink import paint


@dataclass(frozen=True, slots=True)
class Decided:
    """What somebody decided, and the comment."""

    deed: Deed
    comment: str


class Decide(Dialog[Decided]):
    """Answers what was decided, or `None`."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("decide")]

    def __init__(self, matter: Matter) -> None:
        super().__init__()
        self.matter = matter

    def on_mount(self) -> None:
        if self.matter.comment_needed:
            self.set_focus(self.query_one("#comment", Input))

    def heading(self) -> str:
        return self.matter.title

    def body(self) -> Iterable[Widget]:
        matter = self.matter
        yield Static(paint(*matter.lines), classes="sentence")
        if matter.comment:
            needed = " (needed)" if matter.comment_needed else " (if you like)"
            yield Input(placeholder=matter.comment + needed, id="comment", compact=True)
        if matter.typed:
            yield Static(f"Type  {matter.typed}  to go on:", id="ask-typed", markup=False)
            yield Input(id="typed", compact=True)

    def foot(self) -> Iterable[Widget]:
        yield Static("", id="problem", markup=False)

    def buttons(self) -> Iterable[Button]:
        matter = self.matter
        yield Button("Cancel  esc" if matter.deed else "Close  esc", id="least", action="screen.give_up")
        if matter.besides is not None:
            yield Button(f"Only {matter.besides}  o", id="besides", action="screen.besides")
        if matter.deed is not None:
            yield Button(f"{matter.button}  y", id="deed", action="screen.deed")

    def action_deed(self) -> None:
        """Decide, if all that is needed was typed; else go where it is missing and say so."""
        matter = self.matter
        if matter.deed is None:
            return
        if matter.comment_needed and not self._comment:
            self._ask("#comment", "Say why first: the reason is kept with your name.")
        elif matter.typed and self.query_one("#typed", Input).value.strip() != matter.typed:
            self._ask("#typed", f"Type {matter.typed} exactly as it is written here.")
        else:
            self.dismiss(Decided(matter.deed, self._comment))

    def action_besides(self) -> None:
        """Do the smaller deed."""
        if self.matter.besides is not None:
            self.dismiss(Decided(self.matter.besides, self._comment))

    @on(Input.Submitted)
    def sent(self, event: Input.Submitted) -> None:
        """Enter in the typed word decides only when it fits; in the comment it goes on to the next field."""
        event.stop()
        if event.input.id == "typed":
            self.action_deed()
        else:
            self.focus_next()

    @property
    def _comment(self) -> str:
        return self.query_one("#comment", Input).value.strip() if self.matter.comment else ""

    def _ask(self, field: str, sentence: str) -> None:
        self.query_one(field, Input).focus()
        self.query_one("#problem", Static).update(sentence)
