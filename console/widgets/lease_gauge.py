"""A list whose rows have bars that run down: they tick here, and nobody is asked for it."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from console.keymap import bindings
from console.widgets.listed_rows import Silent, SteppingList

TICKS_A_SECOND = 4


class LeaseList(SteppingList, inherit_bindings=False):
    """Looks at its rows several times a second while `running`, and draws those on the screen that look different. The
    keys that would shift it belong to its screen."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list")]

    running = False

    def rows_changed(self) -> None:
        super().rows_changed()
        if isinstance(self.key, Silent):
            self.go_to(self.cursor)

    def on_mount(self) -> None:
        self.set_interval(1 / TICKS_A_SECOND, self.tick)

    def tick(self) -> None:
        """Let the bars run on."""
        if self.running and self.is_on_screen and len(self.rows):
            self.freshen()
