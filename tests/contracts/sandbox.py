"""What an endpoint needs in order to be tried: a real thing of its own, and the means to make trouble there.

A sandbox is one real target (a file, a table on a running server, a group in a directory) with members that the
suite chooses. Each endpoint type has a module `tests/contracts/sandboxes/<type>.py` with a tuple `SANDBOXES` of
sandbox classes; the suite runs every case on every one of them. What cannot happen at a target (a file asks for no
credentials) is declared in `lacks` with the reason, and the cases that need it are not made for that sandbox.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar, cast

from engine.errors import NothingFound
from engine.reconcile.ports import Target
from engine.reconcile.records import Value

Started = TypeVar("Started")


ASKED_PAUSE = timedelta(seconds=7)
"""The pause that a throttling sandbox asks for."""

SECRET = "s3cr3t-of-the-sandbox"
"""The password or token that sandboxes with credentials use; no message of the endpoint may contain it."""


class Circumstance(StrEnum):
    """Something that exists or happens at some targets and cannot at others.

    Each is either provoked or declared in `Sandbox.lacks`. The first group describes the target, the second is trouble:
    `Sandbox.provoke` begins it and it lasts until `Sandbox.settle`, but for ANSWER_LOST, which hits one write.
    """

    ATTRIBUTES = "members hold attributes that a sync may write"
    COMPARISON = "a write can be made to depend on what a member holds"
    RENAMES = "a member's key can be changed in place"
    EMPTY = "the target can hold nobody"
    UNICODE = "keys may hold letters beyond ASCII"
    CARRIED = "somebody without a key is a member (`carry`)"
    FOREIGN_FIELDS = "members hold fields that the sync does not map (`foreign`)"
    UNKNOWN_IDENTITY = "a spelling that nobody has cannot be added"

    MISSING = "the target is not there (404)"
    WRONG_CREDENTIALS = "the password or token is wrong (401)"
    NO_RIGHTS = "the target may not be written (403); whether it may be read is left open"
    THROTTLED_WITH_PAUSE = "every request is throttled, asking for ASKED_PAUSE (429 with Retry-After)"
    THROTTLED_WITHOUT_PAUSE = "every request is throttled without a word (429)"
    SERVER_ERROR = "every request fails for a reason that passes (5xx, a locked database)"
    ANSWER_LOST = "the next write is carried out and its answer is lost"
    STALE_READ = "reads answer as before the latest writes"
    CUT_SHORT = "a read ends before the last member"


@dataclass(frozen=True, slots=True)
class Member:
    """One member as the target holds it: its spelling, and those attributes the sandbox offers."""

    spelling: str
    attributes: Mapping[str, Value] = field(default_factory=dict)


class Servers:
    """Servers that tests share: each is started when first asked for and stopped at the end of the session."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._running: dict[object, Any] = {}

    def running(self, start: Callable[[], AbstractContextManager[Started]]) -> Started:
        """Return what `start` yields; the same for every caller that names the same function."""
        if start not in self._running:
            self._running[start] = self._stack.enter_context(start())
        return cast("Started", self._running[start])

    def stop(self) -> None:
        """Stop them all, the last one first."""
        self._running.clear()
        self._stack.close()


class Sandbox(ABC):
    """A real target for one endpoint, fresh for every case. Used as `async with`."""

    label: ClassVar[str]
    """What it is, for the name of the test: `postgresql`, `list_of_mappings`."""
    lacks: ClassVar[Mapping[Circumstance, str]] = {}
    """What cannot happen here, each with the reason as a sentence."""
    attributes: ClassVar[tuple[str, ...]] = ()
    """Names of the attributes that can be written, at least two; empty where members are bare keys."""
    several_pages: ClassVar[int] = 12_001
    """How many members need at least three pages or batches."""
    many: ClassVar[int] = 10_000

    def __init__(self, folder: Path, servers: Servers) -> None:
        self.folder = folder
        self.servers = servers
        self.trouble: Circumstance | None = None
        """What `provoke` began and `settle` has not ended yet."""

    async def __aenter__(self) -> Self:
        """Make the target, holding nobody (or whoever it cannot be without)."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take it away again, after ending what was provoked."""
        await self.settle()

    @abstractmethod
    def open(self) -> Target:
        """Return a new endpoint on this target, not yet entered."""

    @abstractmethod
    async def fill(self, members: Sequence[Member]) -> None:
        """Make the target hold exactly these members, in this order where it has one."""

    @abstractmethod
    async def held(self) -> Sequence[Member]:
        """Return the members it holds now, looked up without the endpoint; without the carried ones."""

    async def know(self, spellings: Sequence[str]) -> None:
        """Make these identities exist, as nobody's members, where a target takes known ones only (a directory)."""
        if self.offers(Circumstance.UNKNOWN_IDENTITY):
            raise LookupError(f"{type(self).__name__} offers {Circumstance.UNKNOWN_IDENTITY.name} and has no `know`.")

    async def put(self, member: Member) -> None:
        """Let somebody else add a member, behind the endpoint's back."""
        await self.fill([*await self.held(), member])

    async def take(self, spelling: str) -> None:
        """Let somebody else remove a member, behind the endpoint's back."""
        await self.fill([member for member in await self.held() if member.spelling != spelling])

    async def carry(self) -> None:
        """Make at least two members without a key (bots, guests, rows without an address) join those there are."""
        raise LookupError(f"{type(self).__name__} offers {Circumstance.CARRIED.name} and has no `carry`.")

    async def carried(self) -> Sequence[str]:
        """Return something that identifies each carried member it holds now, looked up without the endpoint."""
        raise LookupError(f"{type(self).__name__} offers {Circumstance.CARRIED.name} and has no `carried`.")

    async def foreign(self) -> object:
        """Return all that the target holds beside keys and mapped attributes (comments, other columns, other sets).

        Compared with `==` before and after writes; must not be empty, and must not change when members do.
        """
        raise LookupError(f"{type(self).__name__} offers {Circumstance.FOREIGN_FIELDS.name} and has no `foreign`.")

    async def provoke(self, trouble: Circumstance) -> None:
        """Begin the trouble; it lasts until `settle`."""
        raise LookupError(f"{type(self).__name__} neither provokes {trouble.name} nor declares in `lacks` why not.")

    async def settle(self) -> None:
        """End what was provoked; does nothing when there was nothing."""
        self.trouble = None

    @classmethod
    def offers(cls, circumstance: Circumstance) -> bool:
        return circumstance not in cls.lacks


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an endpoint is given in a sandbox (an `EndpointContext`): a name, a folder, and secrets."""

    folder: Path
    name: str = "sandbox"
    secrets: Mapping[str, str] = field(default_factory=lambda: {"env:SANDBOX": SECRET, "env:WRONG": "mistaken"})

    def path(self, text: str) -> str:
        return str(self.folder / text)

    def secret(self, reference: str) -> str:
        if reference not in self.secrets:
            raise NothingFound(f"The sandbox has no secret {reference}.")
        return self.secrets[reference]
