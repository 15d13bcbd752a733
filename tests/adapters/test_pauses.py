"""How long a service asks to be left alone, in every form that is alive."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.pauses import LONGEST, RateFamily, pause_asked

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
EPOCH = str(int(NOW.timestamp()) + 90)

ASKED = {
    "seconds": ({"Retry-After": "120"}, RateFamily.NONE, 120),
    "an HTTP date (RFC 9110 §5.6.7)": ({"Retry-After": "Mon, 02 Mar 2026 09:00:30 GMT"}, RateFamily.NONE, 30),
    "the obsolete RFC 850 date": ({"Retry-After": "Monday, 02-Mar-26 09:00:30 GMT"}, RateFamily.NONE, 30),
    "a date that has passed": ({"Retry-After": "Mon, 02 Mar 2026 08:00:00 GMT"}, RateFamily.NONE, 0),
    "nothing": ({}, RateFamily.NONE, None),
    "nonsense": ({"Retry-After": "soon"}, RateFamily.NONE, None),
    "a negative number": ({"Retry-After": "-5"}, RateFamily.NONE, None),
    "a moment since 1970": ({"X-RateLimit-Reset": EPOCH}, RateFamily.EPOCH, 90),
    "seconds with a fraction": ({"X-RateLimit-Reset": "1.5"}, RateFamily.SECONDS, 1.5),
    "an ISO time": ({"X-RateLimit-Reset": "2026-03-02T09:01Z"}, RateFamily.ISO, 60),
    "the IETF draft": ({"RateLimit": '"default";r=0;t=30'}, RateFamily.IETF, 30),
    "a moment that the settings read as seconds is no pause of decades": (
        {"X-RateLimit-Reset": EPOCH},
        RateFamily.SECONDS,
        None,
    ),
    "the header of a family nobody configured": ({"X-RateLimit-Reset": "30"}, RateFamily.NONE, None),
    "Retry-After goes before the family's header": (
        {"Retry-After": "7", "X-RateLimit-Reset": "30"},
        RateFamily.SECONDS,
        7,
    ),
}


@pytest.mark.parametrize("what", ASKED)
def test_the_pause_asked_for_is(what: str) -> None:
    headers, family, seconds = ASKED[what]
    wanted = None if seconds is None else timedelta(seconds=seconds)
    assert pause_asked(httpx.Headers(headers), NOW, family=family) == wanted


def test_a_family_may_use_a_header_of_another_name() -> None:
    headers = httpx.Headers({"X-Rate-Limit-Reset": EPOCH})
    assert pause_asked(headers, NOW, family=RateFamily.EPOCH, header="x-rate-limit-reset") == timedelta(seconds=90)


@given(value=st.text(max_size=40), family=st.sampled_from(RateFamily))
def test_no_header_makes_it_fail_or_ask_for_an_absurd_pause(value: str, family: RateFamily) -> None:
    headers = {"retry-after": value, "x-ratelimit-reset": value, "ratelimit": value}
    pause = pause_asked(headers, NOW, family=family)
    assert pause is None or timedelta(0) <= pause <= LONGEST
