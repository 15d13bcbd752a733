"""How a peer stands: what is remembered between sessions, what a session achieved, and what screens show of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from engine.events.event import Origin
from engine.events.replicating.messages import Refusal
from engine.settings.replication import Direction


class Connection(StrEnum):
    """How the way to a peer stands."""

    NEVER = "never"
    """Not tried yet."""
    CONNECTED = "connected"
    """The last call succeeded."""
    LOST = "lost"
    """The last call failed; it is tried again."""
    REFUSED = "refused"
    """The peer said no (a wrong token, a fork, another protocol): trying again will not help."""
    PAUSED = "paused"


class SyncResult(msgspec.Struct, frozen=True, kw_only=True):
    """One session with a peer, from its beginning to its end, whatever that was."""

    peer: str
    direction: Direction
    started_at: datetime
    ended_at: datetime
    pulled: int = 0
    """Events that were new here."""
    pushed: int = 0
    """Events that were new there."""
    conflicts: int = 0
    """Aggregates that became contested here by what was pulled."""
    batches: int = 0
    attempts: int = 1
    """Calls, retries included, divided into those needed and those repeated: repeated ones count here."""
    refusals: tuple[Refusal, ...] = ()
    recovered: str = ""
    """What was found out about this node's own history (a restored backup, a clone) and what was done, in words."""
    error: str = ""
    """Why it ended early, as a sentence; empty: both sides have what they wanted."""
    error_kind: str = ""
    """`unavailable`, `refused`, `fork`, `clone`, `cancelled`, `clock_ahead`, `storage`, or empty."""

    @property
    def complete(self) -> bool:
        return not self.error and not self.refusals


class PeerMemory(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a peer between sessions. Only a memory: the receiver's vector is the one checkpoint."""

    node: str = ""
    origin: Origin = Origin("")
    vector: dict[Origin, int] = {}
    """What the peer said it knows, last."""
    met_at: datetime | None = None
    """The last call that succeeded."""
    tried_at: datetime | None = None
    failures: int = 0
    """Sessions that failed since the last one that did not."""
    error: str = ""
    connection: Connection = Connection.NEVER
    last: SyncResult | None = None
    paused: bool = False
    filled: str = ""
    """What was left out at both ends, and what is wanted, when gaps were last filled: while that stays, none can be."""


class PeerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A configured peer as screens and `syncdeck peers` show it."""

    name: str
    url: str
    direction: Direction
    memory: PeerMemory
    connection: Connection
    to_push: int = 0
    """Events here that the peer did not have when it last spoke."""
    to_pull: int = 0
    """Events there that are not here, as far as the peer's last word tells."""
    lag_seconds: float | None = None
    """Age of the oldest event here that the peer lacks; None when it lacks nothing or was never met."""
    next_at: datetime | None = None
    """When the automatic sync is due, if this process runs it."""


class Differing(msgspec.Struct, frozen=True, kw_only=True):
    """An aggregate whose state differs between here and a peer; hashes are empty where it does not exist."""

    aggregate_id: str
    here: str
    there: str


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What `prove equal` found, in the order it looks: vectors, chains, states."""

    peer: str
    at: datetime
    order: str
    """`equal`, `before` (the peer knows more), `after` (we know more), `concurrent`; records do not count."""
    lacking_here: int = 0
    lacking_there: int = 0
    records_here: int = 0
    """Events that the peer lacks and that only record what nodes did (a sync, a run): they change no state."""
    records_there: int = 0
    forks: dict[Origin, int] = {}
    """Origins whose histories part, with the first seq that differs."""
    states_equal: bool | None = None
    """None: not compared, because the vectors differ."""
    differing: tuple[Differing, ...] = ()
    note: str = ""
    """Why states were not compared although the vectors are equal, or which alone were."""

    @property
    def equal(self) -> bool:
        return self.order == "equal" and not self.forks and self.states_equal is True
