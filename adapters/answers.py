"""Answers of services: read with a bound, unpacked with a bound, and put into words. Pure but for the reading."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

WORDS_LIMIT = 300
TELLING = ("detail", "message", "error_description", "title", "error", "errors", "Message", "description")
"""Where services put what an operator should read, the most telling first."""
UNPACKABLE = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class TooLarge(Exception):
    """The answer exceeds the bound, packed or unpacked; the rest was not read."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One call. `path` stands below the base address, or is a whole address of the same origin (a next link)."""

    method: str = "GET"
    path: str = ""
    query: Mapping[str, str] = {}
    body: Any = None
    headers: Mapping[str, str] = {}
    writes: bool = False
    """It may change something: then a lost answer leaves open whether it did."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. `data` is the decoded JSON, None for an empty body or another format; `text` is the body."""

    status: int
    headers: Mapping[str, str]
    text: str
    data: Any = None
    url: str = ""

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def words(self) -> str:
        """What the service says about it: problem details (RFC 9457), SCIM errors, or the usual fields."""
        told = _told(self.data) if self.data is not None else ("" if "html" in self.media_type else self.text)
        clean = "".join(letter if letter.isprintable() else " " for letter in told)
        return " ".join(clean.split())[:WORDS_LIMIT]


def _told(data: Any) -> str:
    match data:
        case str():
            return data
        case [first, *_]:
            return _told(first)
        case {"title": str(title), "detail": str(detail)}:
            return f"{title}: {detail}"
        case dict():
            for name in TELLING:
                if data.get(name):
                    return _told(data[name])
    return ""


async def bounded_body(chunks: AsyncIterator[bytes], encoding: str, limit_bytes: int) -> bytes:
    """Return a body of at most `limit_bytes`, unpacked piece by piece so that a small bomb cannot fill the memory.

    Raises `TooLarge`, and `ValueError` for an encoding nobody asked for or a damaged one.
    """
    pieces: list[bytes] = []
    left = limit_bytes
    encoding = encoding.strip().lower()
    if encoding not in {"", "identity"} and encoding not in UNPACKABLE:
        raise ValueError(f"the answer is packed as {encoding}, which nobody asked for")
    unpack = zlib.decompressobj(UNPACKABLE[encoding]) if encoding in UNPACKABLE else None
    async for chunk in chunks:
        try:
            piece = chunk if unpack is None else unpack.decompress(chunk, left + 1)
        except zlib.error as error:
            raise ValueError(f"the answer cannot be unpacked ({error})") from error
        left -= len(piece)
        if left < 0:
            raise TooLarge
        pieces.append(piece)
    if unpack is not None and pieces and not unpack.eof:
        raise ValueError("the answer ends before its packed body does")
    return b"".join(pieces)


def quoted(answer: Answer) -> str:
    """Return the service's own words as the end of a message; empty when it has none."""
    return f" The service says: {answer.words}" if answer.words else ""
