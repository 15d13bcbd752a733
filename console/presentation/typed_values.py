"""A JSON value as an operator types it, and back."""

from __future__ import annotations

from typing import Any

import msgspec

LONGEST_LINE = 60
"""JSON longer than this is laid out over several lines."""


def written(value: Any, *, as_text: bool) -> str:
    """Return a value as it stands in the field: a text bare, anything else as JSON."""
    if as_text and isinstance(value, str):
        return value
    packed = msgspec.json.encode(value)
    one_line = msgspec.json.format(packed, indent=0).decode()
    return one_line if len(one_line) <= LONGEST_LINE else msgspec.json.format(packed, indent=2).decode()


def meant(text: str, *, as_text: bool) -> tuple[Any, str]:
    """Return what the field's text means, or None and a sentence that says why it means nothing."""
    if as_text:
        return text, ""
    if not text.strip():
        return None, 'This is empty: write a JSON value, for example "a text", 12, true or null.'
    try:
        return msgspec.json.decode(text.encode()), ""
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        return None, f'This is no JSON: {_fault(error)}. A text needs quotes: "{text.strip()[:20]}".'


def _fault(error: Exception) -> str:
    words = str(error).removeprefix("JSON is malformed: ").removeprefix("Input data was ")
    return words.replace("(byte ", "(character ").rstrip(".") or "it cannot be read"
