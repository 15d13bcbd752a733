"""Files of lines, packed by what their name ends in: `.zst` (Zstandard), `.gz` (gzip), anything else as it is."""

from __future__ import annotations

import gzip
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Protocol, cast

from engine.errors import EventRefused, StorageError
from engine.settings.replacing import sync_folder

STANDARD = "-"
"""Stands for standard input or output."""

_GZIP_LEVEL = 6
_ZSTANDARD_LEVEL = 6


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
                reader = zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(
                    packed, read_across_frames=True
                )
                try:
                    yield io.BufferedReader(cast(io.RawIOBase, reader))
                except zstandard.ZstdError as error:
                    raise StorageError(f"{path} cannot be unpacked: {error}.") from error
        case _:
            with path.open("rb") as file:
                yield file
