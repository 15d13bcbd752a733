"""What keys, tasks, schedules and streams stand on."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from engine.clock import Clock
from engine.coordination.means import Record
from engine.coordination.standing import Change, Fence, SessionId, Token, Who
from engine.coordination.store import Store
from engine.errors import ReadOnly
from engine.redaction import Redactor


class Changes(Protocol):
    """The store's changes, for any number of followers (`feed.Feed`)."""

    @abstractmethod
    def changes(self, *prefixes: str, sessions: bool = False) -> AsyncGenerator[Change, None]:
        """Give `SYNCED` as soon as the line is up, and each time it is again; in between changes of the keys and claims
        that begin with one of the prefixes, and of sessions if they are asked for. It does not end by itself."""


class Presence(Protocol):
    """This process's session (`holding.session.OwnSession`)."""

    id: SessionId

    @property
    @abstractmethod
    def held(self) -> bool:
        """Tell whether it is alive at this moment, by the clock."""

    @abstractmethod
    async def wait_lost(self) -> object:
        """Return as soon as it is over."""


Attend = Callable[[], Awaitable[Presence]]
"""Return this process's session; a new one when the one before is over."""


class Fencing(Protocol):
    """A lease, as far as a write that it protects is concerned (`holding.lease.Lease`)."""

    @property
    @abstractmethod
    def fence(self) -> Fence:
        """Return what the store has to check."""

    @abstractmethod
    def check(self) -> Token:
        """Raise `LeaseLost` when it is over already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The store and its changes, the clock, and whose process this is. `chance` draws from [0, 1)."""

    store: Store
    feed: Changes
    clock: Clock
    chance: Callable[[], float]
    record: Record
    redactor: Redactor
    who: Who
    read_only: bool = False

    @property
    def actor(self) -> str:
        """Who is named in what is submitted and audited."""
        return self.who.actor

    def must_write(self) -> None:
        """Raise `ReadOnly` on an engine opened to look only."""
        if self.read_only:
            raise ReadOnly
