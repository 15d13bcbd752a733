"""A question over the screen: title, body, and buttons that carry their keys. The least harmful one has the focus."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Static

from console.keymap import bindings

T = TypeVar("T")


class Dialog(ModalScreen[T]):
    """Subclasses give `heading`, `body` and `buttons`; Esc always answers `None`, the least there is to answer."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("dialog")]
    AUTO_FOCUS = "#least"

    def heading(self) -> str:
        """Return the title."""
        return ""

    def body(self) -> Iterable[Widget]:
        """Return what is asked."""
        return ()

    def foot(self) -> Iterable[Widget]:
        """Return what stays in sight below a body that is longer than the window."""
        return ()

    def buttons(self) -> Iterable[Button]:
        """Return the buttons; the one with the id `least` gets the focus."""
        yield Button("Close  esc", id="least", action="screen.give_up")

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Static(self.heading(), id="heading", markup=False)
            with VerticalScroll(id="matter", can_focus=False):
                yield from self.body()
            yield from self.foot()
            with Horizontal(id="buttons"):
                yield from self.buttons()

    def action_give_up(self) -> None:
        self.dismiss(None)

    def action_page(self, by: int) -> None:
        """Scroll what is said, where it is longer than the window."""
        matter = self.query_one("#matter", VerticalScroll)
        matter.scroll_relative(y=by * max(1, matter.size.height - 1), animate=False)

    def action_next(self, by: int) -> None:
        """Move the focus among fields and buttons."""
        if by > 0:
            self.focus_next()
        else:
            self.focus_previous()
