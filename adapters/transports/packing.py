"""Bodies packed and unpacked with limits on both sizes. Never cut: what exceeds a limit is refused. Pure.

A body is unpacked piece by piece and given up at the limit, so that a small bomb cannot fill the memory: zlib is
asked for so much and no more, and zstd, which has no such question, is fed so little at a time that one piece cannot
grow beyond a few megabytes (its best is 128 KiB out of 4 bytes, RFC 8878 §3.1.1.2).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection
from typing import Protocol

import zstandard

PACK_FROM_BYTES = 1024
"""Shorter bodies are sent as they are: packing costs more than it saves."""

ZSTD_FEED_BYTES = 256
ZSTD_LARGEST_WINDOW = 8 * 1024 * 1024
"""What RFC 8878 §3.1.1.1.2 recommends decoders to support; a frame that asks for more is refused."""

ENCODINGS = ("zstd", "gzip", "deflate")
"""What can be unpacked, best first. The first two can be packed, too."""
PACKABLE = ("zstd", "gzip")

_GZIP, _ZLIB = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS


class TooLarge(Exception):
    """A body exceeds a limit; the rest of it was not read."""

    def __init__(self, limit_bytes: int, *, packed: bool) -> None:
        self.limit_bytes, self.packed = limit_bytes, packed
        super().__init__(f"is larger than {_megabytes(limit_bytes)}{' on the wire' if packed else ' unpacked'}")


class Damaged(Exception):
    """A body cannot be unpacked, or ends before its packing does; the text completes "the body …"."""


class UnknownEncoding(Damaged):
    """A body is packed in a way that is not known here, or in several ways at once."""


class Unpacker:
    """Takes a body in pieces as they arrive, unpacks it, and holds it to both limits."""

    def __init__(self, encoding: str, *, packed_limit: int, unpacked_limit: int) -> None:
        """Raises `UnknownEncoding`."""
        self._packed_limit, self._unpacked_limit = packed_limit, unpacked_limit
        self._packed = self._unpacked = 0
        self._pieces: list[bytes] = []
        self._stream = _stream(encoding.strip().lower())

    def announce(self, count: int) -> None:
        """Take notice of how many bytes are to come. Raises `TooLarge`: nothing of such a body need be read."""
        if count > self._packed_limit:
            raise TooLarge(self._packed_limit, packed=True)

    def feed(self, piece: bytes) -> None:
        """Take the next piece. Raises `TooLarge`, `Damaged`."""
        self._packed += len(piece)
        if self._packed > self._packed_limit:
            raise TooLarge(self._packed_limit, packed=True)
        if self._stream is None:
            self._keep(piece)
            return
        left = memoryview(piece)
        while left:
            out, left = self._stream.unpack(left, self._unpacked_limit - self._unpacked + 1)
            self._keep(out)

    def finish(self) -> bytes:
        """Return the whole body. Raises `Damaged` when it is not whole."""
        if self._stream is not None and self._packed and not self._stream.whole:
            raise Damaged("ends before its packing does")
        return b"".join(self._pieces)

    def _keep(self, piece: bytes) -> None:
        self._unpacked += len(piece)
        if self._unpacked > self._unpacked_limit:
            raise TooLarge(self._unpacked_limit, packed=False)
        self._pieces.append(piece)


class _Stream(Protocol):
    whole: bool

    def unpack(self, piece: memoryview, room: int, /) -> tuple[bytes, memoryview]:
        """Return what comes out, and what of the piece is still to be unpacked."""


class _Zlib:
    """gzip or zlib (RFC 1952, RFC 1950), several members after one another included."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._member = zlib.decompressobj(bits)
        self.whole = False

    def unpack(self, piece: memoryview, room: int, /) -> tuple[bytes, memoryview]:
        if self._member.eof:
            self._member = zlib.decompressobj(self._bits)
        try:
            out = self._member.decompress(piece, room)
        except zlib.error as error:
            raise Damaged(f"cannot be unpacked ({error})") from error
        self.whole = self._member.eof
        return out, memoryview(self._member.unused_data if self._member.eof else self._member.unconsumed_tail)


class _Zstd:
    """zstd (RFC 8878), several frames after one another included."""

    def __init__(self) -> None:
        self._unpacker = zstandard.ZstdDecompressor(max_window_size=ZSTD_LARGEST_WINDOW)
        self._frame = self._unpacker.decompressobj()
        self.whole = False

    def unpack(self, piece: memoryview, _room: int, /) -> tuple[bytes, memoryview]:
        if self._frame.eof:
            self._frame = self._unpacker.decompressobj()
        fed, rest = piece[:ZSTD_FEED_BYTES], piece[ZSTD_FEED_BYTES:]
        try:
            out = self._frame.decompress(fed)
        except zstandard.ZstdError as error:
            raise Damaged(f"cannot be unpacked ({error})") from error
        self.whole = self._frame.eof
        return out, piece[len(fed) - len(self._frame.unused_data) :] if self._frame.eof else rest


def _stream(encoding: str) -> _Stream | None:
    match encoding:
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return _Zlib(_GZIP)
        case "deflate":
            return _Zlib(_ZLIB)
        case "zstd":
            return _Zstd()
        case _ if "," in encoding:
            raise UnknownEncoding(f"is packed several times ({encoding[:40]}); pack it once, as {', '.join(ENCODINGS)}")
        case _:
            raise UnknownEncoding(f"is packed as {encoding[:40]}; known are {', '.join(ENCODINGS)}")


def pack(body: bytes, accepted: Collection[str]) -> tuple[bytes, str]:
    """Return a body packed the best way that is accepted, and that encoding; short ones as they are ("")."""
    if len(body) > PACK_FROM_BYTES:
        if "zstd" in accepted:
            return zstandard.ZstdCompressor(level=1).compress(body), "zstd"
        if "gzip" in accepted:
            packer = zlib.compressobj(level=1, wbits=_GZIP)
            return packer.compress(body) + packer.flush(), "gzip"
    return body, ""


def accepted(header: str) -> frozenset[str]:
    """Return the encodings that an Accept-Encoding header allows, of those that can be packed (RFC 9110 §12.5.3)."""
    named: dict[str, bool] = {}
    for part in header.lower().split(","):
        name, _, weight = part.partition(";")
        named[name.strip()] = not re.fullmatch(r"\s*q=0(\.0*)?\s*", weight)
    return frozenset(name for name in PACKABLE if named.get(name, named.get("*", False)))


def _megabytes(count: int) -> str:
    return f"{count / 1024 / 1024:.3g} MB" if count >= 1024 * 1024 else f"{count / 1024:.3g} KB"
