"""Keys as text: the footer, and the names people know keys by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from console.presentation.spans import Line, Span

GAP = 2

NAMES = {
    "question_mark": "?",
    "colon": ":",
    "at": "@",
    "slash": "/",
    "space": "spc",
    "enter": "enter",
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
    spans: list[Span] = []
    end = 0
    for start, hint in _placed(hints, width):
        key, label = ("accent", "") if hint.usable else ("dim", "dim")
        spans += [Span(" " * (start - end)), Span(hint.shown, key), Span(f" {hint.label}", label)]
        end = start + hint.width
    return tuple(spans)


def hint_at(hints: Sequence[KeyHint], width: int, column: int) -> KeyHint | None:
    """Return the hint drawn at a column of the footer."""
    return next((hint for start, hint in _placed(hints, width) if start <= column < start + hint.width), None)


def _placed(hints: Sequence[KeyHint], width: int) -> list[tuple[int, KeyHint]]:
    anchored = [hint for hint in hints if hint.anchored]
    room = width - sum(hint.width + GAP for hint in anchored)
    placed, at = [], 0
    for hint in hints:
        if hint.anchored:
            continue
        if at + hint.width > room:
            break
        placed.append((at, hint))
        at += hint.width + GAP
    at = max(width - sum(hint.width for hint in anchored) - GAP * (len(anchored) - 1), 0)
    for hint in anchored:
        placed.append((at, hint))
        at += hint.width + GAP
    return placed


LEGEND: tuple[Line, ...] = (
    (Span("Glyphs", "strong"),),
    (
        Span("✓ in step   ", "ok"),
        Span("≠ out of step   ", "warn"),
        Span("⊘ refused, quarantined   ", "error"),
        Span("○ unknown", "dim"),
    ),
    (
        Span("+ add   ", "add"),
        Span("~ update   ", "update"),
        Span("- remove   ", "remove"),
        Span("→ rename   ", "rename"),
    ),
    (
        Span("◆ waits for approval   ", "warn"),
        Span("▶ running   ", "accent"),
        Span("◐ partly done   ", "warn"),
        Span("✗ failed", "error"),
    ),
    (
        Span("● open conflict   ", "warn"),
        Span("◀ left   ▶ right   ◆ both   = base   ✎ edited   ", "accent"),
        Span("⟳ changed since", "warn"),
    ),
    (
        Span("● held   ", "ok"),
        Span("○ free, vacant   ", "dim"),
        Span("▲ leads   ", "ok"),
        Span("! about to lapse   ", "error"),
        Span("◇ next   ", "accent"),
        Span("◐ late   ", "warn"),
        Span("⊘ skipped   ", "warn"),
        Span("✗ missed, dead", "error"),
    ),
    (),
    (
        Span("Capital letters ", "strong"),
        Span("that change something always ask first; nothing else changes anything.", ""),
    ),
)
