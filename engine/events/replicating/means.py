"""What replication works with; given once, by the composition root."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

from engine.clock import Clock
from engine.events.log import EventLog
from engine.events.replicating.measures import Measures
from engine.events.replicating.patience import Patience
from engine.events.replicating.ports import PeerBook, Replica, Transport
from engine.events.replicating.recording import Recording
from engine.events.vector import Vector
from engine.notices import Notices
from engine.settings.replication import PeerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """Ports, settings and the world."""

    replica: Replica
    book: PeerBook
    recording: Recording
    log: EventLog
    transports: Callable[[PeerSettings], Transport]
    """Raises `SettingsError` or `MissingExtra` for a peer that cannot be reached in any way known here."""
    advances: Callable[[], AsyncIterator[Vector]]
    """Yields this node's vector at once and whenever it advanced, by whatever process; coalesced."""
    peers: Mapping[str, PeerSettings]
    clock: Clock
    notices: Notices
    chance: Callable[[], float]
    """Draws from [0, 1)."""
    read_only: bool = False
    patience: Patience = field(default_factory=Patience)
    measures: Measures = field(default_factory=Measures)
