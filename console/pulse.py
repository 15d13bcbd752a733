"""What the header says on every screen: rights, what waits, runs and was refused, how the other nodes stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from console.presentation.header import Pulse

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.events.replicating.standing import PeerStatus
    from engine.notices import Notice
    from engine.reconcile.history import SyncStatus


def begun(pulse: Pulse, engine: Engine) -> Pulse:
    """Return the pulse with what an opened engine knows of its workspace."""
    workspace = engine.workspace
    return replace(
        pulse,
        workspace=workspace.title or workspace.folder.name,
        node=workspace.node,
        protected=workspace.protected,
        read_only=pulse.read_only or engine.read_only,
    )


def told(pulse: Pulse, notices: Sequence[Notice]) -> Pulse:
    """Return the pulse with what notices tell: whether the coordination backend answers, which nobody is asked for."""
    for notice in notices:
        if notice.topic in {"coordination.up", "coordination.down"}:
            pulse = replace(pulse, backend_gone=notice.topic == "coordination.down")
    return pulse


@dataclass(frozen=True, slots=True)
class Counts:
    """What is counted anew whenever something happened."""

    statuses: Sequence[SyncStatus]
    conflicts: int
    peers: Sequence[PeerStatus]


async def take(engine: Engine) -> Counts:
    """Count what waits for people, and how the peers stand."""
    return Counts(await engine.reconcile.overview(), await engine.conflicts.count(), await engine.replication.peers())


def counted(pulse: Pulse, counts: Counts) -> Pulse:
    """Return the pulse with what was counted."""
    return replace(
        pulse,
        waiting=sum(status.waiting is not None for status in counts.statuses),
        refused=sum(status.refused is not None for status in counts.statuses),
        running=sum(status.running is not None for status in counts.statuses),
        conflicts=counts.conflicts,
        lost=sum(peer.connection in {"lost", "refused"} for peer in counts.peers),
    )
