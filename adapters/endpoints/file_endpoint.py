"""What all endpoints on one file share: reading it whole, and rewriting it with a batch of changes at once."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from adapters.endpoints.whole_file import read_whole, rewrite
from engine.errors import RemoteRefused
from engine.reconcile.plan import Action, Change
from engine.reconcile.ports import Found, Limits, Miss, Outcome, Target
from engine.reconcile.records import Batch
from engine.settings.catalogue import EndpointContext

EVERY_ACTION = frozenset(Action)
WHOLE_FILE = Limits(actions=EVERY_ACTION, batch_size=10_000)
"""One rewrite carries thousands of changes; more at once would only make a cancelled run wait longer."""


class FileEndpoint(Target):
    """A set of members in one file. A format says how bytes become batches, and how they are edited."""

    def __init__(self, path: str, context: EndpointContext) -> None:
        self.path = Path(context.path(path))
        self.name = context.name

    @abstractmethod
    def batches(self, data: bytes) -> Iterator[Batch]:
        """Return the records in the bytes of a file; the last batch carries the proof. Raises `RemoteRefused`."""

    @abstractmethod
    def edited(self, data: bytes, changes: Sequence[Change]) -> tuple[bytes, list[Outcome]]:
        """Return the bytes with the changes carried out, and their outcomes. Raises `RemoteRefused`."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held open between calls."""

    async def read(self) -> AsyncIterator[Batch]:
        batches = self.batches(await asyncio.to_thread(read_whole, self.path))
        while (batch := await asyncio.to_thread(next, batches, None)) is not None:
            yield batch

    @property
    def limits(self) -> Limits:
        return WHOLE_FILE

    async def resolve(self, spellings: Sequence[str]) -> Mapping[str, Found | Miss]:
        return {spelling: take_any(spelling) for spelling in spellings}

    async def write(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return await asyncio.to_thread(rewrite, self.path, lambda data: self.edited(data, changes))


def take_any(spelling: str) -> Found | Miss:
    """Answer for a target that knows no identities: every text is a key, but for nothing and for NUL characters."""
    if not spelling.strip():
        return Miss(reason="The key is empty.")
    if "\0" in spelling:
        return Miss(reason=f"The key {spelling!r} holds a NUL character.")
    return Found()


def decoded(data: bytes, encoding: str, path: Path) -> str:
    """Return a file's text. Raises `RemoteRefused` naming the line that is not in this encoding."""
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = data[error.start : error.start + 1].hex()
        raise RemoteRefused(
            f"{path}, line {line}: the byte 0x{found} is not {encoding}. Save the file as UTF-8, or set its encoding."
        ) from error


def refuse_nul(data: bytes, path: Path) -> None:
    """Refuse text with NUL characters: they come from a damaged disk or another encoding, and end texts early."""
    at = data.find(b"\0")
    if at >= 0:
        line = data.count(b"\n", 0, at) + 1
        raise RemoteRefused(f"{path}, line {line}: a NUL character. The file is damaged or in another encoding.")
