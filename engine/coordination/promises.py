"""What a backend promises, and the sentences it answers with where it cannot. Pure."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from msgspec import Struct

from engine.errors import NotSupported


class Feature(StrEnum):
    """What may be asked of a backend."""

    LOCK = "lock"
    ELECTION = "election"
    KEYS = "keys"
    EXPIRY = "expiry"
    """Keys that vanish after a time."""
    FENCED_WRITE = "fenced write"
    """A key written only while a claim's token is still the newest, checked in the same step."""
    LIST = "list"
    WATCH = "watch"
    TASKS = "tasks"
    CRON = "cron"
    STREAM = "stream"


class Promises(Struct, frozen=True, kw_only=True):
    """What can be relied on; what is refused comes with the reason and what to take instead.

    `refusals` is known before anything is connected where the kind of backend decides it, and after opening where the
    server's version or settings do.
    """

    backend: str
    """As people name it, with the version once it is known: `SQLite`, `Redis 7.0.15`, `etcd 3.4.23`."""
    reach: str
    """Whom it coordinates: `all processes of this machine`."""
    shortest_ttl: timedelta
    """Of a session; asking for less is refused."""
    crash_seen: str
    """How soon the next waiter is served after a holder was killed: `at once, through its process id`."""
    hang_seen: str
    """The same after a holder stopped answering."""
    shortest_expiry: timedelta | None = None
    """Of a key; None: keys do not expire here."""
    refusals: dict[Feature, str] = {}
    """Sentences."""
    cautions: tuple[str, ...] = ()
    """What to know before trusting it, in sentences: durability, failover, clocks."""

    def require(self, *features: Feature) -> None:
        """Raise `NotSupported`, with the sentence, for the first of these that the backend cannot do."""
        for feature in features:
            if feature in self.refusals:
                raise NotSupported(self.refusals[feature])

    def require_ttl(self, ttl: timedelta) -> None:
        """Raise `NotSupported` for a session shorter than the backend grants."""
        if ttl < self.shortest_ttl:
            raise NotSupported(
                f"{self.backend} keeps a session for {self.shortest_ttl.total_seconds():g} s or longer; "
                f"{ttl.total_seconds():g} s was asked for. Give a longer ttl."
            )

    def require_expiry(self, expires: timedelta) -> None:
        """Raise `NotSupported` for a key that is to vanish sooner than the backend can, or where none can."""
        self.require(Feature.EXPIRY)
        if self.shortest_expiry is not None and expires < self.shortest_expiry:
            raise NotSupported(
                f"{self.backend} lets a key expire after {self.shortest_expiry.total_seconds():g} s at the soonest; "
                f"{expires.total_seconds():g} s was asked for. Give a longer time."
            )
