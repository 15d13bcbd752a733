"""What a backend has to do: sessions, ordered claims, keys, one feed of changes. Lock, election, keys, tasks and cron
are written once over it (`holding`, `keyspace`, `working`, `scheduling`).

Every method raises `CoordinationUnavailable` when the backend cannot be reached or is silent for too long, with
`maybe_done` where the request may have taken effect; no method repeats by itself what is not harmless to repeat.
Cancelling a method ends it soon; what it asked for may or may not have happened.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Protocol

from engine.coordination.promises import Promises
from engine.coordination.standing import (
    Change,
    Claim,
    ClaimStanding,
    Entry,
    Fence,
    Revision,
    SessionId,
    SessionStanding,
    Token,
    Who,
)
from engine.coordination.stream import Streams

Revoked = Callable[[str, Token], None]
"""Told (name, token) when a grant was taken away from a living session. A hint, as quick as the backend can give it;
whoever must not miss it looks at what `renew` returns."""

LONGEST_VALUE = 256 * 1024
"""Bytes: the least that every backend takes (Consul: 512 kB a key, and transactions of several)."""

LONGEST_NAME = 256
"""Bytes in UTF-8 of a name or key. Control characters are not allowed; `/` separates the parts that a tree shows."""


class Sessions(Protocol):
    """One lease for everything that a process holds."""

    @abstractmethod
    async def begin(self, who: Who, ttl: timedelta, revoked: Revoked) -> SessionId:
        """Begin a session that lives for `ttl` after this and every renewal."""

    @abstractmethod
    async def renew(self, session: SessionId) -> frozenset[tuple[str, Token]]:
        """Prolong a session by its ttl from now, and return the grants it has. Raises `SessionLost` when it is over."""

    @abstractmethod
    async def end(self, session: SessionId) -> None:
        """End a session; its grants go to the next waiters at once. Harmless when it is over."""

    @abstractmethod
    async def sessions(self) -> Sequence[SessionStanding]:
        """Return all living sessions, by id."""


class Claims(Protocol):
    """A queue for each name: its head holds. A grant goes from holder to the next living waiter in one atomic step, in
    the order in which they asked, and wakes that one alone."""

    @abstractmethod
    async def claim(self, claim: Claim, value: bytes = b"", *, wait: bool = True) -> Token | None:
        """Return the token once the claim is granted, waiting for as long as it takes.

        Without `wait` return None, and stand in no queue, when others hold or wait. Repeating it after a lost answer
        finds the same place or the same token. A caller that gives up, or was cancelled, must `release`. Raises
        `SessionLost`; without `wait` also `HolderSilent`, where only those who wait find out that a holder is dead.
        """

    @abstractmethod
    async def release(self, claim: Claim) -> bool:
        """Give back the grant, or leave the queue. Returns whether it held the name until now; harmless otherwise: it
        never touches another claim's grant."""

    @abstractmethod
    async def revoke(self, name: str, token: Token) -> bool:
        """Take the grant with this token away from whoever has it; the next waiter is served, the holder's session is
        told and lives on. Returns False, and does nothing, when that grant is over."""

    @abstractmethod
    async def proclaim(self, claim: Claim, value: bytes) -> bool:
        """Replace the value of a grant. Returns False, and does nothing, when it is over."""

    @abstractmethod
    async def claims(self, prefix: str = "") -> Sequence[ClaimStanding]:
        """Return every name with that prefix that is held or waited for, by name; names that only have a past may be
        among them."""


class Keys(Protocol):
    """Values under keys. Reads are linearizable unless the promises say otherwise."""

    @abstractmethod
    async def get(self, key: str) -> Entry | None:
        """Return the entry, None if there is none or it has expired."""

    @abstractmethod
    async def put(
        self,
        key: str,
        value: bytes,
        *,
        expected: Revision | None = None,
        expires: timedelta | None = None,
        fence: Fence | None = None,
    ) -> Revision:
        """Write a value and return its revision; durable when it returns, as far as the promises go.

        `expected` is the revision it must have (0: no such key), None for any. Without `expires` it stays for ever,
        whatever it had before. Raises `KeyChanged`; `LeaseLost` (reason `expired`) when the fence's grant is over.
        """

    @abstractmethod
    async def delete(self, key: str, *, expected: Revision | None = None, fence: Fence | None = None) -> bool:
        """Remove a key; return whether there was one. Raises `KeyChanged` (also when `expected` names one that is
        gone), `LeaseLost`."""

    @abstractmethod
    async def entries(self, prefix: str = "", *, after: str = "", limit: int = 1_000) -> Sequence[Entry]:
        """Return the first entries with that prefix whose keys are greater than `after`, ordered by key (code points).
        Fewer than `limit` means there are no more."""


class Store(Sessions, Claims, Keys, Protocol):
    """A backend, open. Belongs to the event loop it was opened in; safe for any number of concurrent callers."""

    @property
    @abstractmethod
    def promises(self) -> Promises:
        """What it promises, with what was learnt while opening."""

    @property
    @abstractmethod
    def streams(self) -> Streams | None:
        """Its event streams; None where the promises refuse them."""

    @abstractmethod
    def follow(self) -> AsyncIterator[Change]:
        """Follow all changes of the namespace, pushed: first `SYNCED`, then each change soon after it happened.

        Raises `CoordinationUnavailable` when the line breaks: follow again, and read again what matters after `SYNCED`.
        A slow reader delays nobody and loses only what a later change of the same thing replaces.
        """


class Backend(Protocol):
    """A configured backend, not connected yet."""

    @property
    @abstractmethod
    def promises(self) -> Promises:
        """What is known without asking anybody."""

    @abstractmethod
    def open(self) -> AbstractAsyncContextManager[Store]:
        """Connect. Raises `CoordinationUnavailable`, `NotSupported` (a server too old), `CoordinationError` (it refuses
        us), `SecretUnavailable`. Closing ends no session."""
