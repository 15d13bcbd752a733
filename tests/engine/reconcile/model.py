"""A target in a dictionary, and short ways to plan for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from engine.reconcile.comparing.difference import Comparison, Difference
from engine.reconcile.comparing.wanted import Wanted, WantedCollector
from engine.reconcile.deciding.planning import Occasion, TargetReading, make_plan
from engine.reconcile.deciding.staleness import Held, HeldCollector
from engine.reconcile.history import ItemState, RunItem
from engine.reconcile.plan import Action, Change, Plan, TargetPlan, items
from engine.reconcile.ports import Found, Limits, Miss
from engine.reconcile.records import Batch, RecordKey, Value, fold
from engine.settings.model import GuardSettings, SyncSettings

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
EVERYTHING = Limits(actions=frozenset(Action), batch_size=1_000)
NO_LIMITS = GuardSettings(
    max_removals=None,
    max_removal_percent=None,
    max_additions=None,
    min_source=0,
    max_source_drop_percent=None,
    window_removal_percent=None,
)
Record = tuple[str, Mapping[str, Value]]


def sync_of(**settings: object) -> SyncSettings:
    """Return a sync from `people` to `list`, without guards unless some are given."""
    given = {"name": "eng", "source": "people", "targets": ("list",), "guards": NO_LIMITS, **settings}
    return SyncSettings(**given)  # type: ignore[arg-type]


def batch_of(records: Iterable[Record], names: Sequence[str] = (), *, proof: str = "end") -> Batch:
    """Return records as a whole read in one batch."""
    listed = list(records)
    found = tuple(names) or tuple(sorted({name for _, attributes in listed for name in attributes}))
    return Batch(
        spellings=[spelling for spelling, _ in listed],
        names=found,
        rows=[tuple(attributes.get(name) for name in found) for _, attributes in listed] if found else (),
        proof=proof,
    )


def wanted_of(sync: SyncSettings, source: Batch) -> Wanted:
    """Return what a source read in one batch wants."""
    collector = WantedCollector(sync)
    collector.add(source)
    return collector.finish(NOW)


def compared(sync: SyncSettings, source: Batch, target: Batch) -> Difference:
    """Return the difference of two sides read in one batch each."""
    comparison = Comparison(wanted_of(sync, source), sync, "list")
    comparison.add(target)
    return comparison.finish(NOW)


def planned(
    sync: SyncSettings,
    source: Batch,
    target: Batch,
    answers: Mapping[str, Found | Miss] | None = None,
    **reading: object,
) -> Plan:
    """Return the plan for one target. Look-ups find everybody as he is spelled, unless `answers` says otherwise."""
    difference = compared(sync, source, target)
    found: dict[str, Found | Miss] = dict.fromkeys(difference.to_resolve(), Found())
    found.update(answers or {})
    known = {"limits": EVERYTHING, **reading}
    wanted = wanted_of(sync, source)
    target_reading = TargetReading(target="list", difference=difference, answers=found, **known)  # type: ignore[arg-type]
    return make_plan(sync, wanted, [target_reading], Occasion(now=NOW, actor="ann", config_digest="c" * 64))


def only(plan: Plan) -> TargetPlan:
    """Return the plan's one target."""
    (target,) = plan.targets
    return target


def acts(plan: Plan) -> list[tuple[str, str]]:
    """Return (action, spelling) of every change, in order."""
    return [(str(change.action), change.spelling) for change in only(plan).changes]


def reasons(plan: Plan) -> dict[str, str]:
    """Return the parked records' reasons by spelling."""
    return {parked.spelling: parked.reason for parked in only(plan).parked}


class DictTarget:
    """Holds members by folded key, as (spelling, attributes); carries changes out to the letter."""

    def __init__(self, records: Iterable[Record], names: Sequence[str] = ()) -> None:
        self.names = tuple(names)
        self.members: dict[RecordKey, Record] = {fold(spelling): (spelling, dict(kept)) for spelling, kept in records}

    def read(self) -> Batch:
        return batch_of(self.members.values(), self.names)

    def carry_out(self, changes: Iterable[Change]) -> None:
        """Do what the changes say; a removal that is not spelled as the member is does nothing (as Slack's did)."""
        for change in changes:
            member = self.members.get(change.key)
            if change.action is not Action.ADD and (member is None or member[0] != change.spelling):
                continue
            if change.action in (Action.REMOVE, Action.RENAME):
                del self.members[change.key]
            if change.action is not Action.REMOVE:
                spelling = change.renamed_to or change.spelling
                self.members[fold(spelling)] = (spelling, dict(change.after or {}))

    def held(self, plan: Plan, sync: SyncSettings) -> Held:
        collector = HeldCollector(only(plan), sync)
        collector.add(self.read())
        return collector.finish(NOW)


def all_done(plan: Plan) -> list[RunItem]:
    """Return the items of a run in which every change was done."""
    return [
        RunItem(
            index=index,
            item=name,
            target=target.target,
            action=change.action,
            key=change.key,
            spelling=change.spelling,
            state=ItemState.DONE,
        )
        for index, (name, target, change) in enumerate(items(plan))
    ]
