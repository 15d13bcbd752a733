"""Addresses of NTP servers as people write them. Pure."""

from __future__ import annotations

import re

NTP_PORT = 123
_WRITTEN = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.%]+)\]|(?P<name>[^\s:\[\]/@]+))(?::(?P<port>[0-9]{1,5}))?")
_BARE_SIX = re.compile(r"[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.%]*")
LAST_PORT = 65_535


def host_and_port(text: str) -> tuple[str, int]:
    """Return what `ntp.example.com`, `10.0.0.1:1123`, `[fd00::1]:123` or `fd00::1` mean. Raises `ValueError` with a
    finished sentence."""
    if _BARE_SIX.fullmatch(text):
        return text, NTP_PORT
    found = _WRITTEN.fullmatch(text)
    port = int(found["port"] or NTP_PORT) if found else 0
    if found is None or not 0 < port <= LAST_PORT:
        raise ValueError(f"{text[:80]!r} is no address of an NTP server. Write it as ntp.example.com or 10.0.0.1:1123.")
    return found["six"] or found["name"], port
