"""Keys as text: the footer, and the names people know keys by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from console.presentation.ink import Line, Span, Tone

NAMES = {
    "question_mark": "?",
    "colon": ":",
    "at": "@",
    "slash": "/",
    "space": "spc",
    "enter": "⏎",
    "escape": "esc",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "minus": "-",
    "asterisk": "*",
    "backslash": "\\",
    "vertical_line": "|",
    "full_stop": ".",
    "comma": ",",
    "exclamation_mark": "!",
    "plus": "+",
    "equals_sign": "=",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "up": "↑",
    "down": "↓",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHint:
    """One entry of the footer. An `anchored` one is shown whatever the width."""

    key: str
    shown: str
    label: str
    usable: bool = True
    anchored: bool = False

    @property
    def width(self) -> int:
        return len(self.shown) + 1 + len(self.label)


def key_name(key: str) -> str:
    """Return what people call a key: `^p` for `ctrl+p`, `?` for `question_mark`."""
    *modifiers, last = key.split("+")
    short = "".join({"ctrl": "^", "shift": "⇧", "alt": "alt-"}.get(modifier, modifier) for modifier in modifiers)
    return short + NAMES.get(last, last)


def key_line(hints: Sequence[KeyHint], width: int) -> Line:
    """Return the footer: hints in their order as far as they fit, anchored ones at the right end."""
    anchored = [hint for hint in hints if hint.anchored]
    room = width - sum(hint.width + 2 for hint in anchored)
    spans: list[Span] = []
    for hint in hints:
        if hint.anchored:
            continue
        if hint.width + 2 > room:
            break
        spans += _hint(hint)
        room -= hint.width + 2
    if anchored and room > 0:
        spans.append(Span(" " * room))
    for hint in anchored:
        spans += _hint(hint)
    return tuple(spans)


def _hint(hint: KeyHint) -> list[Span]:
    key, label = (Tone.ACCENT, Tone.PLAIN) if hint.usable else (Tone.QUIET, Tone.QUIET)
    return [Span(hint.shown, key), Span(f" {hint.label}", label), Span("  ")]
