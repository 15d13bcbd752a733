"""What the header says on every screen: rights, what waits, runs and was refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from console.presentation.header import Pulse

if TYPE_CHECKING:
    from engine.assembly import Engine
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


def counted(pulse: Pulse, statuses: Sequence[SyncStatus]) -> Pulse:
    """Return the pulse with what the overview says."""
    return replace(
        pulse,
        waiting=sum(status.waiting is not None for status in statuses),
        refused=sum(status.refused is not None for status in statuses),
        running=sum(status.running is not None for status in statuses),
    )
