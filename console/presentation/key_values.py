"""A key's value in full: as JSON laid out, as text, as bytes; and what somebody typed, back as bytes. Pure."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from console.presentation.ages import duration
from console.presentation.json_words import flowed
from console.presentation.key_tree import size_words
from console.presentation.leases import left_words
from console.presentation.spans import Line, Span, clean, fit, joined, wrap
from console.presentation.tasks import text_lines
from console.presentation.wording import emphasised
from engine.settings.durations import parse_duration

if TYPE_CHECKING:
    from engine.coordination.standing import Entry


class Form(StrEnum):
    """How a value is shown and typed."""

    JSON = "JSON"
    TEXT = "text"
    HEX = "hex"

    @property
    def following(self) -> Form:
        """The next one, for a key that goes round."""
        forms = list(Form)
        return forms[(forms.index(self) + 1) % len(forms)]


def natural(value: bytes) -> Form:
    """Return how a value is best shown: JSON if it is some, text if it is some, else bytes."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return Form.HEX
    if any(character < " " and character not in "\n\r\t" for character in text):
        return Form.HEX
    try:
        decoded = msgspec.json.decode(value)
    except msgspec.DecodeError:
        return Form.TEXT
    return Form.JSON if isinstance(decoded, dict | list) else Form.TEXT


def possible(value: bytes, form: Form) -> bool:
    """Tell whether a value can be shown in a form."""
    if form is Form.HEX:
        return True
    try:
        value.decode()
        if form is Form.JSON:
            msgspec.json.decode(value)
    except (UnicodeDecodeError, msgspec.DecodeError):
        return False
    return True


def written(value: bytes, form: Form) -> str:
    """Return a value as it is typed in a form; what it cannot be shown in is shown as bytes."""
    match form if possible(value, form) else Form.HEX:
        case Form.JSON:
            return msgspec.json.format(value, indent=2).decode()
        case Form.TEXT:
            return value.decode()
        case _:
            return value.hex(" ")


def meant(text: str, form: Form) -> tuple[bytes, str]:
    """Return the bytes that a typed text means, or a sentence that says why it means none.

    JSON is kept without the line breaks it is laid out with; keys stay in their order.
    """
    match form:
        case Form.TEXT:
            return text.encode(errors="surrogateescape"), ""
        case Form.JSON:
            if not text.strip():
                return b"", "This is empty: write a JSON value, or switch to text (^t)."
            try:
                msgspec.json.decode(text)
            except (msgspec.DecodeError, UnicodeEncodeError) as error:
                return b"", f"This is no JSON: {str(error).rstrip('.')}. ^t switches to text."
            return msgspec.json.format(text.encode(), indent=-1), ""
        case Form.HEX:
            try:
                return bytes.fromhex(re.sub(r"\s", "", text)), ""
            except ValueError:
                return b"", "These are no bytes: write two digits from 0-9 and a-f for each, as in 0a ff 20."


def hex_lines(value: bytes, width: int, most: int) -> list[Line]:
    """Return bytes as people read them: their place, the bytes, and the letters among them."""
    across = 16 if width >= 76 else 8
    lines: list[Line] = []
    for start in range(0, min(len(value), across * most), across):
        row = value[start : start + across]
        letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(
            (Span(f"{start:06x}  ", "dim"), Span(row.hex(" ").ljust(across * 3)), Span(f" {letters}", "accent"))
        )
    if len(value) > across * most:
        lines.append((Span(f"… cut here; {len(value):,} bytes in all", "warn"),))
    return lines


MOST_ROWS = 400


def value_lines(value: bytes, form: Form, width: int) -> list[Line]:
    """Return a value in a form, as far as it can be shown so."""
    if not value:
        return [(Span("empty", "dim"),)]
    if form is Form.HEX or not possible(value, form):
        return hex_lines(value, width, MOST_ROWS)
    return text_lines(written(value, form), width)


def detail(entry: Entry, form: Form, left: timedelta | None, width: int) -> list[Line]:
    """Return a key in full: name, revision, when it expires, the value."""
    expiry = "never expires" if left is None else f"expires in {left_words(left)}" if left else "has expired"
    facts: list[Line] = [
        (Span(f"revision {entry.revision}"),),
        (Span(size_words(len(entry.value))),),
        (Span(expiry, "warn" if left is not None else "dim"),),
    ]
    shown = form if possible(entry.value, form) else Form.HEX
    why = "" if shown is form else f", because it is no {form}"
    return [
        *wrap(clean(entry.key), width, "strong"),
        fit(joined(facts), width),
        (Span(f"as {shown}{why}", "dim"), Span("   w", "accent"), Span(f" {form.following}", "dim")),
        (),
        *value_lines(entry.value, form, width),
    ]


def folder_lines(path: str, keys: int, bytes_: int, width: int) -> list[Line]:
    """Return what is shown of a folder."""
    return [
        *wrap(clean(path), width, "strong"),
        (Span(f"{keys:,} keys below, {size_words(bytes_)} of values"),),
        (),
        (Span("enter", "accent"), Span(" opens or closes it", "dim")),
    ]


def change_lines(before: bytes | None, after: bytes, width: int, most: int) -> list[Line]:
    """Return what a write changes: the words that go and come, or both values where they are no text."""
    if before is None:
        return _labelled("new", value_lines(after, natural(after), width - 6), most)
    if before == after:
        return [(Span("The value stays as it is.", "warn"),)]
    form = natural(after)
    if form is not Form.HEX and possible(before, Form.TEXT):
        old, new = emphasised(before.decode(), after.decode())
        return [*_flowed("was", old, width, most), *_flowed("new", new, width, most)]
    return [
        *_labelled("was", value_lines(before, natural(before), width - 6), most),
        *_labelled("new", value_lines(after, form, width - 6), most),
    ]


def both_lines(theirs: bytes | None, mine: bytes, width: int, most: int) -> list[Line]:
    """Return two values of one key, theirs and mine, each laid out in full as far as there is room."""
    gone: list[Line] = [(Span("nobody: the key is gone", "warn"),)]
    standing = gone if theirs is None else value_lines(theirs, natural(theirs), width - 2)
    return [
        (Span("WHAT STANDS THERE NOW", "dim"),),
        *((Span("  "), *line) for line in shortened(standing, most)),
        (),
        (Span("WHAT YOU WROTE", "dim"),),
        *((Span("  "), *line) for line in shortened(value_lines(mine, natural(mine), width - 2), most)),
    ]


def shortened(lines: list[Line], most: int) -> list[Line]:
    """Return at most so many lines, and say what is left out."""
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], (Span(f"… {len(lines) - most + 1:,} more lines", "dim"),)]


def _labelled(label: str, lines: list[Line], most: int) -> list[Line]:
    first, *rest = shortened(lines, most)
    return [(Span(f"{label:<6}", "dim"), *first), *((Span(" " * 6), *line) for line in rest)]


def _flowed(label: str, line: Line, width: int, most: int) -> list[Line]:
    return _labelled(label, flowed(line, width - 6), most)


def expiry_meant(text: str) -> tuple[timedelta | None, str]:
    """Return the time after which a key is to expire, from what was typed; None for never."""
    if not text.strip() or text.strip().casefold() == "never":
        return None, ""
    try:
        length = parse_duration(text.strip())
    except ValueError as error:
        return None, str(error)
    return (length, "") if length > timedelta() else (None, "Give a time greater than zero, or nothing for never.")


def expiry_words(expires: timedelta | None) -> str:
    """Return when a key that is written now will expire."""
    return "It never expires." if expires is None else f"It expires {duration(expires)} after it was written."
