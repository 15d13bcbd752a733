"""A value by hand: as text, or as JSON that is checked while it is typed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import on
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Button, Input, Static, TextArea

from console.dialogs.dialog import Dialog
from console.keymap import bindings
from console.presentation.typed_values import meant, written


@dataclass(frozen=True, slots=True)
class Edited:
    """The value that was written; any JSON value, null included."""

    value: Any


class EditValue(Dialog[Edited]):
    """Answers the value, or `None`; `problem` says why a value will not do.

    Where values have several `lines`, Enter begins another, and ctrl+o takes the value; elsewhere both take it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("edit_value")]
    AUTO_FOCUS = "#value"

    def __init__(
        self, field: str, value: Any, *, as_text: bool, lines: bool, problem: Callable[[Any], str] = lambda _: ""
    ) -> None:
        super().__init__()
        self._problem = problem
        self._field = field
        self._as_text = as_text and isinstance(value, str)
        self._start = written(value, as_text=self._as_text)
        self._lines = lines or "\n" in self._start

    def heading(self) -> str:
        return f"{self._field}, by hand"

    def body(self) -> Iterable[Widget]:
        yield Static(self._about(), id="about", classes="sentence", markup=False)
        if self._lines:
            yield TextArea(self._start, id="value", compact=True)
        else:
            yield Input(self._start, id="value", compact=True, select_on_focus=False)
        yield Static("", id="problem", markup=False)

    def buttons(self) -> Iterable[Button]:
        yield Button("Cancel  esc", id="least", action="screen.give_up")
        yield Button("As JSON or as text  ^t", action="screen.kind")
        yield Button("Take it  ^o", id="ok", action="screen.accept")

    def _about(self) -> str:
        if self._as_text:
            return "Every character counts: this is text."
        return "This is read as JSON: texts in quotes, lists in [ ], objects in { }."

    @property
    def text(self) -> str:
        """What stands in the field."""
        field = self.query_one("#value")
        return field.value if isinstance(field, Input) else field.text if isinstance(field, TextArea) else ""

    def _read(self) -> tuple[Any, str]:
        """Return the value, and why it will not do."""
        value, problem = meant(self.text, as_text=self._as_text)
        return value, problem or self._problem(value)

    @on(Input.Changed)
    @on(TextArea.Changed)
    def check(self) -> None:
        """Say what is wrong while it is typed."""
        self.query_one("#problem", Static).update(self._read()[1])

    @on(Input.Submitted)
    def submitted(self) -> None:
        self.action_accept()

    def action_kind(self) -> None:
        """Read the same characters the other way; what is one value both ways is rewritten."""
        value, problem = meant(self.text, as_text=self._as_text)
        self._as_text = not self._as_text
        field = self.query_one("#value")
        if not problem and (not self._as_text or isinstance(value, str)):
            text = written(value, as_text=self._as_text)
            if isinstance(field, Input):
                field.value = text
            elif isinstance(field, TextArea):
                field.text = text
        self.query_one("#about", Static).update(self._about())
        self.check()

    def action_accept(self) -> None:
        """Answer the value, unless it cannot be read."""
        value, problem = self._read()
        self.query_one("#problem", Static).update(problem)
        if not problem:
            self.dismiss(Edited(value))
