"""What is said to etcd and what it answers: the v3 API as JSON (its gRPC gateway, etcd 3.4 and later).

Bytes travel as base64, 64-bit numbers as text; fields that are zero are left out. Messages are built by the functions
below, answers are typed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

A = TypeVar("A", bound=Struct)

Message = Mapping[str, Any]
BY_AGE: Message = {"sort_order": "ASCEND", "sort_target": "CREATE"}
MOST_OPERATIONS = 100
"""In one transaction; a server takes 128 unless told otherwise (--max-txn-ops)."""


class Code(IntEnum):
    """gRPC's words for why not, those that are told apart here."""

    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    NOT_FOUND = 5
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    UNAUTHENTICATED = 16


class KeyValue(Struct, frozen=True):
    """A key as etcd has it."""

    key: bytes
    value: bytes = b""
    create_revision: int = 0
    mod_revision: int = 0
    version: int = 0
    lease: int = 0


class Header(Struct, frozen=True):
    """Comes with every answer."""

    revision: int = 0


class Found(Struct, frozen=True):
    """Answer to a range."""

    header: Header = Header()
    kvs: tuple[KeyValue, ...] = ()
    more: bool = False


class Written(Struct, frozen=True):
    """Answer to a put."""

    prev_kv: KeyValue | None = None


class Erased(Struct, frozen=True):
    """Answer to a deletion."""

    deleted: int = 0
    prev_kvs: tuple[KeyValue, ...] = ()


class Outcome(Struct, frozen=True):
    """Answer to a transaction: which of its two halves was done, and what came of it."""

    header: Header = Header()
    succeeded: bool = False
    responses: tuple[Done, ...] = ()

    @property
    def first(self) -> Sequence[KeyValue]:
        """What its first operation, a range, found."""
        return self.responses[0].response_range.kvs


class Done(Struct, frozen=True):
    """Answer to one operation of a transaction."""

    response_range: Found = Found()
    response_put: Written = Written()
    response_delete_range: Erased = Erased()
    response_txn: Outcome = Outcome()


class Lease(Struct, frozen=True):
    """Answer to what is asked about a lease: TTL is what is left of it, 0 or less when it is over."""

    ID: int = 0
    TTL: int = 0
    keys: tuple[bytes, ...] = ()


class KeptAlive(Struct, frozen=True):
    """Answer to a renewal, which is a stream of one."""

    result: Lease = Lease()


class Happening(Struct, frozen=True):
    """Something that happened to a key; a put names no type."""

    kv: KeyValue
    type: str = "PUT"


class Told(Struct, frozen=True):
    """One message of a watch."""

    header: Header = Header()
    created: bool = False
    canceled: bool = False
    compact_revision: int = 0
    cancel_reason: str = ""
    events: tuple[Happening, ...] = ()


class Line(Struct, frozen=True):
    """One line of a watch's stream."""

    result: Told | None = None
    error: Mapping[str, Any] | None = None


class Refusal(Struct, frozen=True):
    """What comes instead of an answer; `code` is a `Code`, or another number."""

    message: str = ""
    error: str = ""
    code: int = Code.UNKNOWN


class Admission(Struct, frozen=True):
    """Answer to a name and password."""

    token: str = ""


class Version(Struct, frozen=True):
    """What a server says of itself to anybody."""

    etcdserver: str
    etcdcluster: str = ""


def encode(message: Message) -> bytes:
    return msgspec.json.encode(message)


def decode(body: bytes, kind: type[A]) -> A:
    """Raises `msgspec.DecodeError` (which `ValidationError` is) for what is no such answer."""
    return msgspec.json.decode(body, type=kind, strict=False)


def end_of(prefix: bytes) -> bytes:
    """Return the first key after all with a prefix. UTF-8 has no byte 255, so the last one can be raised."""
    return prefix[:-1] + bytes((prefix[-1] + 1,))


def under(prefix: bytes, **how: object) -> Message:
    """Range over all keys with a prefix."""
    return {"key": prefix, "range_end": end_of(prefix), **how}


def look(message: Message) -> Message:
    """Make a range an operation of a transaction."""
    return {"request_range": message}


def put(key: bytes, value: bytes, lease: int = 0, **how: object) -> Message:
    return {"request_put": {"key": key, "value": value, "lease": lease, **how}}


def erase(key: bytes, **how: object) -> Message:
    return {"request_delete_range": {"key": key, **how}}


def within(compare: Sequence[Message], success: Sequence[Message], failure: Sequence[Message]) -> Message:
    """Make a transaction an operation of another."""
    return {"request_txn": {"compare": compare, "success": success, "failure": failure}}


def created_at(key: bytes, revision: int) -> Message:
    """Compare: the key was created by this revision (0: it is not there)."""
    return {"target": "CREATE", "key": key, "result": "EQUAL", "create_revision": revision}


def exists(key: bytes) -> Message:
    return {"target": "CREATE", "key": key, "result": "GREATER", "create_revision": 0}


def changed_at(key: bytes, revision: int) -> Message:
    """Compare: this revision wrote the key last (0: it is not there)."""
    return {"target": "MOD", "key": key, "result": "EQUAL", "mod_revision": revision}


def none_under(prefix: bytes) -> Message:
    """Compare: no key has the prefix."""
    return under(prefix, target="CREATE", result="EQUAL", create_revision=0)


def none_older(prefix: bytes, revision: int) -> Message:
    """Compare: no key with the prefix was created before this revision."""
    return under(prefix, target="CREATE", result="GREATER", create_revision=revision - 1)
