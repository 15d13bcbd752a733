"""The hash chain over an origin's events: whoever changes, drops or inserts one breaks every link after it.

The exact bytes, so that another program can check a log:

    canonical(v)  JSON (RFC 8259) in UTF-8 without white space, object keys sorted by code point at every level,
                  characters beyond ASCII not escaped, numbers in their shortest form that reads back the same
    header        canonical([id, type, aggregate_id, origin, seq, context, hlc]), context as an object of numbers
    H(b)          BLAKE2b-256 (RFC 7693, 32 bytes of digest, no key) of the bytes b
    chain         H(previous chain (32 bytes) + H(canonical(data)) + H(canonical(metadata)) + header)

The chain before an origin's first event is 32 zero bytes. Payloads enter only by their hashes: a payload may be
redacted later, its hash kept in its place, and the chain still holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec

DIGEST_BYTES = 32
BEFORE_FIRST = bytes(DIGEST_BYTES)

_unfed = blake2b(digest_size=DIGEST_BYTES)
"""Copied for each hash: a quarter less time than giving the parameters again, twice for each event."""

_encoder = msgspec.json.Encoder(order="deterministic")


def canonical(value: Any) -> bytes:
    """Return the one way to write a JSON value; see the module's docstring."""
    return _encoder.encode(value)


def hashed(content: bytes) -> bytes:
    """Return H of some bytes: what a canonical payload enters the chain by."""
    fed = _unfed.copy()
    fed.update(content)
    return fed.digest()


def link(previous: bytes, payload_hashes: bytes, head: bytes) -> bytes:
    """Return the chain of an event: from its predecessor's, the hashes of its data and metadata, and its header."""
    return hashed(previous + payload_hashes + head)


def header(
    identity: str,
    type_name: str,
    aggregate: str,
    dot: tuple[str, int],
    context: Mapping[str, int] | msgspec.Raw,
    hlc: int,
) -> bytes:
    """Return the canonical header of an event; `dot` is (origin, seq), a raw context is canonical JSON already."""
    return _encoder.encode((identity, type_name, aggregate, *dot, context, hlc))
