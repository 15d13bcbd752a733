"""What may be a name, a key or a value, wherever it is kept; and under which prefixes Syncdeck keeps its own. Pure."""

from __future__ import annotations

import re

from engine.coordination.store import LONGEST_NAME, LONGEST_VALUE
from engine.errors import CoordinationError

LOCK = "lock/"
ELECTION = "election/"
"""Prefixes of claims."""

KEY = "key/"
TASK = "task/"
SCHEDULES = "cron/"
"""All that is kept of schedules; among it:"""
PLAN = "cron/plan/"
FIRE = "cron/fire/"
LEADER = "leader/"
OFFSET = "offset/"
"""Prefixes of keys."""

SPACE = "space"
"""The key that tells one history of a backend from another: made once, and gone when its tokens are."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""Unicode's category Cc."""


def check_name(name: str) -> None:
    """Raise `CoordinationError` for what no backend takes as the name of a claim, a key or a stream."""
    if not name:
        raise CoordinationError("An empty name cannot be used. Give at least one character.")
    try:
        size = len(name.encode())
    except UnicodeEncodeError as error:
        raise CoordinationError(
            f"The name {name!r} cannot be written as UTF-8. Leave out {error.object[error.start]!r}."
        ) from error
    if size > LONGEST_NAME:
        raise CoordinationError(
            f"The name {name[:40]!r}… has {size} bytes; {LONGEST_NAME} are the most, with what Syncdeck puts before "
            "it. Give a shorter one."
        )
    if _CONTROL.search(name):
        raise CoordinationError(f"The name {name!r} holds a control character. Leave it out.")


def full_name(prefix: str, name: str) -> str:
    """Return a name under the prefix of its kind. Raises `CoordinationError` for one that cannot be used."""
    if not name:
        check_name(name)
    check_name(prefix + name)
    return prefix + name


def check_value(value: bytes) -> None:
    """Raise `CoordinationError` for a value that not every backend takes."""
    if len(value) > LONGEST_VALUE:
        raise CoordinationError(
            f"A value of {len(value):,} bytes is too large; {LONGEST_VALUE:,} are the most. Keep it in a file or a "
            "database, and its address here."
        )
