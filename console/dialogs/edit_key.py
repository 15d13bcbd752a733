"""A key's value by hand: as JSON, text or bytes, checked while it is typed; and when it expires."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Button, Input, Static, TextArea

from console.dialogs.dialog import Dialog
from console.keymap import bindings
from console.presentation.key_deeds import Draft
from console.presentation.key_values import Form, expiry_meant, meant, natural, possible, written
from engine.settings.durations import duration_text


class EditKey(Dialog[Draft]):
    """Answers what was typed, or `None`. Nothing is written yet."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("edit_key")]
    AUTO_FOCUS = "#value"

    def __init__(self, key: str, draft: Draft, *, remark: str = "", no_expiry: str = "") -> None:
        super().__init__()
        self._key = key
        self._draft = draft
        self._remark = remark
        self._no_expiry = no_expiry
        self._form = natural(draft.value) if draft.value else Form.TEXT
        self._lifetime = _lifetime(draft.expires)

    def heading(self) -> str:
        return self._key

    def body(self) -> Iterable[Widget]:
        yield Static(self._about(), id="about", classes="sentence", markup=False)
        yield TextArea(written(self._draft.value, self._form), id="value", compact=True)
        with Horizontal(classes="form-row"):
            yield Static("expires in", classes="label", markup=False)
            yield Input(
                self._lifetime, placeholder=self._no_expiry or "10m, 2h, 7d; empty: never", id="expires", compact=True
            )

    def on_mount(self) -> None:
        self.query_one("#expires", Input).disabled = bool(self._no_expiry)

    def foot(self) -> Iterable[Widget]:
        yield Static("", id="problem", markup=False)

    def buttons(self) -> Iterable[Button]:
        yield Button("Cancel  esc", id="least", action="screen.give_up")
        yield Button("JSON, text, hex  ^t", action="screen.kind")
        yield Button("Go on  ^o", id="ok", action="screen.accept")

    def _about(self) -> str:
        said = {
            Form.JSON: "Read as JSON, kept without its line breaks.",
            Form.TEXT: "Every character counts: this is text.",
            Form.HEX: "Bytes, two digits each.",
        }[self._form]
        return f"{self._remark} {said}".strip()

    @property
    def text(self) -> str:
        """What stands in the field."""
        return self.query_one("#value", TextArea).text

    @on(TextArea.Changed)
    @on(Input.Changed)
    def check(self) -> None:
        """Say what is wrong while it is typed."""
        self.query_one("#problem", Static).update(self._read()[1])

    def _read(self) -> tuple[Draft | None, str]:
        value, problem = meant(self.text, self._form)
        lifetime = self.query_one("#expires", Input).value
        if problem:
            return None, problem
        if lifetime == self._lifetime:
            return Draft(value=value, expires=self._draft.expires, touched=self._draft.touched), ""
        expires, problem = expiry_meant(lifetime)
        return (None, problem) if problem else (Draft(value=value, expires=expires), "")

    @on(Input.Submitted)
    def submitted(self) -> None:
        self.action_accept()

    def action_kind(self) -> None:
        """Show the same value in the next form that it has."""
        value, problem = meant(self.text, self._form)
        if problem:
            self._form = Form.TEXT if self._form is Form.JSON else self._form
        else:
            self._form = self._form.following
            while not possible(value, self._form):
                self._form = self._form.following
            self.query_one("#value", TextArea).text = written(value, self._form)
        self.query_one("#about", Static).update(self._about())
        self.check()

    def action_accept(self) -> None:
        """Answer what was typed, unless it cannot be read."""
        draft, problem = self._read()
        self.query_one("#problem", Static).update(problem)
        if draft is not None:
            self.dismiss(draft)


def _lifetime(expires: timedelta | None) -> str:
    """Return a time as it is typed, to the second: nobody means the rest."""
    return "" if expires is None else duration_text(timedelta(seconds=max(1, round(expires.total_seconds()))))
