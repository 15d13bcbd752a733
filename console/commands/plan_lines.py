"""A plan as lines of text and as one JSON object. Pure but for the session's colours."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, islice
from typing import Any

from console.commands.session import Session
from console.commands.table import moment, safe
from engine.reconcile.plan import Action, Change, Parked, Plan, TargetPlan, Verdict, item_id
from engine.reconcile.records import Value, text_of
from engine.reconcile.results import StoredPlan

SIGN = {Action.ADD: "+", Action.UPDATE: "~", Action.RENAME: ">", Action.REMOVE: "-"}
COLOUR = {Action.ADD: "green", Action.UPDATE: "yellow", Action.RENAME: "cyan", Action.REMOVE: "red"}
SHOWN = 200
"""Changes of one kind shown before the rest is counted; `--json` and `-o` always hold all of them."""


def headline(plan: Plan) -> str:
    """Return what a plan would do, in one line."""
    counts = {action: sum(target.count(action) for target in plan.targets) for action in Action}
    parts = [f"{count:,} to {action}" for action, count in counts.items() if count]
    if parts:
        return ", ".join(parts)
    return "nothing could be planned" if plan.errored else "nothing to do"


def plan_lines(session: Session, stored: StoredPlan, shown: int = SHOWN) -> Iterator[str]:
    """Yield a plan as people read it: source, each target's changes with their why, parked records, guards."""
    plan = stored.plan
    yield session.paint(f"{plan.sync}: {headline(plan)}", "bold")
    if plan.source is not None:
        snapshot = plan.source
        count, when = f"{snapshot.fingerprint.count:,}", moment(snapshot.read_at)
        yield f"  source {snapshot.adapter}: {count} in scope, read {when} ({safe(snapshot.proof)})"
    if plan.error:
        yield session.paint(f"  source failed: {safe(plan.error)}", "red")
    for note in plan.notes:
        yield session.paint(f"  {safe(note)}", "dim")
    for target in plan.targets:
        yield from _target_lines(session, target, shown)
    for verdict in plan.source_guards:
        yield from _guard_line(session, verdict)
    yield f"  plan {stored.digest[:12]}, {stored.state}, by {plan.created_by}, expires {moment(plan.expires_at)}"


def _target_lines(session: Session, target: TargetPlan, shown: int) -> Iterator[str]:
    yield ""
    if target.error:
        yield session.paint(f"  {target.target}: could not be read: {safe(target.error)}", "red")
        return
    name = session.paint(f"  {target.target}", "bold")
    yield f"{name}  {target.in_step:,} in step, {len(target.changes):,} to change"
    for changes in _alike(target):
        yield from _group_lines(session, changes, shown)
    for parked in target.parked[:shown]:
        yield _parked_line(session, parked)
    if len(target.parked) > shown:
        yield session.paint(f"    … and {len(target.parked) - shown:,} more parked", "dim")
    if target.snapshot and target.snapshot.carried:
        names = ", ".join(safe(carried.label) for carried in target.snapshot.carried[:5])
        yield session.paint(f"    carried through untouched: {len(target.snapshot.carried)} ({names})", "dim")
    for action, count in target.left_alone.items():
        yield session.paint(f"    {count:,} to {action}, left alone in this mode", "dim")
    for verdict in target.guards:
        yield from _guard_line(session, verdict)


def _alike(target: TargetPlan) -> Iterator[list[Change]]:
    """Yield the changes of one action and one reason together, in the order in which they would be carried out."""
    for _, group in groupby(target.changes, key=lambda change: change.action):
        by_reason: dict[str, list[Change]] = {}
        for change in group:
            by_reason.setdefault(change.why, []).append(change)
        yield from by_reason.values()


def _group_lines(session: Session, changes: list[Change], shown: int) -> Iterator[str]:
    action, why = changes[0].action, changes[0].why
    yield session.paint(f"    {action} {len(changes):,}", COLOUR[action]) + session.paint(f"   {safe(why)}", "dim")
    for change in islice(changes, shown):
        renamed = f" → {safe(change.renamed_to)}" if change.renamed_to else ""
        yield session.paint(f"      {SIGN[action]} {safe(change.spelling)}{renamed}", COLOUR[action])
        if action in {Action.UPDATE, Action.RENAME}:
            for name, before, after in change.fields():
                yield f"          {safe(name)}: {_told(before)} → {_told(after)}"
    if len(changes) > shown:
        yield session.paint(f"      … and {len(changes) - shown:,} more; -o FILE or --json holds all", "dim")


def _told(value: Value) -> str:
    return safe(text_of(value)) or "(empty)"


def _parked_line(session: Session, parked: Parked) -> str:
    return session.paint(f"    ! {safe(parked.spelling)}   {safe(parked.reason)}", "yellow")


def _guard_line(session: Session, verdict: Verdict) -> Iterator[str]:
    if verdict.refuses:
        yield session.paint(f"    REFUSED by {verdict.guard}: {safe(verdict.refusal)}", "red", "bold")
    elif verdict.overridden_by:
        yield session.paint(f"    {verdict.guard} lifted for this plan by {verdict.overridden_by}", "yellow")


def plan_object(stored: StoredPlan, exit_code: int) -> dict[str, Any]:
    """Return a plan for scripts. The names are a contract; see README, "In scripts"."""
    plan = stored.plan
    return {
        "digest": stored.digest,
        "sync": plan.sync,
        "state": stored.state,
        "mode": plan.mode,
        "applyable": plan.applyable,
        "complete": plan.complete,
        "errored": plan.errored,
        "created_at": plan.created_at,
        "created_by": plan.created_by,
        "expires_at": plan.expires_at,
        "parent": plan.parent,
        "undoes": plan.undoes,
        "source": plan.source,
        "error": plan.error,
        "guards": plan.source_guards,
        "refusals": [verdict.refusal for verdict in plan.refusals],
        "targets": [_target_object(target) for target in plan.targets],
        "exit_code": exit_code,
    }


def _target_object(target: TargetPlan) -> dict[str, Any]:
    return {
        "target": target.target,
        "error": target.error,
        "in_step": target.in_step,
        "counts": {action.value: target.count(action) for action in Action},
        "changes": [
            {
                "item": item_id(target.target, change),
                "action": change.action,
                "key": change.key,
                "spelling": change.spelling,
                "before": change.before,
                "after": change.after,
                "renamed_to": change.renamed_to,
                "why": change.why,
            }
            for change in target.changes
        ],
        "parked": target.parked,
        "carried": target.snapshot.carried if target.snapshot else (),
        "left_alone": target.left_alone,
        "guards": target.guards,
        "snapshot": target.snapshot,
    }
