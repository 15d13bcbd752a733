"""Targets that fail again and again are left alone by automatic runs, until something goes well or a person says so."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from engine.reconcile.acting.means import Means
from engine.reconcile.history import Health, TargetStatus
from engine.reconcile.plan import Plan, TargetPlan
from engine.settings.model import SyncSettings


async def remember_plan(means: Means, sync: SyncSettings, plan: Plan, names: Sequence[str]) -> None:
    """Remember how these targets stand by a fresh plan; a failed read, of the source too, or a guard that refuses
    counts as a failure."""
    source_refusals = [verdict.refusal for verdict in plan.source_guards if verdict.refuses]
    planned = {target.target: target for target in plan.targets}
    for name in names:
        target = planned.get(name) or TargetPlan(target=name, error=plan.error)
        refusals = [*source_refusals, *(verdict.refusal for verdict in target.guards if verdict.refuses)]
        await remember(means, sync, target, target.error or " ".join(refusals))


async def remember(means: Means, sync: SyncSettings, target_plan: TargetPlan, failure: str) -> TargetStatus:
    """Count a failure, or end the row of them; quarantine begins and ends here."""
    known = {(status.sync, status.target): status for status in await means.journal.target_statuses()}
    before = known.get((sync.name, target_plan.target))
    was_out = before is not None and before.health is Health.QUARANTINED
    if was_out and not failure:
        await means.journal.quarantine(sync.name, target_plan.target, "", means.actor, means.now())
    status = await means.journal.note_target(sync.name, target_plan, failure, means.now())
    if failure and not was_out and status.failures >= sync.quarantine_after:
        reason = f"{status.failures} failures in a row; the last: {failure}"
        await means.journal.quarantine(sync.name, target_plan.target, reason, means.actor, means.now())
        means.tell("target.quarantined", f"{sync.name}/{target_plan.target}", reason)
        return replace(status, health=Health.QUARANTINED, reason=reason)
    return status
