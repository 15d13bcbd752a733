"""Guards: rules that refuse a whole plan, each with a number, a limit and a sentence on how to proceed. Pure.

Every guard is named after its setting, because that is what an operator changes, and what an approval lifts. Protected
and unmanaged members shape the plan itself (they are parked, see `drafting`); both are judged here once more, for plans
that come from elsewhere (derived ones, inverse ones, files) and for what has changed when a plan is applied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TypeVar

import msgspec

from engine.reconcile.deciding.amounts import lowered, members, number, percent, records
from engine.reconcile.deciding.protection import protecting
from engine.reconcile.plan import ORDER, Action, Plan, TargetPlan, Verdict
from engine.reconcile.records import RecordKey
from engine.settings.model import GuardSettings, Mode

TAKING_AWAY = frozenset({Action.REMOVE, Action.RENAME})
REMEMBERED_READS = 5
"""How many good source reads the shrinking is judged against."""
PERCENT_COUNTS_ABOVE = 10
"""Members a target must have before a percentage of it means anything: one of three is 33 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What guards need to know beside the plan, by target where it is a mapping; one not named has 0, owns nobody."""

    recent_counts: Sequence[int] = ()
    removed_lately: Mapping[str, int] = field(default_factory=dict)
    least_members: Mapping[str, int] = field(default_factory=dict)
    owned: Mapping[str, frozenset[RecordKey]] = field(default_factory=dict)
    """Whom Syncdeck added or adopted; asked for under `managed_only` alone."""


def judge(plan: Plan, guards: GuardSettings, circumstances: Circumstances) -> Plan:
    """Return the plan with every guard's verdict on exactly its changes. For a new plan, a derived one, and again on
    what is left at apply time."""
    source_scene = SourceScene.of(plan, guards, circumstances)
    return msgspec.structs.replace(
        plan,
        source_guards=_verdicts(SOURCE_GUARDS, source_scene) if source_scene else (),
        targets=tuple(
            target
            if target.error
            else msgspec.structs.replace(
                target, guards=_verdicts(TARGET_GUARDS, TargetScene.of(plan, target, guards, circumstances))
            )
            for target in plan.targets
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceScene:
    """What the source's guards look at."""

    sync: str
    source: str
    guards: GuardSettings
    count: int
    usual: float | None
    """Median of the last good reads; None before the first."""

    @classmethod
    def of(cls, plan: Plan, guards: GuardSettings, circumstances: Circumstances) -> SourceScene | None:
        if plan.source is None:
            return None
        recent = circumstances.recent_counts[-REMEMBERED_READS:]
        return cls(
            sync=plan.sync,
            source=plan.source.adapter,
            guards=guards,
            count=plan.source.fingerprint.count,
            usual=median(recent) if recent else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetScene:
    """What a target's guards look at: its members before, and how many of each change."""

    sync: str
    target: str
    guards: GuardSettings
    members: int
    carried: int
    additions: int
    updates: int
    removals: int
    removals_first: bool
    removed_lately: int
    least_members: int
    protected_changes: tuple[str, ...]
    unmanaged_changes: tuple[str, ...]

    @classmethod
    def of(cls, plan: Plan, target: TargetPlan, guards: GuardSettings, circumstances: Circumstances) -> TargetScene:
        protected = protecting(guards.protect)
        owned = circumstances.owned.get(target.target, frozenset())
        snapshot = target.snapshot
        return cls(
            sync=plan.sync,
            target=target.target,
            guards=guards,
            members=snapshot.fingerprint.count if snapshot else 0,
            carried=len(snapshot.carried) if snapshot else 0,
            additions=target.count(Action.ADD),
            updates=target.count(Action.UPDATE) + target.count(Action.RENAME),
            removals=target.count(Action.REMOVE),
            removals_first=plan.mode is Mode.REMOVE_ADD and Action.ADD in ORDER[plan.mode],
            removed_lately=circumstances.removed_lately.get(target.target, 0),
            least_members=circumstances.least_members.get(target.target, 0),
            protected_changes=tuple(
                change.key
                for change in (target.changes if guards.protect else ())
                if change.action is not Action.ADD and protected.fullmatch(change.key)
            ),
            unmanaged_changes=tuple(
                change.key
                for change in (target.changes if guards.managed_only else ())
                if change.action in TAKING_AWAY and change.key not in owned
            ),
        )

    def proceed(self, guard: str) -> str:
        """Return the end of every refusal: what to do about it."""
        return (
            f"Check the source, or raise guards.{guard} of sync {self.sync}, "
            f"or approve this plan with an override of {guard}."
        )


def min_source(scene: SourceScene) -> Verdict:
    """Refuse when the source (within the sync's scope) is empty or nearly so."""
    refusal = ""
    if scene.count < scene.guards.min_source:
        refusal = (
            f"{scene.source} yields {records(scene.count)} in the scope of sync {scene.sync}; at least "
            f"{scene.guards.min_source} must be there before anything is changed. Check the source and the scope, or "
            f"lower guards.min_source of sync {scene.sync}, or approve this plan with an override of min_source."
        )
    limit = float(scene.guards.min_source)
    return Verdict(guard="min_source", observed=scene.count, limit=limit, unit="records", refusal=refusal)


def max_source_drop_percent(scene: SourceScene) -> Verdict | None:
    """Refuse when the source shrank: a service that answers 200 with half its data looks like that."""
    limit = scene.guards.max_source_drop_percent
    if limit is None:
        return None
    dropped = percent(max(0.0, scene.usual - scene.count), scene.usual) if scene.usual else 0.0
    refusal = ""
    if dropped > limit:
        refusal = (
            f"{scene.source} shrank to {records(scene.count)} from {number(scene.usual or 0)} (median of its last "
            f"good reads), by {number(dropped)} %; at most {number(limit)} % is accepted. Check the source, or raise "
            f"guards.max_source_drop_percent of sync {scene.sync}, or approve this plan with an override of "
            "max_source_drop_percent."
        )
    return Verdict(guard="max_source_drop_percent", observed=dropped, limit=limit, unit="%", refusal=refusal)


def max_removals(scene: TargetScene) -> Verdict | None:
    """Refuse too many removals, as a number."""
    return _most("max_removals", scene, scene.removals, scene.guards.max_removals, "removes {} of")


def max_additions(scene: TargetScene) -> Verdict | None:
    """Refuse too many additions."""
    return _most("max_additions", scene, scene.additions, scene.guards.max_additions, "adds {} to")


def max_updates(scene: TargetScene) -> Verdict | None:
    """Refuse too many updates and renames."""
    return _most("max_updates", scene, scene.updates, scene.guards.max_updates, "updates or renames {} of")


def max_removal_percent(scene: TargetScene) -> Verdict | None:
    """Refuse too many removals, in percent of the target."""
    limit = scene.guards.max_removal_percent
    if limit is None:
        return None
    share = percent(scene.removals, scene.members)
    refusal = ""
    if scene.removals and scene.members > PERCENT_COUNTS_ABOVE and share > limit:
        refusal = (
            f"The plan removes {scene.removals} of {members(scene.members)} of {scene.target} ({number(share)} %); "
            f"at most {number(limit)} % may go in one plan. {scene.proceed('max_removal_percent')}"
        )
    return Verdict(guard="max_removal_percent", observed=share, limit=limit, unit="%", refusal=refusal)


def window_removal_percent(scene: TargetScene) -> Verdict | None:
    """Refuse what together with the last 24 hours' removals is too much: many small plans are one big one."""
    limit = scene.guards.window_removal_percent
    if limit is None:
        return None
    before = scene.members + scene.removed_lately
    removed = scene.removals + scene.removed_lately
    share = percent(removed, before)
    refusal = ""
    if scene.removals and before > PERCENT_COUNTS_ABOVE and share > limit:
        refusal = (
            f"With the {scene.removed_lately} removed within the last 24 hours, this plan takes {removed} of {before} "
            f"members from {scene.target} ({number(share)} %); at most {number(limit)} % may go in 24 hours. "
            f"Wait, or {lowered(scene.proceed('window_removal_percent'))}"
        )
    return Verdict(guard="window_removal_percent", observed=share, limit=limit, unit="%", refusal=refusal)


def min_left(scene: TargetScene) -> Verdict:
    """Refuse to leave a target with too few members, at any moment of the run."""
    needed = max(scene.guards.min_left, scene.least_members - scene.carried)
    left = scene.members - scene.removals + (0 if scene.removals_first else scene.additions)
    refusal = ""
    if scene.removals and left < needed:
        own = f" ({scene.target} cannot be emptied)" if needed > scene.guards.min_left else ""
        refusal = (
            f"The plan leaves {members(left)} in {scene.target}; at least {needed} must stay{own}. Check the source, "
            f"or lower guards.min_left of sync {scene.sync}, or approve this plan with an override of min_left."
        )
    return Verdict(guard="min_left", observed=left, limit=needed, unit="members", refusal=refusal)


def protect(scene: TargetScene) -> Verdict | None:
    """Refuse a plan that would remove, rename or update a protected member after all."""
    if not scene.guards.protect:
        return None
    touched = scene.protected_changes
    refusal = ""
    if touched:
        others = f" and {len(touched) - 1} more" if len(touched) > 1 else ""
        refusal = (
            f"The plan changes {touched[0]}{others} of {scene.target}, protected by guards.protect of sync "
            f"{scene.sync}. Leave them out of the selection, or approve this plan with an override of protect."
        )
    return Verdict(guard="protect", observed=len(touched), limit=0, unit="members", refusal=refusal)


def managed_only(scene: TargetScene) -> Verdict | None:
    """Refuse a plan that would take away members who are not Syncdeck's, or not any more."""
    if not scene.guards.managed_only:
        return None
    taken = scene.unmanaged_changes
    refusal = ""
    if taken:
        others = f" and {len(taken) - 1} more" if len(taken) > 1 else ""
        refusal = (
            f"The plan takes {taken[0]}{others} away from {scene.target}, whom Syncdeck did not add or adopt "
            f"(guards.managed_only of sync {scene.sync}). Adopt them, leave them out of the selection, or approve this "
            "plan with an override of managed_only."
        )
    return Verdict(guard="managed_only", observed=len(taken), limit=0, unit="members", refusal=refusal)


SOURCE_GUARDS: tuple[Callable[[SourceScene], Verdict | None], ...] = (min_source, max_source_drop_percent)
TARGET_GUARDS: tuple[Callable[[TargetScene], Verdict | None], ...] = (
    max_removals,
    max_removal_percent,
    window_removal_percent,
    min_left,
    protect,
    managed_only,
    max_additions,
    max_updates,
)


Scene = TypeVar("Scene", SourceScene, TargetScene)


def _verdicts(guards: Sequence[Callable[[Scene], Verdict | None]], scene: Scene) -> tuple[Verdict, ...]:
    return tuple(verdict for guard in guards if (verdict := guard(scene)) is not None)


def _most(guard: str, scene: TargetScene, observed: int, limit: int | None, act: str) -> Verdict | None:
    if limit is None:
        return None
    refusal = ""
    if observed > limit:
        refusal = (
            f"The plan {act.format(members(observed))} {scene.target}, which has {scene.members}; at most {limit} may "
            f"be in one plan. {scene.proceed(guard)}"
        )
    return Verdict(guard=guard, observed=observed, limit=limit, unit="changes", refusal=refusal)
