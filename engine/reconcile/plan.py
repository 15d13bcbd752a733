"""A plan: everything that would happen to the targets of one sync, and why. Pure values.

A plan never changes. It is the same object in the preview, in the file, in the approval and when it is applied, and
its `digest` names it. One plan covers all targets of the sync, planned on one snapshot of the source; a guard that
trips on any target refuses the whole plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum

import msgspec

from engine.reconcile.records import Carried, Fingerprint, RecordKey, Value, text_of
from engine.settings.model import Mode

PLAN_FORMAT = 1


class Action(StrEnum):
    """What is done to one record."""

    ADD = "add"
    UPDATE = "update"
    RENAME = "rename"
    REMOVE = "remove"


ORDER: dict[Mode, tuple[Action, ...]] = {
    Mode.ADD_REMOVE: (Action.RENAME, Action.ADD, Action.UPDATE, Action.REMOVE),
    Mode.REMOVE_ADD: (Action.RENAME, Action.REMOVE, Action.ADD, Action.UPDATE),
    Mode.ADD_ONLY: (Action.RENAME, Action.ADD, Action.UPDATE),
    Mode.REMOVE_ONLY: (Action.REMOVE,),
}
"""Which actions a mode allows, in the order they are carried out. Surplus and missing records that a mode does not
act on are counted in `TargetPlan.left_alone`."""


class Change(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One thing to do to one record of one target.

    `spelling` is what the target is called with: for additions as the source spells it (or as the target's look-up
    answered), for everything else as the target spelled it itself. `before` is the precondition: None says the record
    must be absent, a mapping says it must be present with these values (the attributes that the sync maps, as the
    target holds them). `after` is None for removals. For a rename, `key` and `before` are the target's old record and
    `renamed_to` is the new spelling.
    """

    action: Action
    key: RecordKey
    spelling: str
    native_id: str = ""
    before: dict[str, Value] | None = None
    after: dict[str, Value] | None = None
    renamed_to: str = ""
    why: str = ""

    def fields(self) -> list[tuple[str, Value, Value]]:
        """Return (name, before, after) of the attributes that differ (as `text_of` compares), by name."""
        before, after = self.before or {}, self.after or {}
        return [
            (name, before.get(name), after.get(name))
            for name in sorted(before.keys() | after.keys())
            if text_of(before.get(name)) != text_of(after.get(name))
        ]


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """A record that was seen and is not acted on, with the reason as a sentence."""

    spelling: str
    reason: str
    action: Action | None = None
    """What would have been done otherwise, if anything."""
    key: RecordKey | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one guard says. `refusal` is empty when it is content, else a sentence: number, limit, how to proceed.

    `observed` and `limit` are for gauges (same unit, percent or count as `unit` says); a guard without a number has
    None.
    """

    guard: str
    observed: float | None = None
    limit: float | None = None
    unit: str = ""
    refusal: str = ""
    overridden_by: str = ""
    """Who approved an override of exactly this guard, if somebody did."""

    @property
    def refuses(self) -> bool:
        return bool(self.refusal) and not self.overridden_by


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What one side held when it was read."""

    adapter: str
    read_at: datetime
    fingerprint: Fingerprint
    proof: str
    carried: tuple[Carried, ...] = ()


class TargetPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What would happen to one target. `changes` stand in the order they would be carried out, then by key.

    `error` is the sentence of a failed read: then there is no snapshot and there are no changes.
    `left_alone` counts differences the mode does not act on, by action. `unplanned` is how many of the target's
    records are neither missing, surplus nor differing.
    """

    target: str
    snapshot: Snapshot | None = None
    changes: tuple[Change, ...] = ()
    parked: tuple[Parked, ...] = ()
    guards: tuple[Verdict, ...] = ()
    left_alone: dict[str, int] = {}
    in_step: int = 0
    error: str = ""

    def count(self, action: Action) -> int:
        """Return how many changes are of this action."""
        return [change.action for change in self.changes].count(action)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All that one sync would do. See the module's docstring; `planfile` gives it its bytes and its digest."""

    sync: str
    mode: Mode
    created_at: datetime
    created_by: str
    expires_at: datetime
    config_digest: str
    """Digest of everything in the settings that this plan depends on: another one makes the plan stale."""
    source: Snapshot | None
    targets: tuple[TargetPlan, ...]
    source_guards: tuple[Verdict, ...] = ()
    parent: str = ""
    """Digest of the plan whose items were selected to make this one, if any."""
    undoes: str = ""
    """Number of the run that this plan would undo, if any."""
    notes: tuple[str, ...] = ()
    """What was noticed at the source and needs no action: records that are merged because they are the same."""
    error: str = ""
    """The sentence of a failed source read: then no target was planned."""
    format: int = PLAN_FORMAT

    @property
    def errored(self) -> bool:
        """Something could not be read; `complete` is false then too."""
        return bool(self.error) or any(target.error for target in self.targets)

    @property
    def complete(self) -> bool:
        """Every target was planned: once applied, nothing but parked records is left to do."""
        return not self.errored

    @property
    def refusals(self) -> tuple[Verdict, ...]:
        """Every guard that refuses, the source's first."""
        verdicts = [*self.source_guards, *(verdict for target in self.targets for verdict in target.guards)]
        return tuple(verdict for verdict in verdicts if verdict.refuses)

    @property
    def change_count(self) -> int:
        return sum(len(target.changes) for target in self.targets)

    @property
    def applyable(self) -> bool:
        """There is something to do and no guard refuses. (Approval and freshness are asked for at apply time.)"""
        return not self.error and self.change_count > 0 and not self.refusals


def same_work(plan: Plan, other: Plan) -> bool:
    """Tell whether two plans of a sync would do exactly the same for the same reasons, whenever they were made."""
    return _work(plan) == _work(other)


def _work(plan: Plan) -> object:
    per_target = [
        (target.target, target.changes, target.error, [verdict.guard for verdict in target.guards if verdict.refuses])
        for target in plan.targets
    ]
    refusing = [verdict.guard for verdict in plan.source_guards if verdict.refuses]
    return plan.config_digest, plan.undoes, plan.error, refusing, per_target


def item_id(target: str, change: Change) -> str:
    """Return the name of a change within a plan: `target/action/key`. Stable from plan to plan; used by `--only`."""
    return f"{target}/{change.action}/{change.key}"


def items(plan: Plan) -> Iterator[tuple[str, TargetPlan, Change]]:
    """Yield (item id, target, change) for every change, in the order they would be carried out."""
    for target in plan.targets:
        for change in target.changes:
            yield item_id(target.target, change), target, change
