"""Checks of a text beyond its type. Each takes the text and raises `ValueError` with a finished sentence."""

from __future__ import annotations

import re
from collections.abc import Callable

LONGEST_EXPRESSION = 4_000


def check_expression(text: str) -> None:
    """Refuse what JMESPath cannot parse (jmespath.org/specification.html)."""
    import jmespath
    from jmespath.exceptions import JMESPathError

    if not text:
        return
    if len(text) > LONGEST_EXPRESSION:
        raise ValueError(f"the expression has {len(text)} characters; at most {LONGEST_EXPRESSION} are read.")
    try:
        jmespath.compile(text)
    except JMESPathError as error:
        fault = str(error).partition(":\n")[0].splitlines()[0].rstrip(".")
        hint = " Compare with ==, and put texts in single quotes: department == 'eng'." if _assigns(text) else ""
        raise ValueError(f"{text!r} is no JMESPath expression: {fault}.{hint}") from error
    except RecursionError as error:
        raise ValueError("the expression is nested too deep.") from error


def check_cron(text: str) -> None:
    """Refuse what is no cron expression of five fields."""
    from croniter import croniter

    if not text:
        return
    if len(text.split()) != 5:
        raise ValueError(f"{text!r} has {len(text.split())} fields; cron has five: minute hour day month weekday.")
    try:
        croniter.expand(text)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{text!r} is no cron expression: {error}. As in */15 * * * * (every quarter hour)."
        ) from error


def check_timezone(text: str) -> None:
    """Refuse what the IANA database does not know."""
    from zoneinfo import ZoneInfo, available_timezones

    from engine.settings.spelling import nearest

    try:
        ZoneInfo(text)
    except (ValueError, OSError, KeyError) as error:
        guess = nearest(text, available_timezones())
        hint = f"Did you mean {guess}?" if guess else "As in UTC or Europe/Berlin."
        raise ValueError(f"{text!r} is no time zone. {hint}") from error


def check_pattern(text: str) -> None:
    """Refuse a pattern that can match nothing, or that looks like another pattern language."""
    if not text.strip():
        raise ValueError("an empty pattern matches nothing. Remove it.")
    if re.search(r"[\^$]|\.\*|\\", text):
        raise ValueError(f"{text!r} looks like a regular expression. Only * and ? are special: *@contractor.example")


def _assigns(text: str) -> bool:
    return re.search(r"(?<![=!<>])=(?!=)|\"", text) is not None


FORMATS: dict[str, Callable[[str], None]] = {
    "jmespath": check_expression,
    "cron": check_cron,
    "timezone": check_timezone,
    "pattern": check_pattern,
}
"""By the name that `Meta(extra={"format": …})` gives."""
