"""An engine for the console's tests: the real façade over a scripted reconciler and a log in a list.

Decisions of the scripted reconciler follow the documented rules closely enough for screens; whatever it is told or
asked stands in `asked`, in order.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from engine.assembly import Engine
from engine.clock import Clock
from engine.errors import NothingFound, SyncdeckError
from engine.events.event import Dot, Event, NewEvent, Position
from engine.events.log import EventLog, Filter, Version
from engine.events.vector import Vector, merge
from engine.notices import Notice, Notices
from engine.reconcile.history import (
    Approval,
    Decision,
    Digest,
    ItemState,
    PlanState,
    PlanSummary,
    RunId,
    RunItem,
    RunState,
    RunSummary,
    SyncStatus,
)
from engine.reconcile.inspection import Inspection
from engine.reconcile.plan import Action, Plan, items
from engine.reconcile.reconciler import Reconciler
from engine.reconcile.results import Readiness, RunResult, StoredPlan, TargetResult
from engine.settings.model import Workspace
from tests.doubles.clock import ManualClock
from tests.doubles.conflicts import ScriptedConflicts
from tests.doubles.coordination import ScriptedCoordination
from tests.doubles.event_pages import MemoryEventPages, event
from tests.doubles.log_care import RestingLogCare
from tests.doubles.plans import digest_of
from tests.doubles.replication import ScriptedReplication

ACTOR = "ann@desk"


@dataclass
class ScriptedReconciler(Reconciler):
    """Plans and runs in dictionaries. `fail` names a method and the error it raises once."""

    clock: Clock
    notices: Notices
    kept: dict[Digest, Plan] = field(default_factory=dict)
    decided: list[Approval] = field(default_factory=list)
    done: dict[RunId, RunSummary] = field(default_factory=dict)
    run_item_lists: dict[RunId, list[RunItem]] = field(default_factory=dict)
    statuses: tuple[SyncStatus, ...] = ()
    confirm_word: str = ""
    approval_required: bool = False
    asked: list[tuple[object, ...]] = field(default_factory=list)
    fail: dict[str, SyncdeckError] = field(default_factory=dict)
    hold: asyncio.Event | None = None
    """An apply waits for this between its first progress notice and its end."""
    next_plans: list[Plan] = field(default_factory=list)

    def add(self, plan: Plan) -> Digest:
        """Keep a plan before the test begins."""
        digest = digest_of(plan)
        self.kept[digest] = plan
        return digest

    def _asked(self, name: str, *details: object) -> None:
        self.asked.append((name, *details))
        if name in self.fail:
            raise self.fail.pop(name)

    def _find(self, prefix: str) -> Digest:
        found = [digest for digest in self.kept if digest.startswith(prefix)]
        if len(found) != 1:
            raise NothingFound(f"There is no plan {prefix}. `syncdeck plan` makes one.")
        return found[0]

    def _state(self, digest: Digest) -> PlanState:
        plan = self.kept[digest]
        decisions = [one for one in self.decided if one.digest == digest]
        if any(one.decision is Decision.REJECT for one in decisions):
            return PlanState.REJECTED
        if any(run.digest == digest for run in self.done.values()):
            return PlanState.APPLIED
        if not plan.change_count:
            return PlanState.EMPTY
        lifted = {name for one in decisions for name in one.overrides}
        if any(verdict.guard not in lifted for verdict in plan.refusals):
            return PlanState.REFUSED
        if any(one.decision is Decision.APPROVE for one in decisions):
            return PlanState.APPROVED
        return PlanState.WAITING if self.approval_required else PlanState.OPEN

    async def plan(
        self, sync: str, targets: Sequence[str] = (), *, keep: bool = True, like: StoredPlan | None = None
    ) -> StoredPlan:
        self._asked("plan", sync)
        return await self.load(self.add(self.next_plans.pop(0)))

    async def keep(self, plan: Plan) -> StoredPlan:
        return await self.load(self.add(plan))

    async def load(self, digest_prefix: str) -> StoredPlan:
        self._asked("load", digest_prefix)
        digest = self._find(digest_prefix)
        return StoredPlan(
            digest=digest,
            plan=self.kept[digest],
            state=self._state(digest),
            approvals=tuple(one for one in self.decided if one.digest == digest),
        )

    async def plans(self, *, sync: str | None = None, limit: int = 100) -> Sequence[PlanSummary]:
        self._asked("plans", sync)
        newest = sorted(self.kept.items(), key=lambda pair: pair[1].created_at, reverse=True)
        return [
            PlanSummary(
                digest=digest,
                sync=plan.sync,
                created_at=plan.created_at,
                created_by=plan.created_by,
                expires_at=plan.expires_at,
                state=self._state(digest),
                counts={action.value: sum(target.count(action) for target in plan.targets) for action in Action},
                parked=sum(len(target.parked) for target in plan.targets),
                refusals=tuple(verdict.refusal for verdict in plan.refusals),
                errors=tuple(target.error for target in plan.targets if target.error),
                parent=plan.parent,
                undoes=plan.undoes,
            )
            for digest, plan in newest
            if sync in {None, plan.sync}
        ][:limit]

    async def select(self, digest_prefix: str, chosen: Sequence[str]) -> StoredPlan:
        self._asked("select", digest_prefix, tuple(chosen))
        digest = self._find(digest_prefix)
        plan = self.kept[digest]
        wanted = {
            name
            for name, target, change in items(plan)
            if any(fnmatch(name, one) or one == target.target for one in chosen)
        }
        if not wanted:
            raise NothingFound(f"Nothing of plan {digest[:8]} fits {', '.join(chosen)}.")
        derived = replace(
            plan,
            parent=digest,
            targets=tuple(
                replace(
                    target,
                    changes=tuple(
                        change for change in target.changes if f"{target.target}/{change.action}/{change.key}" in wanted
                    ),
                )
                for target in plan.targets
            ),
        )
        return await self.load(self.add(derived))

    async def readiness(self, digest_prefix: str) -> Readiness:
        self._asked("readiness", digest_prefix)
        digest = self._find(digest_prefix)
        plan, state = self.kept[digest], self._state(digest)
        lifted = {name for one in self.decided if one.digest == digest for name in one.overrides}
        refusals = tuple(verdict for verdict in plan.refusals if verdict.guard not in lifted)
        missing = self.approval_required and state is not PlanState.APPROVED
        obstacles = [verdict.refusal for verdict in refusals]
        obstacles += ["This plan waits for an approval."] if missing else []
        removals = sum(target.count(Action.REMOVE) for target in plan.targets)
        return Readiness(
            digest=digest,
            state=state,
            obstacles=tuple(obstacles),
            refusals=refusals,
            needs_approval=missing,
            confirm_word=self.confirm_word,
            removals=removals,
        )

    async def approve(self, digest_prefix: str, *, comment: str = "", overrides: Sequence[str] = ()) -> Approval:
        self._asked("approve", comment, tuple(overrides))
        return self._decide(digest_prefix, Decision.APPROVE, comment, tuple(overrides))

    async def reject(self, digest_prefix: str, *, comment: str = "") -> Approval:
        self._asked("reject", comment)
        return self._decide(digest_prefix, Decision.REJECT, comment, ())

    def _decide(self, prefix: str, decision: Decision, comment: str, overrides: tuple[str, ...]) -> Approval:
        approval = Approval(
            digest=self._find(prefix),
            decision=decision,
            approver=ACTOR,
            at=self.clock.now(),
            comment=comment,
            overrides=overrides,
        )
        self.decided.append(approval)
        return approval

    async def apply(self, digest_prefix: str, *, confirmed: bool = False) -> RunResult:
        self._asked("apply", digest_prefix, confirmed)
        digest = self._find(digest_prefix)
        plan = self.kept[digest]
        number = RunId(len(self.done) + 1)
        self.run_item_lists[number] = [
            RunItem(
                index=index,
                item=name,
                target=target.target,
                action=change.action,
                key=change.key,
                spelling=change.spelling,
                state=ItemState.PENDING,
            )
            for index, (name, target, change) in enumerate(items(plan))
        ]
        self.done[number] = RunSummary(
            run=number, digest=digest, sync=plan.sync, state=RunState.RUNNING,
            started_at=self.clock.now(), started_by=ACTOR, counts={"pending": plan.change_count},
        )  # fmt: skip
        self.notices.publish(Notice(topic="run.started", subject=str(number), detail=digest))
        if self.hold is not None:
            await self.hold.wait()
        return self.finish(number)

    def finish(self, number: RunId, *, failed: Mapping[int, str] | None = None) -> RunResult:
        """End a run: everything is done but what `failed` gives a reason for, by index."""
        failed = failed or {}
        ended = [
            replace(
                item,
                state=ItemState.FAILED if item.index in failed else ItemState.DONE,
                reason=failed.get(item.index, ""),
                attempt=1,
                at=self.clock.now(),
            )
            for item in self.run_item_lists[number]
        ]
        self.run_item_lists[number] = ended
        counts = {state.value: sum(item.state is state for item in ended) for state in ItemState}
        self.done[number] = replace(
            self.done[number],
            state=RunState.PARTIAL if failed else RunState.DONE,
            ended_at=self.clock.now(),
            counts={name: count for name, count in counts.items() if count},
            verdict="Every target was read back and holds what the plan wanted.",
            verified=not failed,
        )
        targets = tuple(
            TargetResult(
                target=target,
                counts={"done": sum(item.target == target for item in ended)},
                verified=not failed,
                verdict="Read back: as planned.",
                unplanned=("zoe@acme.example was added by somebody else",),
            )
            for target in dict.fromkeys(item.target for item in ended)
        )
        result = RunResult(summary=self.done[number], targets=targets)
        self.notices.publish(Notice(topic="run.ended", subject=str(number), detail=result.summary))
        return result

    async def cancel(self, run: RunId) -> None:
        self._asked("cancel", run)
        self.done[run] = replace(self.done[run], state=RunState.CANCELLED, ended_at=self.clock.now())

    async def resume(self, run: RunId) -> RunResult:
        self._asked("resume", run)
        return self.finish(run)

    async def undo(self, run: RunId) -> StoredPlan:
        self._asked("undo", run)
        plan = self.kept[self.done[run].digest]
        return await self.load(self.add(replace(plan, undoes=str(run), created_at=self.clock.now())))

    async def runs(self, *, sync: str | None = None, limit: int = 100) -> Sequence[RunSummary]:
        self._asked("runs", sync)
        return [run for run in reversed(self.done.values()) if sync in {None, run.sync}][:limit]

    async def run(self, run: RunId) -> RunSummary:
        if run not in self.done:
            raise NothingFound(f"There is no run {run}.")
        return self.done[run]

    async def run_items(
        self, run: RunId, *, states: Sequence[ItemState] = (), offset_index: int = 0, limit: int = 0
    ) -> Sequence[RunItem]:
        found = [
            item
            for item in self.run_item_lists[run]
            if item.index >= offset_index and (not states or item.state in states)
        ]
        return found[:limit] if limit else found

    async def overview(self) -> Sequence[SyncStatus]:
        return self.statuses

    async def release(self, sync: str, target: str) -> None:
        self._asked("release", sync, target)

    def next_run(self, sync: str, now: datetime) -> datetime | None:
        return None


@dataclass
class ListedLog(EventLog):
    """An event log over the same list as the pages."""

    pages: MemoryEventPages

    async def append(
        self, events: Sequence[NewEvent], *, expected: Mapping[str, Version] | None = None, own: bool = False
    ) -> Sequence[Event]:
        first = self.pages.bounds()[1] + 1
        written = [
            event(first + number, new.type, new.aggregate_id, new.data, dict(new.metadata))
            for number, new in enumerate(events)
        ]
        self.pages.add(*written)
        return written

    async def page(
        self, after: Position, limit: int, where: Filter | None = None, *, backwards: bool = False
    ) -> Sequence[Event]:
        first, last = self.pages.bounds()
        low, high = (first, after - 1) if backwards else (after + 1, last)
        found = self.pages.at(self.pages.matching(where or Filter(), low, min(high, last)))
        return list(reversed(found))[:limit] if backwards else found[:limit]

    async def bounds(self) -> tuple[Position, Position]:
        return self.pages.bounds()

    async def count(self, where: Filter, limit: int = 10_000) -> int:
        return min(limit + 1, len(self.pages.matching(where, *self.pages.bounds())))

    async def history(self, aggregate: str, *, until: Position | None = None) -> Sequence[Event]:
        found = [one for one in self.pages.events if one.aggregate_id == aggregate]
        return [one for one in found if until is None or one.position <= until]

    async def version(self, aggregate: str) -> tuple[int, Vector]:
        events = await self.history(aggregate)
        return len(events), merge(*({one.origin: one.seq} for one in events))

    async def vector(self) -> Vector:
        return merge(*({one.origin: one.seq} for one in self.pages.events))

    async def at_dot(self, dot: Dot) -> Event | None:
        return next((one for one in self.pages.events if one.dot == dot), None)

    async def by_ids(self, identities: Collection[str]) -> Mapping[str, Event]:
        return {one.id: one for one in self.pages.events if one.id in identities}

    async def counts_by_type(self) -> Mapping[str, int]:
        return Counter(one.type for one in self.pages.events)

    async def follow(self, after: Position, where: Filter | None = None) -> AsyncIterator[Event]:
        for one in await self.page(after, 1_000_000, where):
            yield one


@dataclass
class ScriptedEngine:
    """What a test arranges before, and reads after: `opening` is what the App is started with."""

    clock: ManualClock = field(default_factory=ManualClock)
    notices: Notices = field(default_factory=Notices)
    pages: MemoryEventPages = field(default_factory=MemoryEventPages)
    inspection: Inspection | None = None
    """For screens that inspect; the others never ask."""
    catalogue: Any = None
    """For screens that edit the settings; the others never ask."""
    read: Callable[[], Workspace] | None = None
    """Reads the settings each time it is opened, for tests that write them."""
    workspace: Workspace = field(
        default_factory=lambda: Workspace(
            folder=Path("acme"),
            file=Path("acme/syncdeck.yaml"),
            node="desk",
            state=Path("acme/.syncdeck/state.db"),
            title="acme",
        )
    )

    def __post_init__(self) -> None:
        self.replication = ScriptedReplication(clock=self.clock, notices=self.notices)
        self.conflicts = ScriptedConflicts(self.pages, notices=self.notices)
        self.coordination = ScriptedCoordination(self.clock, self.notices)
        self.reconciler = ScriptedReconciler(clock=self.clock, notices=self.notices)

    @asynccontextmanager
    async def opening(self) -> AsyncIterator[Engine]:
        """Open it, as the console does on its engine's thread."""
        if self.read is not None:
            self.workspace = self.read()
        yield Engine(
            workspace=self.workspace,
            catalogue=self.catalogue,
            clock=self.clock,
            actor=ACTOR,
            read_only=False,
            notices=self.notices,
            log=ListedLog(self.pages),
            event_pages=self.pages,
            reconcile=self.reconciler,
            inspection=self.inspection,  # type: ignore[arg-type]
            care=None,  # type: ignore[arg-type]
            replication=self.replication,
            replica=None,  # type: ignore[arg-type]
            responder=None,  # type: ignore[arg-type]
            log_care=RestingLogCare(),
            conflicts=self.conflicts,  # type: ignore[arg-type]
            coordination=self.coordination,  # type: ignore[arg-type]
            work=None,  # type: ignore[arg-type]
        )
