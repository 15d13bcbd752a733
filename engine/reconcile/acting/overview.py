"""How every sync stands, put together from memory; no endpoint is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.reconcile.acting.decisions import Decisions
from engine.reconcile.acting.means import Means
from engine.reconcile.acting.outset import RECENT_READS
from engine.reconcile.history import Digest, Health, PlanState, PlanSummary, RunState, SyncStatus, TargetStatus
from engine.schedule import next_fire
from engine.settings.model import SyncSettings

SPARKLINE_READS = 4 * RECENT_READS

NEVER_PLANNED = "Never planned yet."


async def overview(means: Means, decisions: Decisions) -> Sequence[SyncStatus]:
    """Return one line for each sync, in the order of the workspace file."""
    known = {(status.sync, status.target): status for status in await means.journal.target_statuses()}
    return [await _line(means, decisions, sync, known) for sync in means.workspace.syncs.values()]


async def _line(
    means: Means, decisions: Decisions, sync: SyncSettings, known: Mapping[tuple[str, str], TargetStatus]
) -> SyncStatus:
    runs = await means.journal.runs(sync=sync.name, limit=1)
    newest = await decisions.summaries(sync.name, limit=1)
    plan = newest[0] if newest else None
    last_run = runs[0] if runs else None
    return SyncStatus(
        sync=sync.name,
        source=sync.source,
        paused=sync.paused,
        targets=tuple(known.get((sync.name, target), _unknown(sync.name, target)) for target in sync.targets),
        last_run=last_run,
        next_run=next_fire(sync.schedule, means.now()) if sync.schedule and not sync.paused else None,
        waiting=_digest_in(plan, PlanState.WAITING),
        refused=_digest_in(plan, PlanState.REFUSED),
        refusals=plan.refusals if plan and plan.state is PlanState.REFUSED else (),
        running=last_run.run if last_run and last_run.state is RunState.RUNNING else None,
        source_counts=tuple(await means.journal.recent_source_counts(sync.name, SPARKLINE_READS)),
    )


def _unknown(sync: str, target: str) -> TargetStatus:
    return TargetStatus(sync=sync, target=target, health=Health.UNKNOWN, reason=NEVER_PLANNED)


def _digest_in(plan: PlanSummary | None, state: PlanState) -> Digest | None:
    return plan.digest if plan is not None and plan.state is state else None
