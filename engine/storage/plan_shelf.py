"""Plans under their digests, and what was decided about them."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence

from msgspec import json

from engine.errors import NothingFound
from engine.reconcile.history import Approval, Decision, Digest, PlanState, PlanSummary
from engine.reconcile.plan import Plan
from engine.storage.database import Row
from engine.storage.journal_part import JournalPart, plan_aggregate, to_text
from engine.storage.moments import to_moment, to_number

SHORTEST_PREFIX = 6

_KEEP = "INSERT OR IGNORE INTO plan VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

_SUMMARIES = """
    SELECT digest, sync, created_at, created_by, expires_at, parent, undoes, counts, parked, refusals, errors,
           EXISTS (SELECT 1 FROM run WHERE run.digest = plan.digest)
    FROM plan WHERE sync = ? OR ? IS NULL ORDER BY created_at DESC, number DESC LIMIT ?
"""

_APPROVALS = """
    SELECT digest, decision, approver, at, comment, overrides FROM approval
    WHERE digest IN (SELECT value FROM json_each(?)) ORDER BY number
"""


class PlanShelf(JournalPart):
    """The journal's methods about plans and approvals."""

    async def keep_plan(self, digest: Digest, plan: Plan, body: bytes) -> None:
        row = (
            digest,
            plan.sync,
            to_number(plan.created_at),
            plan.created_by,
            to_number(plan.expires_at),
            plan.parent,
            plan.undoes,
            to_text(Counter(change.action.value for target in plan.targets for change in target.changes)),
            sum(len(target.parked) for target in plan.targets),
            to_text([verdict.refusal for verdict in plan.refusals]),
            self._clean(
                to_text([error for error in (plan.error, *(target.error for target in plan.targets)) if error])
            ),
            body,
        )

        def keep(connection: sqlite3.Connection) -> None:
            if connection.execute(_KEEP, row).rowcount:
                self._tell_of_plan(connection, digest, plan)

        await self._database.write(keep)

    def _tell_of_plan(self, connection: sqlite3.Connection, digest: Digest, plan: Plan) -> None:
        data = {
            "sync": plan.sync,
            "changes": plan.change_count,
            "counts": Counter(change.action.value for target in plan.targets for change in target.changes),
            "targets": [target.target for target in plan.targets],
            "refusals": [verdict.refusal for verdict in plan.refusals],
            "errors": [error for error in (plan.error, *(target.error for target in plan.targets)) if error],
        }
        links = {"actor": plan.created_by, "plan": digest, "sync": plan.sync}
        self._tell(connection, "plan.kept", plan_aggregate(digest), data, links)

    async def plan_body(self, digest_prefix: str) -> tuple[Digest, bytes]:
        prefix = digest_prefix.lower()
        if len(prefix) < SHORTEST_PREFIX:
            raise NothingFound(
                f"'{digest_prefix}' is too short to name a plan: give at least {SHORTEST_PREFIX} digits of its digest."
            )
        rows = await self._database.rows(
            "SELECT digest, body FROM plan WHERE digest >= ? AND digest < ? ORDER BY digest LIMIT 2",
            (prefix, prefix + "~"),
        )
        if len(rows) == 1:
            return Digest(rows[0][0]), rows[0][1]
        if rows:
            raise NothingFound(f"Several plans begin with '{digest_prefix}': give more digits of the digest.")
        newest = await self._database.rows("SELECT digest, sync FROM plan ORDER BY number DESC LIMIT 3")
        kept = ", ".join(f"{digest[:12]} ({sync})" for digest, sync in newest)
        raise NothingFound(
            f"No kept plan begins with '{digest_prefix}'. "
            + (f"The newest are {kept}." if kept else "None is kept yet: make one with `syncdeck plan SYNC`.")
        )

    async def plans(self, *, sync: str | None, limit: int) -> Sequence[tuple[PlanSummary, Sequence[Approval]]]:
        summaries = [_to_summary(row) for row in await self._database.rows(_SUMMARIES, (sync, sync, limit))]
        decided: dict[Digest, list[Approval]] = {summary.digest: [] for summary in summaries}
        for approval in await self._approvals_of(list(decided)):
            decided[approval.digest].append(approval)
        return [(summary, decided[summary.digest]) for summary in summaries]

    async def decide(self, approval: Approval) -> None:
        def decide(connection: sqlite3.Connection) -> None:
            kept = connection.execute("SELECT sync FROM plan WHERE digest = ?", (approval.digest,)).fetchone()
            if kept is None:
                raise NothingFound(
                    f"The plan {approval.digest[:12]} is not kept here: nothing can be decided about it."
                )
            comment = self._clean(approval.comment)
            connection.execute(
                "INSERT INTO approval VALUES (NULL, ?, ?, ?, ?, ?, ?)",
                (
                    approval.digest,
                    approval.decision,
                    approval.approver,
                    to_number(approval.at),
                    comment,
                    to_text(approval.overrides),
                ),
            )
            verb = "approved" if approval.decision is Decision.APPROVE else "rejected"
            data = {"decision": approval.decision, "comment": comment, "overrides": approval.overrides}
            links = {"actor": approval.approver, "plan": approval.digest, "sync": kept[0]}
            self._tell(connection, f"plan.{verb}", plan_aggregate(approval.digest), data, links)

        await self._database.write(decide)

    async def approvals(self, digest: Digest) -> Sequence[Approval]:
        return await self._approvals_of([digest])

    async def _approvals_of(self, digests: Sequence[Digest]) -> list[Approval]:
        return [
            Approval(
                digest=Digest(digest),
                decision=Decision(decision),
                approver=approver,
                at=to_moment(at),
                comment=comment,
                overrides=json.decode(overrides, type=tuple[str, ...]),
            )
            for digest, decision, approver, at, comment, overrides in await self._database.rows(
                _APPROVALS, (to_text(digests),)
            )
        ]


def _to_summary(row: Row) -> PlanSummary:
    digest, sync, created_at, created_by, expires_at, parent, undoes, counts, parked, refusals, errors, applied = row
    return PlanSummary(
        digest=Digest(digest),
        sync=sync,
        created_at=to_moment(created_at),
        created_by=created_by,
        expires_at=to_moment(expires_at),
        state=PlanState.APPLIED if applied else PlanState.OPEN,
        counts=json.decode(counts, type=dict[str, int]),
        parked=parked,
        refusals=json.decode(refusals, type=tuple[str, ...]),
        errors=json.decode(errors, type=tuple[str, ...]),
        parent=parent,
        undoes=undoes,
    )
