"""What is said to Consul and what it answers: sessions, keys, transactions (API v1, Consul 1.8 and later).

Keys travel in the bodies of transactions, where every character may stand; only watched ones stand in addresses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

A = TypeVar("A")

Message = Mapping[str, Any]
MOST_OPERATIONS = 60
"""In one transaction; Consul takes 64."""


class Pair(Struct, frozen=True, rename="pascal"):
    """A key as Consul has it."""

    key: str
    value: bytes | None = None
    """None for an empty one."""
    flags: int = 0
    session: str = ""
    create_index: int = 0
    modify_index: int = 0

    @property
    def content(self) -> bytes:
        return self.value or b""


class Result(Struct, frozen=True):
    """What came of one operation; deletions and failed conditions have none."""

    pair: Pair = msgspec.field(name="KV")


class Fault(Struct, frozen=True, rename="pascal"):
    """An operation that could not be done, by its place in the transaction."""

    op_index: int
    what: str


class Outcome(Struct, frozen=True, rename="pascal"):
    """Answer to a transaction: either all was done, or nothing."""

    results: tuple[Result, ...] | None = None
    errors: tuple[Fault, ...] | None = None


class NewSession(Struct, frozen=True):
    """Answer to the wish for a session."""

    ID: str


class SessionInfo(Struct, frozen=True, rename="pascal"):
    """A session as Consul has it."""

    name: str = ""


class AgentConfig(Struct, frozen=True, rename="pascal"):
    version: str = ""


class AgentDebug(Struct, frozen=True):
    shortest: str = msgspec.field(name="SessionTTLMin", default="")


class Agent(Struct, frozen=True, rename="pascal"):
    """What an agent says of itself."""

    config: AgentConfig = AgentConfig()
    debug_config: AgentDebug = AgentDebug()


def encode(message: object) -> bytes:
    return msgspec.json.encode(message)


def decode(body: bytes, kind: type[A]) -> A:
    """Raises `msgspec.DecodeError` for what is no such answer."""
    return msgspec.json.decode(body, type=kind)


def body_of(operations: Sequence[Message]) -> bytes:
    return encode([{"KV": operation} for operation in operations])


def get(key: str) -> Message:
    """Fails when there is none."""
    return {"Verb": "get", "Key": key}


def tree(prefix: str) -> Message:
    """Find all keys with a prefix, by key."""
    return {"Verb": "get-tree", "Key": prefix}


def put(key: str, value: bytes, flags: int = 0) -> Message:
    """Leaves a key locked that is; what is the same already is not written, and keeps its index."""
    return {"Verb": "set", "Key": key, "Value": value, "Flags": flags}


def lock(key: str, value: bytes, session: str, flags: int = 0) -> Message:
    """Write a key that goes with a session. Fails when that is over, or another one has it."""
    return {"Verb": "lock", "Key": key, "Value": value, "Session": session, "Flags": flags}


def delete(key: str) -> Message:
    return {"Verb": "delete", "Key": key}


def held_by(key: str, session: str) -> Message:
    """Condition: the key is there, and goes with this session."""
    return {"Verb": "check-session", "Key": key, "Session": session}


def written_at(key: str, index: int) -> Message:
    """Condition: this index wrote the key last (0: it is not there)."""
    if index:
        return {"Verb": "check-index", "Key": key, "Index": index}
    return {"Verb": "check-not-exists", "Key": key}
