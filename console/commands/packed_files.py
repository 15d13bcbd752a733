"""Files of lines, packed by what their name ends in: `.zst` (Zstandard), `.gz` (gzip), anything else as it is."""

from __future__ import annotations

import gzip
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol, cast

from engine.errors import EventRefused, StorageError
from engine.settings.replacing import sync_folder

if TYPE_CHECKING:
    import zstandard
    from _typeshed import WriteableBuffer

STANDARD = "-"
"""Stands for standard input or output."""

_GZIP_LEVEL = 6
_ZSTANDARD_LEVEL = 6
_WINDOW = 2**27
_FED_BYTES = 256
"""At once: a few bytes may unpack to a block of 128 KiB each."""


class Sink(Protocol):
    """Takes bytes."""

    def write(self, content: bytes, /) -> object: ...


@contextmanager
def writing(name: str) -> Iterator[Sink]:
    """Open a new file, private to its owner; it bears its name once all of it is on the disk, or never.

    Raises `StorageError` for one that exists: nothing is overwritten.
    """
    if name == STANDARD:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(name)
    if path.exists():
        raise StorageError(f"{path} exists already. Name a file that does not, so that nothing is lost.")
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        descriptor = os.open(unfinished, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            with _packing(path, file) as packed:
                yield packed
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            unfinished.unlink()


@contextmanager
def _packing(path: Path, file: IO[bytes]) -> Iterator[Sink]:
    match path.suffix:
        case ".gz":
            with gzip.GzipFile(path.stem, "wb", _GZIP_LEVEL, file, mtime=0) as packed:
                yield packed
        case ".zst":
            import zstandard

            with zstandard.ZstdCompressor(_ZSTANDARD_LEVEL).stream_writer(file, closefd=False) as writer:
                yield cast(Sink, writer)
        case _:
            yield file


def lines_of(name: str, longest: int) -> Iterator[bytes]:
    """Yield a file's lines without reading ahead of them. Raises `EventRefused` for a line longer than `longest` bytes
    (as unpacked: a small file may unpack to any length), `StorageError` for a file that cannot be read."""
    try:
        with _reading(name) as file:
            number = 1
            while line := file.readline(longest + 2):
                if len(line) > longest + 1:
                    raise EventRefused(f"Line {number} is longer than {longest:,} bytes: it is no event.")
                yield line
                number += 1
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StorageError(f"{name} cannot be read: {reason}.") from error


@contextmanager
def _reading(name: str) -> Iterator[IO[bytes]]:
    if name == STANDARD:
        yield sys.stdin.buffer
        return
    path = Path(name)
    match path.suffix:
        case ".gz":
            with gzip.open(path, "rb") as file:
                yield cast(IO[bytes], file)
        case ".zst":
            import zstandard

            with path.open("rb") as packed:
                try:
                    yield io.BufferedReader(_Frames(packed, zstandard.ZstdDecompressor(max_window_size=_WINDOW)))
                except zstandard.ZstdError as error:
                    raise StorageError(f"{path} cannot be unpacked: {error}.") from error
        case _:
            with path.open("rb") as file:
                yield file


class _Frames(io.RawIOBase):
    """What the frames of Zstandard unpack to. The library's own reader takes a file that was cut for a shorter one."""

    def __init__(self, packed: IO[bytes], unpacker: zstandard.ZstdDecompressor) -> None:
        self._packed = packed
        self._unpacker = unpacker
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._fed = self._out = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Raises `EOFError` when the file ends before its last frame does."""
        while not self._out:
            self._fed = self._fed or self._packed.read(_FED_BYTES)
            if not self._fed:
                if self._frame is not None and not self._frame.eof:
                    raise EOFError("it ends before its packing does, so a part of it is missing")
                return 0
            if self._frame is None or self._frame.eof:
                self._frame = self._unpacker.decompressobj()
            self._out = self._frame.decompress(self._fed)
            self._fed = self._frame.unused_data
        room = memoryview(buffer).cast("B")
        size = min(len(room), len(self._out))
        room[:size] = self._out[:size]
        self._out = self._out[size:]
        return size
