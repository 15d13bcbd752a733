"""Somebody was quicker: both values, side by side in time; none is lost whatever is chosen."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Button, Static

from console.dialogs.dialog import Dialog
from console.keymap import bindings
from console.presentation.key_deeds import Draft
from console.presentation.key_values import both_lines
from console.presentation.spans import clean
from console.widgets.ink import paint

if TYPE_CHECKING:
    from engine.coordination.standing import Entry


class Way(StrEnum):
    """What can be done about it."""

    MINE = "mine"
    EDIT = "edit"


class KeyClash(Dialog[Way]):
    """Answers what to do; `None` leaves theirs, and keeps mine as a draft."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("key_clash")]

    def __init__(self, key: str, theirs: Entry | None, mine: Draft, *, height: int) -> None:
        super().__init__()
        self._key = key
        self._theirs = theirs
        self._mine = mine
        self._most = max(4, (height - 14) // 2)

    def heading(self) -> str:
        return f"Somebody wrote {clean(self._key)} before you"

    def body(self) -> Iterable[Widget]:
        said = (
            f"Nothing was written. Revision {self._theirs.revision} stands there now."
            if self._theirs is not None
            else "Nothing was written: the key was deleted meanwhile."
        )
        yield Static(said, classes="sentence", markup=False)
        value = self._theirs.value if self._theirs is not None else None
        yield Static(paint(*both_lines(value, self._mine.value, 76, self._most)))

    def buttons(self) -> Iterable[Button]:
        yield Button("Leave theirs  esc", id="least", action="screen.give_up")
        yield Button("Edit mine again  e", action="screen.way('EDIT')")
        yield Button("Write mine over it  m", action="screen.way('MINE')")

    def action_way(self, name: str) -> None:
        self.dismiss(Way[name])
