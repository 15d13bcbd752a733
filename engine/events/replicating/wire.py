"""Messages as bytes: MessagePack arrays `[protocol, word, message]`, compressed by whoever carries them.

Decoding gives a whole, typed message or `ReplicationRefused`; never another error, and never memory in a larger
proportion than the frame's own size: the number of parts is limited before they are read.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from engine.errors import ReplicationRefused
from engine.events.replicating.messages import (
    PROTOCOL,
    Batch,
    ChainQuestion,
    Chains,
    Digest,
    DigestQuestion,
    Fault,
    GapQuestion,
    Gaps,
    Greeting,
    Hello,
    Pull,
    Receipt,
)

M = TypeVar("M", bound=msgspec.Struct)

MOST_BYTES = 20 * 1024 * 1024
"""Of a frame, unpacked."""

WORDS: dict[type[msgspec.Struct], str] = {
    Hello: "hello",
    Greeting: "greeting",
    Pull: "pull",
    Batch: "batch",
    Receipt: "receipt",
    GapQuestion: "gaps?",
    Gaps: "gaps",
    ChainQuestion: "chains?",
    Chains: "chains",
    DigestQuestion: "digest?",
    Digest: "digest",
    Fault: "fault",
}
"""Every message there is, and its word on the wire."""

_encoder = msgspec.msgpack.Encoder()
_frame = msgspec.msgpack.Decoder(tuple[int, str, msgspec.Raw])
_decoders: dict[type[msgspec.Struct], msgspec.msgpack.Decoder[Any]] = {
    each: msgspec.msgpack.Decoder(each) for each in WORDS
}


def encode(message: msgspec.Struct) -> bytes:
    """Return a message as a frame."""
    return _encoder.encode((PROTOCOL, WORDS[type(message)], message))


def decode(data: bytes, wanted: type[M], *, most_bytes: int = MOST_BYTES) -> M:
    """Return the message in a frame. Raises `ReplicationRefused`: `too_large`, `protocol` or `malformed`."""
    if len(data) > most_bytes:
        raise ReplicationRefused(
            f"A message of {len(data):,} bytes is too large; at most {most_bytes:,} are taken. Send fewer events at "
            "once.",
            kind="too_large",
        )
    word = WORDS[wanted]
    try:
        version, came, body = _frame.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError, OverflowError) as error:
        raise _malformed(word, error) from error
    if version != PROTOCOL:
        raise ReplicationRefused(
            f"The other side speaks protocol {version}, this node speaks {PROTOCOL}. Bring both to the same version "
            "of Syncdeck.",
            kind="protocol",
        )
    if came != word:
        raise ReplicationRefused(
            f"A {came[:16]!r} came where a {word!r} was expected. Check that the address is a Syncdeck node's.",
            kind="malformed",
        )
    try:
        message: M = _decoders[wanted].decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError, OverflowError) as error:
        raise _malformed(word, error) from error
    return message


def _malformed(word: str, error: Exception) -> ReplicationRefused:
    return ReplicationRefused(
        f"What came is no {word!r} of Syncdeck's protocol {PROTOCOL} ({error}). Nothing was stored; check the address, "
        "and that nothing on the way changes what is sent.",
        kind="malformed",
    )
