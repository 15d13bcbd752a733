"""What is typed behind an option, as a value: for argparse, which says what is wrong with it."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

import msgspec

from engine.settings.durations import parse_duration


def json_value(text: str) -> Any:
    """Return the value of a JSON text."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ArgumentTypeError(f"{text!r} is no JSON: {error}") from error


def length(text: str) -> timedelta:
    """Return a length of time as the workspace file writes it."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error
