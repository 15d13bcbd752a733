"""Handlers: what does the work of a task, and what their answers become before they are kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from engine.coordination.working.task import Attempt, Task
from engine.errors import CoordinationError
from engine.redaction import Redactor

Handler = Callable[[Task, Attempt], Awaitable[Any]]
"""Does a task's work and returns what JSON can hold, or raises: any error is tried again later, `GiveUp` is not. It is
cancelled at its time-out, when somebody cancels the task, and when the worker's session is lost; it has to end then."""

LONGEST_PAYLOAD: Final = 128 * 1024
LONGEST_RESULT: Final = 64 * 1024
"""Bytes of JSON. With an error text they stay within what every backend takes under one key."""

LONGEST_TAIL: Final = 16 * 1024
LONGEST_ERROR: Final = 4_000
"""Characters."""


class GiveUp(Exception):
    """Raised by a handler: trying this task again is pointless. The sentence becomes the task's error."""


def checked_payload(name: str, payload: Any, redactor: Redactor) -> Any:
    """Return a payload as it comes back from where it is kept. Raises `CoordinationError`."""
    try:
        data = msgspec.json.encode(payload)
    except (TypeError, ValueError, OverflowError) as error:
        raise CoordinationError(f"The payload for {name} is no JSON: {error}.") from error
    if len(data) > LONGEST_PAYLOAD:
        raise CoordinationError(
            f"The payload for {name} has {len(data):,} bytes; {LONGEST_PAYLOAD:,} are the most. Keep large data "
            "elsewhere, and its address in the payload."
        )
    plain = msgspec.json.decode(data)
    if redactor.value(plain) != plain:
        raise CoordinationError(
            f"The payload for {name} seems to hold a secret, and tasks are kept where many can read them. Put a "
            "reference such as env:NAME into it, or give the command its secret in the settings (tasks, secrets)."
        )
    return plain


def kept_result(result: Any, redactor: Redactor) -> Any:
    """Return a result as it is kept: redacted, and of one that is too long the end. Raises `GiveUp` for no JSON."""
    try:
        plain = redactor.value(msgspec.to_builtins(result, str_keys=True))
        data = msgspec.json.encode(plain)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise GiveUp(f"The work was done, and its result cannot be kept: it is no JSON ({error}).") from error
    if len(data) > LONGEST_RESULT:
        return {"bytes": len(data), "end": tail(data.decode(), LONGEST_TAIL)}
    return plain


def kept_error(error: BaseException, redactor: Redactor) -> str:
    """Return an error in words as they are kept: redacted, and of long ones the end."""
    said = str(error) or f"It failed with {type(error).__name__} and said nothing."
    return tail(redactor.text(said), LONGEST_ERROR)


def tail(text: str, most: int) -> str:
    """Return the end of a text, marked if something is left out."""
    return text if len(text) <= most else "…" + text[1 - most :]
