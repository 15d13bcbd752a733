"""Archives: what a compaction took out, as signed lines. Pure.

    {"syncdeck": "archive", "format": 1, "node": …, "at": …, "vector": {…}, "heads": {…}, "sums": […], "events": N}
    one line for each event, as an export writes it
    {"signature": "HMAC-SHA256 (RFC 2104) over all lines before this one, ends of lines included, in hex"}

`vector`, `heads` (the chain at the newest event of each origin) and `sums` (the state's digest) are those of the log
before anything was taken out: they say which log this belongs to, and whether its state was kept.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator

import msgspec

from engine.errors import EventRefused
from engine.events.event import Origin

FORMAT = 1
SHORTEST_KEY = 16
"""Characters: what is shorter can be guessed by trying."""

_MARK = b'{"syncdeck":"archive"'


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """First line of an archive."""

    syncdeck: str = "archive"
    format: int = FORMAT
    node: str
    at: str
    vector: dict[Origin, int]
    heads: dict[Origin, str]
    sums: tuple[str, ...]
    events: int


class _Trailer(msgspec.Struct, frozen=True):
    signature: str


class Signing:
    """Signs lines as they are written: each is given here first, the last one comes from `trailer`."""

    def __init__(self, key: str) -> None:
        self._running = hmac.new(usable(key), digestmod=hashlib.sha256)

    def line(self, content: bytes) -> bytes:
        """Return a line with its end."""
        ended = content + b"\n"
        self._running.update(ended)
        return ended

    def header(self, header: Header) -> bytes:
        """Return the first line."""
        return self.line(msgspec.json.encode(header))

    def trailer(self) -> bytes:
        """Return the last line."""
        return msgspec.json.encode(_Trailer(self._running.hexdigest())) + b"\n"


def usable(key: str) -> bytes:
    """Return a key's bytes. Raises `EventRefused` for one that protects nothing."""
    if len(key) < SHORTEST_KEY:
        raise EventRefused(
            f"The archive's key has {len(key)} characters; at least {SHORTEST_KEY} are needed. Make one with "
            "openssl rand -hex 32, and keep it with syncdeck secrets."
        )
    return key.encode()


def is_archive(first_line: bytes) -> bool:
    """Tell whether a file that begins so is an archive."""
    return first_line.startswith(_MARK)


def verified(lines: Iterable[bytes], key: str) -> Header:
    """Read a whole archive and return its header. Raises `EventRefused` unless every byte is as it was signed."""
    running = hmac.new(usable(key), digestmod=hashlib.sha256)
    waiting: bytes | None = None
    header: Header | None = None
    events = -2
    for line in lines:
        if waiting is not None:
            running.update(waiting)
        if header is None:
            header = _header(line)
        waiting = line
        events += 1
    if header is None or waiting is None or not _fits(waiting, running.hexdigest()):
        raise EventRefused(
            "The archive's signature does not fit: it was changed or cut off, or signed with another key. Nothing was "
            "taken from it."
        )
    if events != header.events:
        raise EventRefused(f"The archive holds {events:,} events, and says that it holds {header.events:,}.")
    return header


def events_of(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines between the first and the last."""
    waiting: bytes | None = None
    for number, line in enumerate(lines):
        if waiting is not None:
            yield waiting
        waiting = line if number else None


def _header(line: bytes) -> Header:
    try:
        header = msgspec.json.decode(line, type=Header)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise EventRefused(f"This is no archive of Syncdeck: {error}.") from error
    if header.format != FORMAT:
        raise EventRefused(f"The archive has format {header.format}; this Syncdeck knows {FORMAT}. Use a newer one.")
    return header


def _fits(line: bytes, signature: str) -> bool:
    try:
        return hmac.compare_digest(msgspec.json.decode(line, type=_Trailer).signature, signature)
    except (msgspec.DecodeError, UnicodeError, TypeError, RecursionError):
        return False
