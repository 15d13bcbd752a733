"""What is asked before a key is written or deleted, and what was typed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from console.presentation.key_values import change_lines, expiry_words, natural, shortened, value_lines
from console.presentation.plan_words import Deed, Matter
from console.presentation.spans import Line, Span, clean, wrap

if TYPE_CHECKING:
    from engine.coordination.standing import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What somebody typed for a key."""

    value: bytes
    expires: timedelta | None
    touched: bool = True
    """Whether the time until it expires was typed; else it goes on as it runs."""


def write_matter(key: str, before: Entry | None, draft: Draft, width: int, height: int) -> Matter:
    """Return what is asked before a value is written: what changes, until when it stays, on what condition."""
    lines = change_lines(before.value if before is not None else None, draft.value, width, max(4, (height - 17) // 2))
    lines.append(())
    kept = "" if draft.touched or draft.expires is None else " (its time runs on as it was)"
    lines += wrap(expiry_words(draft.expires) + kept, width, "warn" if draft.expires is not None else "dim")
    condition = (
        f"It is written only if revision {before.revision} still stands there: otherwise you see both values."
        if before is not None
        else "It is written only if there is still no such key: otherwise you see both values."
    )
    return Matter(
        title=f"Write {clean(key)}?" if before is not None else f"Add {clean(key)}?",
        lines=(*lines, *wrap(condition, width, "dim")),
        deed=Deed.GO_ON,
        button="Write",
        comment="Reason",
    )


def delete_matter(entry: Entry, width: int, height: int) -> Matter:
    """Return what is asked before a key is deleted."""
    lines: list[Line] = [(Span("value now", "dim"),)]
    lines += shortened(value_lines(entry.value, natural(entry.value), width), max(3, height - 18))
    words = f"It is deleted only if revision {entry.revision} still stands there. Its value is not kept anywhere."
    return Matter(
        title=f"Delete {clean(entry.key)}?",
        lines=(*lines, (), *wrap(words, width)),
        deed=Deed.GO_ON,
        button="Delete",
        comment="Reason",
    )
