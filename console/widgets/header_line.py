"""The one row on top: where am I, may I write, what waits, what runs, what time is it."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from console.presentation.header import Pulse, header
from console.widgets.ink import paint


class HeaderLine(Widget):
    """Draws a `Pulse`; the app sets it whenever something changed, and once a second for the clock."""

    DEFAULT_CSS = "HeaderLine { dock: top; height: 1; padding: 0 1; background: $header; }"

    pulse: reactive[Pulse] = reactive(Pulse())

    def watch_pulse(self, pulse: Pulse) -> None:
        self.set_class(pulse.protected, "-protected")

    def render(self) -> Content:
        return paint(header(self.pulse, self.content_size.width))
