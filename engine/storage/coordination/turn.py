"""A transaction of the coordination file under way: what the works in it see, and what is to be told after it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from msgspec import Struct

from engine.coordination.standing import Kind, SessionId, Token

T = TypeVar("T")


class News(StrEnum):
    """What a session is told."""

    GRANTED = "granted"
    REVOKED = "revoked"
    OVER = "over"
    """The session itself ended."""


class Wake(Struct, frozen=True, array_like=True):
    """Word for one session, to be sent once the transaction is on record. A hint: the file says what is true."""

    news: News
    session: SessionId
    name: str = ""
    nonce: str = ""
    token: Token = Token(0)


class CeilingReached(Exception):
    """The next sequence number is not covered by what is on the disk: raise the ceiling, then begin again."""


class Turn:
    """One transaction, seen by one namespace. `now` is the clock of deadlines, `wall` microseconds for people."""

    __slots__ = ("abandoned", "ceiling", "changed", "execute", "gone", "namespace", "now", "wakes", "wall")

    def __init__(
        self, connection: sqlite3.Connection, namespace: int, now: float, wall: int, ceiling: int, gone: Gone
    ) -> None:
        self.execute = connection.execute
        self.namespace = namespace
        self.now = now
        self.wall = wall
        self.ceiling = ceiling
        self.gone = gone
        """Tells of a process's mark whether it has certainly ended."""
        self.changed = False
        self.wakes: list[tuple[str, Wake]] = []
        """With the address of each."""
        self.abandoned: list[str] = []
        """Addresses that dead processes left behind."""

    def note(self, kind: Kind | str, name: str) -> int:
        """Tell followers of a change; return its number, which nothing before had."""
        self.changed = True
        number = self.execute(
            "INSERT INTO change (namespace, kind, name) VALUES (?, ?, ?)", (self.namespace, kind, name)
        ).lastrowid
        if number is None or number >= self.ceiling:
            raise CeilingReached
        return number

    def wake(self, address: str, wake: Wake) -> None:
        """Have a session told once this is on record."""
        self.wakes.append((address, wake))


Gone = Callable[[str], bool]
Work = Callable[[Turn], T]
