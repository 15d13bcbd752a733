"""The end of a run: its state, its verdict, and what is remembered of its targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec.structs import replace

from engine.reconcile.acting.account import ENDED_WELL
from engine.reconcile.acting.means import Means
from engine.reconcile.acting.outset import RECENT_READS
from engine.reconcile.acting.quarantine import remember
from engine.reconcile.history import ItemState, RunId, RunState
from engine.reconcile.plan import Action, Change, Plan, Snapshot
from engine.reconcile.results import RunResult, StoredPlan, TargetResult
from engine.settings.model import SyncSettings


async def close(
    means: Means, sync: SyncSettings, run: RunId, stored: StoredPlan, results: Sequence[TargetResult], *, stopped: bool
) -> RunResult:
    """End the run in the journal, remember how each target stands, and tell the watchers."""
    items = await means.journal.run_items(run)
    counts = Counter(item.state for item in items)
    verified = _verified(results, counts)
    verdict = " ".join(filter(None, [*(result.verdict for result in results), *(result.error for result in results)]))
    state = _state(counts, results, stopped=stopped, verified=verified)
    await means.journal.end_run(run, state, verdict or "There was nothing to do.", verified, means.now())
    left = {item.index for item in items if item.state not in ENDED_WELL}
    await _remember(means, sync, stored, left, results)
    summary = await means.journal.run(run)
    means.tell("run.ended", str(run), summary)
    return RunResult(summary=summary, targets=tuple(results))


def _verified(results: Sequence[TargetResult], counts: Counter[ItemState]) -> bool | None:
    """True only if everything the plan wanted was read back; None when some target was not read and none is amiss, or
    when there was nothing to read back."""
    if any(result.verified is False for result in results):
        return False
    if not results or any(result.verified is None for result in results):
        return None
    return all(state in ENDED_WELL for state, count in counts.items() if count)


def _state(
    counts: Counter[ItemState], results: Sequence[TargetResult], *, stopped: bool, verified: bool | None
) -> RunState:
    done_well = sum(counts[state] for state in ENDED_WELL)
    if done_well == counts.total():
        return RunState.PARTIAL if verified is False else RunState.DONE
    if stopped:
        return RunState.CANCELLED
    return RunState.FAILED if any(result.error for result in results) and not done_well else RunState.PARTIAL


async def _remember(
    means: Means, sync: SyncSettings, stored: StoredPlan, left: set[int], results: Sequence[TargetResult]
) -> None:
    by_target = {result.target: result for result in results}
    index = 0
    for target in stored.plan.targets:
        if (result := by_target.get(target.target)) is not None:
            open_ends = tuple(change for at, change in enumerate(target.changes, index) if at in left)
            done = tuple(change for at, change in enumerate(target.changes, index) if at not in left)
            doubt = "" if open_ends else _doubt(stored.plan, result)
            after = replace(target, changes=open_ends, snapshot=_resized(target.snapshot, done), error=doubt)
            await remember(means, sync, after, result.error)
        index += len(target.changes)
    await _accept_source(means, stored)


def _doubt(plan: Plan, result: TargetResult) -> str:
    """Return why a target may be out of step although all that the plan wanted was done, or nothing."""
    if plan.undoes:
        return f"Run {plan.undoes} was taken back. Plan again to see how it stands."
    if plan.parent:
        return "Only chosen changes of a plan were carried out. Plan again to see what is left."
    return " ".join(result.unplanned)


def _resized(snapshot: Snapshot | None, done: Sequence[Change]) -> Snapshot | None:
    """Return the snapshot with as many members as there are after these changes."""
    if snapshot is None:
        return None
    grown = sum((change.action is Action.ADD) - (change.action is Action.REMOVE) for change in done)
    count = max(0, snapshot.fingerprint.count + grown)
    return replace(snapshot, fingerprint=replace(snapshot.fingerprint, count=count))


async def _accept_source(means: Means, stored: StoredPlan) -> None:
    """Remember the size of a source whose guard somebody lifted: an approved shrinking outweighs what was seen
    before, or the same approval would be asked for again and again."""
    source = stored.plan.source
    lifted = {name for approval in stored.approvals for name in approval.overrides}
    if source is not None and any(verdict.refusal and verdict.guard in lifted for verdict in stored.plan.source_guards):
        for _ in range(RECENT_READS // 2 + 1):
            await means.journal.source_read(stored.plan.sync, source.fingerprint, means.now())
