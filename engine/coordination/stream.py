"""Event streams: append with expected position, read from an offset, follow. Only some backends can."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import NewType, Protocol

from msgspec import Struct

Offset = NewType("Offset", int)
"""Place of a message in its stream: 1 for the first ever, strictly rising in the order of appending; gaps only where
the backend says so."""

START = Offset(0)


class Message(Struct, frozen=True, kw_only=True):
    """One message of a stream."""

    offset: Offset
    data: bytes
    at: datetime
    """Wall time of the backend or of the writer; for people."""
    name: str = ""
    """What its writer calls it; unique in the stream, or empty."""


class Streams(Protocol):
    """What a backend with streams does beside its store. Errors as in `store.py`."""

    @abstractmethod
    async def append(self, stream: str, data: bytes, *, name: str = "", expected: Offset | None = None) -> Offset:
        """Append durably and return the offset.

        A message with a `name` that the stream has already is not appended again: the first one's offset is returned.
        `expected` is the offset the stream's last message must have (0: it is empty). Raises `KeyChanged`, whose
        `revision` is the last offset.
        """

    @abstractmethod
    async def read(self, stream: str, after: Offset = START, limit: int = 1_000) -> Sequence[Message]:
        """Return the first messages after an offset, in order."""

    @abstractmethod
    def follow(self, stream: str, after: Offset = START) -> AsyncIterator[Message]:
        """Give every message after an offset, those to come as they are appended: none twice, none left out."""

    @abstractmethod
    async def last(self, stream: str) -> Offset:
        """Return the offset of the last message ever appended; 0 for an empty stream."""

    @abstractmethod
    async def trim(self, stream: str, until: Offset) -> int:
        """Remove all messages up to and including an offset; return how many."""

    @abstractmethod
    async def streams(self) -> Sequence[tuple[str, Offset, int]]:
        """Return (name, last offset, messages held) of every stream, by name."""
