"""One line of text, checked as it is typed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual import on
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from console.dialogs.dialog import Dialog


class AskText(Dialog[str]):
    """Answers the text, or `None`. `problem(text)` is a sentence that says why a text will not do, or nothing."""

    AUTO_FOCUS = "#text"

    def __init__(
        self,
        title: str,
        explanation: str,
        *,
        value: str = "",
        placeholder: str = "",
        problem: Callable[[str], str] = lambda _: "",
    ) -> None:
        super().__init__()
        self._title = title
        self._explanation = explanation
        self._value = value
        self._placeholder = placeholder
        self._problem = problem

    def heading(self) -> str:
        return self._title

    def body(self) -> Iterable[Widget]:
        yield Static(self._explanation, markup=False, classes="sentence")
        yield Input(self._value, placeholder=self._placeholder, id="text", compact=True, select_on_focus=False)
        yield Static("", markup=False, id="problem")

    def buttons(self) -> Iterable[Button]:
        yield Button("Cancel  esc", id="least", action="screen.give_up")
        yield Button("OK  enter", id="ok", action="screen.accept")

    @on(Input.Changed)
    def check(self, event: Input.Changed) -> None:
        """Say what is wrong while it is typed; an empty line is only refused when it is sent."""
        self.query_one("#problem", Static).update(self._problem(event.value) if event.value else "")

    @on(Input.Submitted)
    def submitted(self) -> None:
        self.action_accept()

    def action_accept(self) -> None:
        """Answer the text, unless it will not do."""
        text = self.query_one("#text", Input).value.strip()
        problem = self._problem(text)
        self.query_one("#problem", Static).update(problem)
        if text and not problem:
            self.dismiss(text)
