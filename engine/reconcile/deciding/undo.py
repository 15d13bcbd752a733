"""The inverse of what a run did, as a plan like any other. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from engine.reconcile.comparing.canonical import as_hexadecimal, sum_of
from engine.reconcile.deciding.planning import Occasion
from engine.reconcile.deciding.protection import protecting
from engine.reconcile.deciding.staleness import item
from engine.reconcile.history import ItemState, RunId, RunItem
from engine.reconcile.plan import ORDER, Action, Change, Parked, Plan, Snapshot, TargetPlan, item_id
from engine.reconcile.records import Fingerprint, fold, keep_case
from engine.settings.model import Mode, SyncSettings


def inverse(plan: Plan, run: RunId, items: Sequence[RunItem], sync: SyncSettings, occasion: Occasion) -> Plan:
    """Return the plan that takes back the DONE items of a run of `plan`; each change's precondition is the state the
    run left.

    Members are brought back before others are removed, whatever the sync's mode. Not judged yet: hand it to
    `guards.judge`; there is no source in it, so only the target's guards speak.
    """
    done = {item.item for item in items if item.state is ItemState.DONE}
    targets = tuple(_inverse_target(target, done, run, sync, occasion) for target in plan.targets)
    return Plan(
        sync=plan.sync,
        mode=Mode.ADD_REMOVE,
        created_at=occasion.now,
        created_by=occasion.actor,
        expires_at=occasion.now + sync.approval.expires,
        config_digest=occasion.config_digest,
        source=None,
        targets=targets,
        undoes=str(run),
        notes=_not_restored(targets, run, sync),
    )


def _not_restored(targets: Sequence[TargetPlan], run: RunId, sync: SyncSettings) -> tuple[str, ...]:
    """Return what whoever approves the bringing back of members has to know: a plan holds the mapped attributes."""
    back = sum(change.action is Action.ADD for target in targets for change in target.changes)
    if not back:
        return ()
    keys = "its key" if back == 1 else "their keys"
    who = f"1 member that run {run} removed comes" if back == 1 else f"{back:,} members that run {run} removed come"
    note = (
        f"{who} back with {', '.join(sorted(sync.attributes)) or keys} alone: whatever else a target held of "
        f"{'it' if back == 1 else 'them'} (other fields, roles, history) was not read and is not restored."
    )
    return (note,)


def _inverse_target(
    target: TargetPlan, done: set[str], run: RunId, sync: SyncSettings, occasion: Occasion
) -> TargetPlan:
    made = [change for change in target.changes if item_id(target.target, change) in done]
    protected = protecting(sync.guards.protect)
    changes: list[Change] = []
    parked: list[Parked] = []
    for change in made:
        back = _inverse_change(change, run, sync)
        if back.action is not Action.ADD and protected.fullmatch(back.key):
            reason = "Protected (guards.protect) since the run; it stays as the run left it."
            parked.append(Parked(spelling=back.spelling, reason=reason, action=back.action, key=back.key))
        else:
            changes.append(back)
    order = ORDER[Mode.ADD_REMOVE]
    return TargetPlan(
        target=target.target,
        snapshot=_left_behind(target, made, run, sync, occasion),
        changes=tuple(sorted(changes, key=lambda change: (order.index(change.action), change.key))),
        parked=tuple(sorted(parked, key=lambda one: one.spelling)),
    )


def _inverse_change(change: Change, run: RunId, sync: SyncSettings) -> Change:
    match change.action:
        case Action.ADD:
            return replace(
                change, action=Action.REMOVE, before=change.after or {}, after=None, why=f"Added by run {run}."
            )
        case Action.REMOVE:
            return replace(change, action=Action.ADD, before=None, after=change.before, why=f"Removed by run {run}.")
        case Action.UPDATE:
            return replace(change, before=change.after, after=change.before, why=f"Updated by run {run}.")
        case Action.RENAME:
            folding = keep_case if sync.case_sensitive else fold
            return replace(
                change,
                key=folding(change.renamed_to),
                spelling=change.renamed_to,
                before=change.after,
                after=change.before,
                renamed_to=change.spelling,
                why=f"Renamed by run {run}.",
            )


def _left_behind(
    target: TargetPlan, made: Sequence[Change], run: RunId, sync: SyncSettings, occasion: Occasion
) -> Snapshot | None:
    """Return the target as the run left it, by arithmetic on the plan's snapshot: whoever else changed something since
    shows as a difference when it is read again."""
    before = target.snapshot
    if before is None:
        return None
    names = tuple(sorted(sync.attributes))
    gone = [item(change.key, change.before, names) for change in made if change.action is not Action.ADD]
    backs = [_inverse_change(change, run, sync) for change in made]
    come = [item(back.key, back.before, names) for back in backs if back.action is not Action.ADD]
    total = int(before.fingerprint.sum, 16) - sum_of(gone) + sum_of(come)
    return replace(
        before,
        read_at=occasion.now,
        fingerprint=Fingerprint(count=before.fingerprint.count - len(gone) + len(come), sum=as_hexadecimal(total)),
        proof=f"reckoned from the plan of run {run}",
    )
