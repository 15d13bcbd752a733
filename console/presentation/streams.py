"""Event streams as text: one line each, and the last messages of the one under the cursor. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from console.presentation.ages import age
from console.presentation.key_tree import size_words
from console.presentation.spans import Line, Span, cell, clean, fit

if TYPE_CHECKING:
    from engine.coordination.stream import Message

LAST, HELD = 14, 14
SEEN = 400


class StreamRow(NamedTuple):
    """A stream: its name, the offset of its last message, how many it holds."""

    name: str
    last: int
    held: int

    def grown(self, last: int) -> StreamRow:
        """Return the row with more messages at its end."""
        more = max(last - self.last, 0)
        return self._replace(last=self.last + more, held=self.held + more)


def titles(width: int) -> Line:
    """Return the line above the list."""
    return (
        cell("STREAM", max(width - LAST - HELD, 12), "dim"),
        cell("LAST OFFSET", LAST, "dim", right=True),
        cell("MESSAGES", HELD, "dim", right=True),
    )


def stream_line(row: StreamRow, width: int) -> Line:
    """Return a stream's line."""
    return (
        cell(clean(row.name), max(width - LAST - HELD, 12), "strong"),
        cell(f"{row.last:,}", LAST, right=True),
        cell(f"{row.held:,}", HELD, "dim", right=True),
    )


def message_lines(name: str, messages: Sequence[Message], now: datetime, width: int) -> list[Line]:
    """Return the last messages of a stream, newest first."""
    lines: list[Line] = [(Span(clean(name), "strong"), Span("  newest first", "dim")), ()]
    for message in reversed(messages):
        head = (
            cell(f"{message.offset:,}", 10, "strong", right=True),
            Span(f"  {age(message.at, now)}", "dim"),
            Span(f"  {clean(message.name, 40)}" if message.name else "", "accent"),
            Span(f"  {size_words(len(message.data))}", "dim"),
        )
        lines.append(fit(head, width))
        text = message.data[:SEEN].decode(errors="replace")
        lines.append(fit((Span(" " * 12), Span(clean(text, SEEN))), width))
    return lines if messages else [*lines, (Span("It holds no message.", "dim"),)]


def empty() -> tuple[Line, ...]:
    """Return what stands where there is no stream."""
    return (
        (Span("There is no stream.", "strong"),),
        (),
        (Span("A stream keeps messages in the order in which they were appended, for readers at their own pace."),),
        (Span("  syncdeck streams append NAME DATA", "accent"),),
        (Span("Programs append with the engine: "), Span("coordination.stream(NAME).append(…)", "accent")),
    )
