"""A journal in dictionaries that keeps the contract, and can die at its n-th write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec.structs import replace

from engine.errors import Locked, NothingFound
from engine.reconcile.history import (
    Approval,
    Digest,
    Grant,
    Health,
    ItemState,
    Lease,
    PlanState,
    PlanSummary,
    RunId,
    RunItem,
    RunState,
    RunSummary,
    TargetStatus,
    Token,
)
from engine.reconcile.journal import Journal
from engine.reconcile.plan import Action, Plan, TargetPlan, items
from engine.reconcile.records import Fingerprint, RecordKey, fold


class Crash(BaseException):
    """The process is gone: nothing catches this."""


@dataclass
class _Run:
    summary: RunSummary
    plan: Plan
    items: list[RunItem]
    process: int
    stop: bool = False


@dataclass
class MemoryJournal(Journal):
    """One workspace's memory. `crash_at` counts writes from 1; `crash_before` tells whether that write is lost."""

    crash_at: int = 0
    crash_before: bool = False
    writes: int = 0
    process: int = 1
    bodies: dict[Digest, tuple[Plan, bytes]] = field(default_factory=dict)
    decisions: list[Approval] = field(default_factory=list)
    all_runs: list[_Run] = field(default_factory=list)
    leases: dict[str, Lease] = field(default_factory=dict)
    tokens: Counter[str] = field(default_factory=Counter)
    grants: dict[str, Grant] = field(default_factory=dict)
    reads: dict[str, list[Fingerprint]] = field(default_factory=dict)
    ledger: dict[str, set[RecordKey]] = field(default_factory=dict)
    statuses: dict[tuple[str, str], TargetStatus] = field(default_factory=dict)
    intents: list[tuple[RunId, tuple[int, ...]]] = field(default_factory=list)

    def restart(self) -> None:
        """Begin again as another process: the old one's leases are free, as its process is gone."""
        self.crash_at, self.writes = 0, 0
        self.process += 1
        self.leases.clear()

    def _dies_before(self) -> None:
        self.writes += 1
        if self.crash_at and (self.writes > self.crash_at or (self.writes == self.crash_at and self.crash_before)):
            raise Crash

    def _dies_after(self) -> None:
        if self.writes == self.crash_at:
            raise Crash

    async def keep_plan(self, digest: Digest, plan: Plan, body: bytes) -> None:
        self._dies_before()
        self.bodies.setdefault(digest, (plan, body))
        self._dies_after()

    async def plan_body(self, digest_prefix: str) -> tuple[Digest, bytes]:
        fitting = [digest for digest in self.bodies if digest.startswith(digest_prefix)]
        if len(fitting) != 1:
            raise NothingFound(f"{len(fitting)} plans begin with {digest_prefix}.")
        return fitting[0], self.bodies[fitting[0]][1]

    async def plans(self, *, sync: str | None, limit: int) -> Sequence[tuple[PlanSummary, Sequence[Approval]]]:
        newest_first = [
            (self._plan_summary(digest, plan), await self.approvals(digest))
            for digest, (plan, _) in reversed(self.bodies.items())
            if sync in (None, plan.sync)
        ]
        return newest_first[:limit]

    def _plan_summary(self, digest: Digest, plan: Plan) -> PlanSummary:
        applied = any(run.summary.digest == digest for run in self.all_runs)
        return PlanSummary(
            digest=digest,
            sync=plan.sync,
            created_at=plan.created_at,
            created_by=plan.created_by,
            expires_at=plan.expires_at,
            state=PlanState.APPLIED if applied else PlanState.OPEN,
            counts=Counter(change.action.value for _, _, change in items(plan)),
            parked=sum(len(target.parked) for target in plan.targets),
            refusals=tuple(verdict.refusal for verdict in plan.refusals),
            errors=tuple(filter(None, [plan.error, *(target.error for target in plan.targets)])),
            parent=plan.parent,
            undoes=plan.undoes,
        )

    async def decide(self, approval: Approval) -> None:
        self._dies_before()
        self.decisions.append(approval)
        self._dies_after()

    async def approvals(self, digest: Digest) -> Sequence[Approval]:
        return [approval for approval in self.decisions if approval.digest == digest]

    async def start_run(self, digest: Digest, plan: Plan, actor: str, at: datetime) -> RunId:
        self._dies_before()
        run = RunId(len(self.all_runs) + 1)
        pending = [
            RunItem(
                index=index,
                item=item,
                target=target.target,
                action=change.action,
                key=change.key,
                spelling=change.spelling,
                state=ItemState.PENDING,
            )
            for index, (item, target, change) in enumerate(items(plan))
        ]
        summary = RunSummary(
            run=run, digest=digest, sync=plan.sync, state=RunState.RUNNING, started_at=at, started_by=actor
        )
        self.all_runs.append(_Run(summary, plan, pending, self.process))
        self._dies_after()
        return run

    async def intend(self, run: RunId, indexes: Sequence[int], lease: Lease, at: datetime) -> None:
        self._dies_before()
        if self.tokens[lease.name] != lease.token:
            raise Locked(f"Somebody else holds {lease.name}.")
        kept = self._find(run)
        for index in indexes:
            item = kept.items[index]
            kept.items[index] = replace(item, state=ItemState.INTENT, attempt=item.attempt + 1, at=at)
        self.intents.append((run, tuple(indexes)))
        self._dies_after()

    async def conclude(self, run: RunId, items: Sequence[RunItem], at: datetime) -> None:
        self._dies_before()
        kept = self._find(run)
        for item in items:
            kept.items[item.index] = replace(item, at=at)
            self._note_owner(kept.plan, item)
        self._dies_after()

    def _note_owner(self, plan: Plan, item: RunItem) -> None:
        owned = self.ledger.setdefault(item.target, set())
        done = item.state is ItemState.DONE
        taken_back = item.state is ItemState.DRIFTED and item.attempt > 0
        match item.action:
            case Action.ADD if done:
                owned.add(item.key)
            case Action.REMOVE if done or taken_back or item.state is ItemState.ALREADY:
                owned.discard(item.key)
            case Action.RENAME if done and item.key in owned:
                owned.discard(item.key)
                owned.add(fold(next(c.renamed_to for name, _, c in items(plan) if name == item.item)))
            case _:
                pass

    async def end_run(self, run: RunId, state: RunState, verdict: str, verified: bool | None, at: datetime) -> None:
        self._dies_before()
        kept = self._find(run)
        if kept.process == self.process:
            kept.summary = replace(kept.summary, state=state, verdict=verdict, verified=verified, ended_at=at)
        self._dies_after()

    async def reopen_run(self, run: RunId, actor: str, at: datetime) -> None:
        self._dies_before()
        kept = self._find(run)
        kept.summary = replace(kept.summary, state=RunState.RUNNING, ended_at=None, verdict="", verified=None)
        kept.process, kept.stop = self.process, False
        self._dies_after()

    async def ask_to_stop(self, run: RunId, actor: str, at: datetime) -> None:
        self._find(run).stop = True

    async def asked_to_stop(self, run: RunId) -> bool:
        return self._find(run).stop

    async def runs(self, *, sync: str | None, limit: int) -> Sequence[RunSummary]:
        newest_first = [self._summary(run) for run in reversed(self.all_runs) if sync in (None, run.summary.sync)]
        return newest_first[:limit]

    async def run_of(self, digest: Digest) -> RunId | None:
        return max((run.summary.run for run in self.all_runs if run.summary.digest == digest), default=None)

    async def run(self, run: RunId) -> RunSummary:
        return self._summary(self._find(run))

    def _summary(self, run: _Run) -> RunSummary:
        gone = run.summary.state is RunState.RUNNING and run.process != self.process
        counts = Counter(item.state.value for item in run.items)
        return replace(run.summary, counts=counts, state=RunState.INTERRUPTED if gone else run.summary.state)

    async def run_items(
        self, run: RunId, *, states: Sequence[ItemState] = (), offset_index: int = 0, limit: int = 0
    ) -> Sequence[RunItem]:
        wanted = [item for item in self._find(run).items[offset_index:] if not states or item.state in states]
        return wanted[:limit] if limit else wanted

    def _find(self, run: RunId) -> _Run:
        if not 1 <= run <= len(self.all_runs):
            raise NothingFound(f"There is no run {run}.")
        return self.all_runs[run - 1]

    async def take_lease(
        self, name: str, holder: str, ttl: timedelta, at: datetime, grant: Grant | None = None
    ) -> Lease:
        self._dies_before()
        held, before = self.leases.get(name), self.grants.get(name)
        newer = grant is not None and before is not None and before.space == grant.space and before.token < grant.token
        if grant is not None and before is not None and before.space == grant.space and before.token > grant.token:
            raise Locked(f"{name} was taken under grant {before.token} of its lock.")
        if held is not None and held.expires_at > at and not newer:
            raise Locked(f"{held.holder} holds {name} since {held.since:%H:%M:%S}.")
        self.grants[name] = grant or Grant(space="", token=0)
        self.tokens[name] += 1
        lease = Lease(name=name, holder=holder, token=Token(self.tokens[name]), since=at, expires_at=at + ttl)
        self.leases[name] = lease
        self._dies_after()
        return lease

    async def renew_lease(self, lease: Lease, ttl: timedelta, at: datetime) -> Lease:
        if self.tokens[lease.name] != lease.token or lease.name not in self.leases:
            raise Locked(f"Somebody else took {lease.name}.")
        self.leases[lease.name] = replace(lease, expires_at=at + ttl)
        return self.leases[lease.name]

    async def release_lease(self, lease: Lease) -> None:
        self._dies_before()
        held = self.leases.get(lease.name)
        if held is not None and held.token == lease.token:
            del self.leases[lease.name]
        self._dies_after()

    async def source_read(self, sync: str, fingerprint: Fingerprint, at: datetime) -> None:
        self._dies_before()
        self.reads.setdefault(sync, []).append(fingerprint)
        self._dies_after()

    async def recent_source_counts(self, sync: str, limit: int) -> Sequence[int]:
        return [read.count for read in self.reads.get(sync, [])[-limit:]]

    async def removals_since(self, sync: str, target: str, since: datetime) -> int:
        return sum(
            item.target == target
            and item.action is Action.REMOVE
            and (item.state in (ItemState.DONE, ItemState.INTENT) or (item.state is ItemState.DRIFTED and item.attempt))
            and item.at is not None
            and item.at >= since
            for run in self.all_runs
            if run.summary.sync == sync
            for item in run.items
        )

    async def owned(self, target: str) -> frozenset[RecordKey]:
        return frozenset(self.ledger.get(target, ()))

    async def adopt(self, target: str, keys: Sequence[RecordKey], actor: str, at: datetime) -> None:
        self._dies_before()
        self.ledger.setdefault(target, set()).update(keys)
        self._dies_after()

    async def note_target(self, sync: str, target_plan: TargetPlan, failure: str, at: datetime) -> TargetStatus:
        self._dies_before()
        known = self.statuses.get((sync, target_plan.target))
        status = TargetStatus(
            sync=sync,
            target=target_plan.target,
            health=_health(target_plan, known),
            as_of=at,
            counts=_counts(target_plan),
            parked=len(target_plan.parked),
            reason=known.reason if known and known.health is Health.QUARANTINED else failure or target_plan.error,
            failures=(known.failures if known else 0) + 1 if failure else 0,
            members=target_plan.snapshot.fingerprint.count if target_plan.snapshot else None,
        )
        self.statuses[sync, target_plan.target] = status
        self._dies_after()
        return status

    async def target_statuses(self) -> Sequence[TargetStatus]:
        return list(self.statuses.values())

    async def quarantine(self, sync: str, target: str, reason: str, actor: str, at: datetime) -> None:
        self._dies_before()
        known = self.statuses.get((sync, target), TargetStatus(sync=sync, target=target, health=Health.UNKNOWN))
        health = Health.QUARANTINED if reason else Health.UNKNOWN
        failures = known.failures if reason else 0
        self.statuses[sync, target] = replace(known, health=health, reason=reason, failures=failures, as_of=at)
        self._dies_after()


def _health(target_plan: TargetPlan, known: TargetStatus | None) -> Health:
    if known is not None and known.health is Health.QUARANTINED:
        return Health.QUARANTINED
    if target_plan.error:
        return Health.UNKNOWN
    return Health.OUT_OF_STEP if target_plan.changes else Health.IN_STEP


def _counts(target_plan: TargetPlan) -> Mapping[str, int]:
    return Counter(change.action.value for change in target_plan.changes)
