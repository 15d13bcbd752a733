"""What the reconcile engine needs from the outside: endpoints to read and write, and a journal to remember in."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self

import msgspec

from engine.errors import LeaseLost
from engine.reconcile.plan import Action, Change
from engine.reconcile.records import Batch
from engine.settings.catalogue import EndpointContext, TypeCatalogue


class Source(Protocol):
    """Something that can be read whole. Used as `async with endpoint:`; entering connects, leaving lets go."""

    @abstractmethod
    async def __aenter__(self) -> Self:
        """Connect, or find the file. Raises `RemoteUnavailable`, `RemoteRefused`, `SecretUnavailable`."""

    @abstractmethod
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of connections and files; never raises for a connection that is already gone."""

    @abstractmethod
    def read(self) -> AsyncIterator[Batch]:
        """Return every record it holds now, all pages of it, in batches; the last one carries the proof.

        Never served from a cache: what another call of this object wrote is seen. Any order. A missing file, a
        vanished group or a page that cannot be had is an error (`RemoteRefused`, `RemoteUnavailable`,
        `IncompleteRead`), never an empty or a shorter set.
        """


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How a target wants to be called, and what it cannot do."""

    actions: frozenset[Action] = frozenset({Action.ADD, Action.REMOVE})
    batch_size: int = 1
    """Changes per `write`; a target that replaces its whole list takes them all."""
    concurrency: int = 1
    """How many `write` calls may be under way at once."""
    per_second: float | None = None
    """Calls of `write` a second; None: as fast as it answers."""
    least_members: int = 0
    """A target that cannot be emptied says 1 (LDAP groupOfNames)."""


class Result(StrEnum):
    """How one change ended at the target."""

    DONE = "done"
    ALREADY = "already"
    """The target was as wanted before the call: a duplicate add, a removal of an absent member. A success."""
    REFUSED = "refused"
    """The target says no to this one for good; the rest of the batch is unharmed."""
    UNKNOWN = "unknown"
    """The target's answer does not say; the engine reads back."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The end of one change; `reason` is a sentence when it was refused."""

    result: Result
    reason: str = ""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A look-up's hit: what the target calls this record."""

    native_id: str = ""
    spelling: str = ""
    """How the target spells the key, where it differs from what was asked (an alias answers its primary address)."""


class Miss(msgspec.Struct, frozen=True, kw_only=True):
    """A look-up that found nobody, or more than one; the reason is a sentence for the plan's parked list."""

    reason: str


class Target(Source, Protocol):
    """Something that can also be written, one action at a time."""

    @property
    @abstractmethod
    def limits(self) -> Limits:
        """Batch size, concurrency, rate, and the actions it can carry out."""

    @abstractmethod
    async def resolve(self, spellings: Sequence[str]) -> Mapping[str, Found | Miss]:
        """Look up records that are about to be added; the answer has exactly one entry for each spelling asked.

        A target that takes any spelling answers `Found()` for all. Called while planning, in chunks of at most 1,000.
        """

    @abstractmethod
    async def write(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Carry out changes of one action, at most `limits.batch_size`; return their outcomes in the same order.

        Adding who is there and removing who is not are `ALREADY`, never errors. Whoever is not named is untouched,
        carried members included: a target that can only replace its list reads it afresh, merges and writes.
        Raises `RemoteUnavailable` for the batch as a whole (`maybe_done` when the answer got lost on the way back),
        `RemoteRefused` when nothing of it will ever work (no rights, the group is gone).
        """


class Catalogue(TypeCatalogue, Protocol):
    """The endpoint types that exist here, and how to get one."""

    @abstractmethod
    def open(self, type_name: str, settings: msgspec.Struct, context: EndpointContext) -> Source:
        """Return a new endpoint, not yet entered; a `Target` if its row says that it writes. Raises `MissingExtra`."""


DEFAULT_PATIENCE = timedelta(minutes=5)
"""How long one batch is retried before its items are parked."""


class Hold(Protocol):
    """A lock that this process holds over all processes and nodes that share its backend."""

    @property
    @abstractmethod
    def token(self) -> int:
        """Greater than that of every earlier grant of this lock in the same space."""

    @property
    @abstractmethod
    def space(self) -> str:
        """Where the tokens are counted: those of one space can be compared."""

    @abstractmethod
    def check(self) -> None:
        """Raise `LeaseLost` once it is lost, or may be: the clock is asked at each call, no memory of it."""

    @abstractmethod
    async def lost(self) -> LeaseLost:
        """Wait until it is lost, and return how."""


class Locks(Protocol):
    """Who may write to a target, decided over all processes and nodes."""

    @abstractmethod
    def hold(self, name: str, note: str) -> AbstractAsyncContextManager[Hold]:
        """Hold a lock until the block ends, without waiting. `note` is shown to whoever wonders.

        Raises `Locked`, naming the holder and since when; `CoordinationError` when it cannot be known who holds it.
        """
