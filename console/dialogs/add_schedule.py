"""A new schedule, typed; what it comes to is shown with every letter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from console.dialogs.dialog import Dialog
from console.keymap import bindings
from console.presentation.schedule_deeds import FIELDS, drafted, preview
from console.presentation.spans import Line, Span
from console.widgets.ink import paint
from engine.coordination.scheduling.fires import Plan

if TYPE_CHECKING:
    from engine.clock import Clock

ABOUT = {
    "name": "as people call it",
    "task": "the command that each fire submits",
    "when": "every 15m   or   0 3 * * *   or   2027-01-01T02:00",
    "timezone": "UTC, or as Europe/Berlin",
    "payload": "JSON for the task; may be left out",
    "missed": "latest, all or skip: fires that nobody was there for",
    "overlap": "forbid, queue or allow: while the last one's task goes on",
}


class AddSchedule(Dialog[Plan]):
    """Answers the plan. Nothing is added yet: whoever asked shows it once more."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("form_dialog")]
    AUTO_FOCUS = "#name"

    def __init__(self, taken: AbstractSet[str], commands: Sequence[str], clock: Clock) -> None:
        super().__init__()
        self._taken = taken
        self._commands = commands
        self._clock = clock

    def heading(self) -> str:
        return "Add a schedule"

    def body(self) -> Iterable[Widget]:
        for field in FIELDS:
            with Horizontal(classes="form-row"):
                yield Static(field, classes="label", markup=False)
                yield Input(placeholder=ABOUT[field], id=field, compact=True)

    def foot(self) -> Iterable[Widget]:
        yield Static("", id="preview", markup=False)

    def buttons(self) -> Iterable[Button]:
        yield Button("Cancel  esc", id="least", action="screen.give_up")
        yield Button("Go on  ^o", id="ok", action="screen.accept")

    def on_mount(self) -> None:
        self.check()

    @property
    def fields(self) -> dict[str, str]:
        """What stands in each field."""
        return {field: self.query_one(f"#{field}", Input).value for field in FIELDS}

    @on(Input.Changed)
    def check(self) -> None:
        """Say what is missing, or when it would fire."""
        now = self._clock.now()
        plan, problem, _ = drafted(self.fields, self._taken, self._commands, now)
        lines: list[Line] = [(Span(problem, "dim"),)] if plan is None else preview(plan, now)
        self.query_one("#preview", Static).update(paint(*lines))

    @on(Input.Submitted)
    def sent(self) -> None:
        """Enter goes on to the next field, and takes it all in the last."""
        self.action_accept_or_next()

    def action_accept_or_next(self) -> None:
        """Take it if all is there, else go to the next field."""
        focused = self.focused
        if focused is not None and focused.id == FIELDS[-1]:
            self.action_accept()
        else:
            self.focus_next()

    def action_accept(self) -> None:
        """Answer the plan, or go to the field that is wrong."""
        plan, problem, field = drafted(self.fields, self._taken, self._commands, self._clock.now())
        if plan is not None:
            self.dismiss(plan)
            return
        self.query_one("#preview", Static).update(paint((Span(problem, "error"),)))
        self.query_one(f"#{field}", Input).focus()
