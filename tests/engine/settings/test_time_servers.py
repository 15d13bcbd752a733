"""How addresses of NTP servers are written."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.settings.coordination import ClockSettings
from engine.settings.time_servers import host_and_port

ADDRESSES = {
    "ntp.example.com": ("ntp.example.com", 123),
    "ntp.example.com:1123": ("ntp.example.com", 1123),
    "10.0.0.1": ("10.0.0.1", 123),
    "10.0.0.1:65535": ("10.0.0.1", 65_535),
    "fd00::1": ("fd00::1", 123),
    "[fd00::1]": ("fd00::1", 123),
    "[fd00::1]:1123": ("fd00::1", 1123),
    "::ffff:10.0.0.1": ("::ffff:10.0.0.1", 123),
}


@pytest.mark.parametrize("text", ADDRESSES)
def test_an_address_is_read_as_people_write_it(text: str) -> None:
    assert host_and_port(text) == ADDRESSES[text]


@pytest.mark.parametrize(
    "text", ["", "ntp.example.com:0", "ntp:65536", "ntp:http", "ntp://ntp.example", "[fd00::1", "a b"]
)
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is no address of an NTP server"):
        host_and_port(text)
    with pytest.raises(ValueError, match="is no address of an NTP server"):
        ClockSettings(servers=("ntp.example.com", text))


def test_servers_are_not_asked_more_often_than_they_put_up_with() -> None:
    with pytest.raises(ValueError, match="Write 16s or more"):
        ClockSettings(every=timedelta(seconds=15))


@given(st.text(max_size=30))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        host, port = host_and_port(text)
    except ValueError:
        return
    assert host
    assert 0 < port <= 65_535
