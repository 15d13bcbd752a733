"""How long a service asks to be left alone: Retry-After and the families of rate-limit headers. Pure.

Three meanings of "reset" are alive (a moment since 1970, seconds from now, an ISO time), and nothing in an answer says
which one it is: the family is a setting, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

LONGEST = timedelta(days=7)
"""A longer pause is a mistake in a header (an epoch read as seconds, say) and counts as none."""


class RateFamily(StrEnum):
    """What the reset header of a service means."""

    NONE = "none"
    EPOCH = "epoch"
    """Seconds since 1970: GitHub, GitLab, Okta."""
    SECONDS = "seconds"
    """Seconds from now, perhaps with a fraction: PagerDuty, HCP Terraform."""
    ISO = "iso"
    """An ISO 8601 time: Atlassian."""
    IETF = "ietf"
    """`RateLimit: "default";r=0;t=30` of the IETF draft; `t` is seconds from now."""


DEFAULT_HEADERS = {
    RateFamily.EPOCH: "x-ratelimit-reset",
    RateFamily.SECONDS: "x-ratelimit-reset",
    RateFamily.ISO: "x-ratelimit-reset",
    RateFamily.IETF: "ratelimit",
}


def pause_asked(
    headers: Mapping[str, str], now: datetime, *, family: RateFamily = RateFamily.NONE, header: str = ""
) -> timedelta | None:
    """Return the pause an answer asks for; None when it asks for none, or for nonsense.

    Retry-After (RFC 9110 §10.2.3, seconds or an HTTP date) goes before the family's own header. `headers` looks names
    up in any letter case, as HTTP clients' do. A moment that has passed is a pause of nothing.
    """
    asked = headers.get("retry-after", "").strip()
    pause = _seconds(asked) if asked else None
    if pause is None and asked:
        pause = _until_http_date(asked, now)
    if pause is None and family is not RateFamily.NONE:
        pause = _of_family(family, headers.get(header or DEFAULT_HEADERS[family], "").strip(), now)
    return pause if pause is None or pause <= LONGEST else None


def _of_family(family: RateFamily, value: str, now: datetime) -> timedelta | None:
    match family:
        case RateFamily.EPOCH:
            moment = _seconds(value)
            return None if moment is None else max(datetime.fromtimestamp(0, UTC) + moment - now, timedelta(0))
        case RateFamily.SECONDS:
            return _seconds(value)
        case RateFamily.ISO:
            return _until_iso(value, now)
        case RateFamily.IETF:
            found = re.search(r";\s*t=(\d+)", value)
            return _seconds(found.group(1)) if found else None
        case RateFamily.NONE:
            return None


def _seconds(value: str) -> timedelta | None:
    if not re.fullmatch(r"\d{1,12}(\.\d+)?", value):
        return None
    return timedelta(seconds=float(value))


def _until_http_date(value: str, now: datetime) -> timedelta | None:
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return _until(moment, now)


def _until_iso(value: str, now: datetime) -> timedelta | None:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return _until(moment, now)


def _until(moment: datetime, now: datetime) -> timedelta:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(aware - now, timedelta(0))
