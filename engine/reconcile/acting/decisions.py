"""What people decide about plans: look at one, choose from it, approve, reject."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from engine.errors import NotApproved, PlanUnreadable, SyncdeckError
from engine.reconcile.acting.means import Means
from engine.reconcile.acting.outset import CONFIRMED, Outset, circumstances, least_members
from engine.reconcile.deciding.approval import check_decision, confirm_word, lift, may_approve, needs_approval
from engine.reconcile.deciding.guards import judge
from engine.reconcile.deciding.planfile import decode, encode
from engine.reconcile.deciding.selection import derive
from engine.reconcile.history import Approval, Decision, Digest, PlanState, PlanSummary
from engine.reconcile.plan import Action, Plan, TargetPlan
from engine.reconcile.results import Readiness, StoredPlan

RECENT = 20
"""How many plans back an approved one is looked for."""

ESSENCES = 500
"""How many plans are remembered in short for lists."""


class Decisions:
    """Kept plans and what was decided about them."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._outset = Outset(means=means)
        self._essences: dict[Digest, Plan] = {}

    async def keep(self, plan: Plan) -> StoredPlan:
        """Keep a plan under its digest."""
        encoded = encode(plan)
        await self._means.journal.keep_plan(encoded.digest, plan, encoded.body)
        return await self.load(encoded.digest)

    async def load(self, digest_prefix: str) -> StoredPlan:
        """Return a kept plan with its decisions and its state now."""
        digest, body = await self._means.journal.plan_body(digest_prefix)
        return await self.stored(digest, decode(body, digest))

    async def stored(self, digest: Digest, plan: Plan) -> StoredPlan:
        """Return a plan with its decisions and its state now."""
        approvals = tuple(await self._means.journal.approvals(digest))
        found = StoredPlan(digest=digest, plan=plan, state=PlanState.OPEN, approvals=approvals)
        has_run = await self._means.journal.run_of(digest) is not None
        return replace(found, state=self._outset.state(found, has_run=has_run))

    async def select(self, digest_prefix: str, chosen: Sequence[str]) -> StoredPlan:
        """Derive, judge and keep a plan of the chosen items."""
        parent = await self.load(digest_prefix)
        derived = derive(parent.plan, parent.digest, chosen, self._means.now(), self._means.actor)
        return await self.keep(await self.judged(derived, parent.plan))

    async def judged(self, plan: Plan, parent: Plan) -> Plan:
        """Return the plan with the verdicts of the guards on exactly its changes; it was made from `parent`."""
        sync = self._outset.sync_of(plan)
        return judge(plan, sync.guards, await circumstances(self._means, plan, least_members(parent)))

    async def readiness(self, digest_prefix: str) -> Readiness:
        """Return what stands between a plan and its run, for this actor, now."""
        stored = await self.load(digest_prefix)
        plan = lift(stored.plan, stored.approvals)
        sync = self._means.workspace.syncs.get(plan.sync)
        missing = sync is not None and needs_approval(plan, sync.approval, stored.approvals)
        own = may_approve(plan, sync.approval, self._means.actor) if sync is not None else ""
        return Readiness(
            digest=stored.digest,
            state=stored.state,
            obstacles=await self._obstacles(stored),
            refusals=plan.refusals,
            needs_approval=missing,
            may_approve=not own,
            yes_suffices=sync is not None and self._outset.yes_suffices(stored, sync),
            confirm_word=confirm_word(plan),
            removals=sum(target.count(Action.REMOVE) for target in plan.targets),
        )

    async def _obstacles(self, stored: StoredPlan) -> tuple[str, ...]:
        try:
            self._outset.check_state(stored)
            sync = self._outset.sync_of(stored.plan)
            self._outset.check_freeze(sync)
        except SyncdeckError as error:
            return (str(error),)
        plan = lift(stored.plan, stored.approvals)
        sentences = [verdict.refusal for verdict in plan.refusals]
        if not plan.change_count:
            sentences.append("There is nothing to do.")
        missing = needs_approval(plan, sync.approval, stored.approvals)
        if missing and not self._outset.yes_suffices(stored, sync):
            sentences.append(self._outset.approval_sentence(stored, sync))
        return tuple(sentences)

    async def decide(self, digest_prefix: str, decision: Decision, comment: str, overrides: Sequence[str]) -> Approval:
        """Keep an approval or a rejection by this actor. Raises `NotApproved` for one that cannot be kept."""
        stored = await self.load(digest_prefix)
        approval = Approval(
            digest=stored.digest,
            decision=decision,
            approver=self._means.actor,
            at=self._means.now(),
            comment=comment,
            overrides=tuple(overrides),
        )
        if stored.state is PlanState.APPLIED:
            raise NotApproved("This plan has been carried out already; nothing is left to decide.")
        check_decision(stored.plan, approval)
        if rejected := [one.approver for one in stored.approvals if one.decision is Decision.REJECT]:
            raise NotApproved(f"{rejected[0]} has rejected this plan. Make a new one: syncdeck plan {stored.plan.sync}")
        await self._means.journal.decide(approval)
        self._means.tell(f"plan.{decision}", stored.digest, approval)
        return approval

    async def summaries(self, sync: str | None, limit: int) -> Sequence[PlanSummary]:
        """Return kept plans, newest first, each with its state now."""
        found = []
        for summary, approvals in await self._means.journal.plans(sync=sync, limit=limit):
            found.append(await self._with_state(summary, approvals))
        return found

    async def _with_state(self, summary: PlanSummary, approvals: Sequence[Approval]) -> PlanSummary:
        """Return the summary with its state; only what a summary cannot tell is looked up in the plan itself."""
        if summary.state is PlanState.APPLIED or self._means.now() >= summary.expires_at:
            return replace(summary, state=summary.state if summary.state is PlanState.APPLIED else PlanState.EXPIRED)
        try:
            essence = await self._essence(summary.digest)
        except PlanUnreadable as error:  # kept by another version: it cannot be applied, and must not hide the others
            return replace(summary, state=PlanState.EXPIRED, errors=(*summary.errors, str(error)))
        stored = StoredPlan(digest=summary.digest, plan=essence, state=PlanState.OPEN, approvals=tuple(approvals))
        return replace(summary, state=self._outset.state(stored, has_run=False))

    async def _essence(self, digest: Digest) -> Plan:
        """Return the plan with at most one removal and one other change of each target: enough to tell its state, and
        little enough to be kept for a list that is drawn again and again."""
        if digest not in self._essences:
            while len(self._essences) >= ESSENCES:
                self._essences.pop(next(iter(self._essences)))
            _, body = await self._means.journal.plan_body(digest)
            plan = decode(body, digest)
            self._essences[digest] = replace(plan, targets=tuple(map(_shortened, plan.targets)))
        return self._essences[digest]

    async def latest_approved(self, sync: str) -> StoredPlan | None:
        """Return the newest approved plan of a sync that can still be applied.

        What a plan saw before or while the sync last ran is over, an undo is asked for by its digest, and a yes given
        on applying was for that moment: none of these counts. Neither does one that a newer plan which needs nobody's
        approval stands before."""
        runs = await self._means.journal.runs(sync=sync, limit=1)
        for summary in await self.summaries(sync, RECENT):
            if summary.state in (PlanState.APPLIED, PlanState.OPEN):
                return None
            if runs and (runs[0].ended_at is None or summary.created_at <= runs[0].ended_at):
                return None
            if summary.state is PlanState.APPROVED and not summary.undoes:
                stored = await self.load(summary.digest)
                if any(approval.comment != CONFIRMED for approval in stored.approvals):
                    return stored
        return None


def _shortened(target: TargetPlan) -> TargetPlan:
    removal = next((change for change in target.changes if change.action is Action.REMOVE), None)
    other = next((change for change in target.changes if change.action is not Action.REMOVE), None)
    return replace(target, changes=tuple(change for change in (other, removal) if change), parked=())
