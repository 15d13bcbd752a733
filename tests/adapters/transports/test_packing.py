"""Bodies are packed and unpacked whole or not at all, and nothing that is fed in can fill the memory."""

from __future__ import annotations

import os
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from adapters.transports.packing import (
    ENCODINGS,
    PACK_FROM_BYTES,
    PACKABLE,
    Damaged,
    TooLarge,
    UnknownEncoding,
    Unpacker,
    accepted,
    pack,
)

MEGABYTE = 1024 * 1024


def unpacked(body: bytes, encoding: str, *, packed_limit: int = MEGABYTE, unpacked_limit: int = 2 * MEGABYTE) -> bytes:
    """Return a body after it came in pieces."""
    unpacker = Unpacker(encoding, packed_limit=packed_limit, unpacked_limit=unpacked_limit)
    for start in range(0, len(body), 1_000):
        unpacker.feed(body[start : start + 1_000])
    return unpacker.finish()


def gzipped(body: bytes) -> bytes:
    return pack(body + bytes(PACK_FROM_BYTES), {"gzip"})[0]


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "zstd": zstandard.ZstdCompressor().compress,
    "gzip": gzipped,
    "deflate": zlib.compress,
}


@pytest.mark.parametrize("encoding", PACKABLE)
@given(body=st.binary(max_size=5_000), repeats=st.integers(1, 20))
def test_what_is_packed_comes_out_the_same(encoding: str, body: bytes, repeats: int) -> None:
    whole = body * repeats
    packed, used = pack(whole, {encoding})
    assert unpacked(packed, used) == whole


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_body_that_ends_early_is_refused_and_never_taken_for_a_shorter_one(encoding: str) -> None:
    packed = PACKERS[encoding](os.urandom(4_000))
    for length in range(1, len(packed), 97):
        with pytest.raises(Damaged):
            unpacked(packed[:length], encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_damaged_body_is_refused(encoding: str) -> None:
    packed = bytearray(PACKERS[encoding](os.urandom(4_000)))
    packed[0] ^= 0xFF
    with pytest.raises(Damaged):
        unpacked(bytes(packed), encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(junk=st.binary(min_size=1, max_size=300))
def test_whatever_comes_is_unpacked_or_refused_in_words(encoding: str, junk: bytes) -> None:
    with suppress(Damaged, TooLarge):
        assert isinstance(unpacked(junk, encoding), bytes)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_bomb_is_given_up_at_the_limit_and_fills_no_memory(encoding: str) -> None:
    bomb = PACKERS[encoding](bytes(128 * MEGABYTE))
    assert len(bomb) < MEGABYTE
    tracemalloc.start()
    with pytest.raises(TooLarge, match="larger than 2 MB unpacked"):
        unpacked(bomb, encoding)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * MEGABYTE


def test_a_frame_that_wants_a_window_of_gigabytes_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    packed = packer.compress(os.urandom(1_000)) + packer.flush()
    with pytest.raises(Damaged, match="cannot be unpacked"):
        unpacked(packed, "zstd")


def test_the_wire_has_a_limit_of_its_own() -> None:
    with pytest.raises(TooLarge, match="larger than 2 KB on the wire"):
        unpacked(os.urandom(3_000), "", packed_limit=2_048)


def test_a_body_that_announces_too_much_is_refused_before_it_comes() -> None:
    with pytest.raises(TooLarge):
        Unpacker("", packed_limit=2_048, unpacked_limit=2_048).announce(2_049)


@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
def test_members_after_one_another_are_one_body(encoding: str) -> None:
    first, second = os.urandom(2_000), os.urandom(2_000)
    both = pack(first, {encoding})[0] + pack(second, {encoding})[0]
    assert unpacked(both, encoding) == first + second


@pytest.mark.parametrize("encoding", ["br", "gzip, zstd", "gzip,gzip", "x" * 500])
def test_other_encodings_and_several_at_once_are_refused_by_name(encoding: str) -> None:
    with pytest.raises(UnknownEncoding, match=encoding[:20]):
        Unpacker(encoding, packed_limit=1, unpacked_limit=1)


def test_short_bodies_are_not_packed() -> None:
    assert pack(bytes(PACK_FROM_BYTES), PACKABLE) == (bytes(PACK_FROM_BYTES), "")


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("gzip, deflate", {"gzip"}),
        ("zstd, gzip", {"zstd", "gzip"}),
        ("gzip;q=0, zstd;q=0.5", {"zstd"}),
        ("*", {"zstd", "gzip"}),
        ("*, zstd;q=0.0", {"gzip"}),
        ("identity", set()),
        ("", set()),
    ],
)
def test_answers_are_packed_only_as_the_caller_accepts(header: str, names: set[str]) -> None:
    assert accepted(header) == names
