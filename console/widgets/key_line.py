"""The one row at the bottom: the keys that matter here, most important first, and always `? help`."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.widget import Widget

from console.keymap import key_of
from console.presentation.keys import KeyHint, hint_at, key_line, key_name
from console.presentation.spans import Line
from console.widgets.ink import paint


class KeyLine(Widget):
    """Reads the screen's active bindings whenever they may have changed; a click presses the key."""

    DEFAULT_CSS = "KeyLine { dock: bottom; height: 1; padding: 0 1; background: $header; }"

    def __init__(self) -> None:
        super().__init__()
        self._line: Line = ()

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.look_again())

    def look_again(self) -> None:
        """Draw the keys anew if other ones matter now."""
        if key_line(self._hints(), self.content_size.width) != self._line:
            self.refresh()

    def render(self) -> Content:
        self._line = key_line(self._hints(), self.content_size.width)
        return paint(self._line)

    def on_click(self, event: events.Click) -> None:
        hint = hint_at(self._hints(), self.content_size.width, event.x - self.styles.padding.left)
        if hint is not None:
            self.app.simulate_key(hint.key)

    def _hints(self) -> list[KeyHint]:
        hints: dict[str, KeyHint] = {}
        for active in self.screen.active_bindings.values():
            key = key_of(active.binding.id)
            if key is None or not key.label or key.id in hints:
                continue
            shown = key_name(active.binding.key)
            why_not = getattr(self.screen, "refusal", lambda _: "")(active.binding.action)
            hints[key.id] = KeyHint(
                key=active.binding.key,
                shown=shown,
                label=key.label,
                usable=active.enabled and not why_not,
                anchored=key.id == "screen.help",
            )
        return list(hints.values())
