"""The work that a node's settings ask for: its schedules, and the terms of its tasks.

Automatic syncs are schedules and tasks like others: the leader fires them, and whichever node has time runs them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from engine.coordination.scheduling.fires import Plan
from engine.coordination.working.commands import terms_of
from engine.coordination.working.tasks import Terms
from engine.settings.model import SyncSettings, Workspace

SYNC: Final = "sync:"
"""Before a sync's name, that of its schedule and of its tasks: no command of the settings can be called so."""

SYNC_TERMS: Final = Terms(timeout=timedelta(hours=2), most_attempts=3)


def scheduled(workspace: Workspace) -> Sequence[SyncSettings]:
    """Return the syncs that run by themselves."""
    return [sync for sync in workspace.syncs.values() if sync.schedule is not None]


def plans_of(workspace: Workspace) -> Sequence[Plan]:
    """Return the schedules that the settings ask for: those of the section cron, and one for each automatic sync."""
    return [*map(Plan.of, workspace.cron.values()), *map(_plan_of, scheduled(workspace))]


def terms_for(workspace: Workspace) -> Mapping[str, Terms]:
    """Return what holds for tasks by their names."""
    return {**terms_of(workspace.tasks), **{SYNC + sync.name: SYNC_TERMS for sync in scheduled(workspace)}}


def _plan_of(sync: SyncSettings) -> Plan:
    schedule = sync.schedule
    if schedule is None:
        raise AssertionError(f"{sync.name} has no schedule")
    return Plan(
        name=SYNC + sync.name,
        task=SYNC + sync.name,
        every=schedule.every.total_seconds() if schedule.every is not None else None,
        cron=schedule.cron,
        timezone=schedule.timezone,
        paused=sync.paused,
    )
