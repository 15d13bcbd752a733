"""Runs, written: items with their intents before, and their outcomes after, each call to a target."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from engine.errors import NothingFound
from engine.reconcile.history import Digest, ItemState, Lease, RunId, RunItem, RunState
from engine.reconcile.plan import Action, Plan
from engine.reconcile.records import fold, keep_case
from engine.storage.journal_part import JournalPart, run_aggregate, to_text
from engine.storage.leases import check_lease
from engine.storage.moments import to_number
from engine.storage.processes import this_process

_START = """
    INSERT INTO run (digest, sync, targets, state, started_at, started_by, process) VALUES (?, ?, ?, ?, ?, ?, ?)
    RETURNING number
"""

_PENDING = """
    INSERT INTO run_item (run, number, target, action, key, spelling, renamed_to, state)
    VALUES (?, ?, ?, ?, ?, ?, ?, 'pending')
"""

_HELD_FOR_TARGETS = """
    INSERT OR REPLACE INTO run_lease (run, name, token)
    SELECT run.number, lease.name, lease.token FROM run, json_each(run.targets) AS target, lease
    WHERE run.number = ? AND lease.name = 'target:' || target.value AND lease.process = ? AND lease.released = 0
"""

_STATES = """
    SELECT state, count(*) FROM run_item WHERE run = ? AND number IN (SELECT value FROM json_each(?)) GROUP BY state
"""

_INTEND = """
    UPDATE run_item SET state = 'intent', attempt = attempt + 1, at = ?
    WHERE run = ? AND number IN (SELECT value FROM json_each(?))
"""

_CONCLUDE = """
    UPDATE run_item SET state = ?, reason = ?, attempt = max(attempt, ?), at = ? WHERE run = ? AND number = ?
"""

_COUNT = """
    INSERT INTO run_count VALUES (?, ?, ?) ON CONFLICT (run, state) DO UPDATE SET items = items + excluded.items
"""

_TOLD_ONE_BY_ONE = (ItemState.REFUSED, ItemState.FAILED, ItemState.DRIFTED)
"""Items that a person may want to look into: each has an event of its own."""


class RunWriting(JournalPart):
    """The journal's methods that write runs."""

    async def start_run(self, digest: Digest, plan: Plan, actor: str, at: datetime) -> RunId:
        def start(connection: sqlite3.Connection) -> RunId:
            if connection.execute("SELECT 1 FROM plan WHERE digest = ?", (digest,)).fetchone() is None:
                raise NothingFound(f"The plan {digest[:12]} is not kept here: keep it before it is run.")
            targets = [target.target for target in plan.targets]
            values = (digest, plan.sync, to_text(targets), RunState.RUNNING, to_number(at), actor, this_process())
            ((number,),) = connection.execute(_START, values).fetchall()
            run = RunId(number)
            connection.executemany(_PENDING, _pending(run, plan))
            connection.execute(_COUNT, (run, ItemState.PENDING, plan.change_count))
            connection.execute(_HELD_FOR_TARGETS, (run, this_process()))
            data = {"state": RunState.RUNNING, "sync": plan.sync, "targets": targets, "items": plan.change_count}
            self._tell_of_run(connection, run, "run.started", data, actor)
            return run

        return await self._database.write(start)

    async def intend(self, run: RunId, indexes: Sequence[int], lease: Lease, at: datetime) -> None:
        if not indexes:
            return
        numbers = to_text(list(indexes))

        def intend(connection: sqlite3.Connection) -> None:
            check_lease(connection, lease, at)
            before = dict(connection.execute(_STATES, (run, numbers)).fetchall())
            if sum(before.values()) != len(set(indexes)):
                raise NothingFound(f"Run {run} has no items {min(indexes)} to {max(indexes)}: see `syncdeck runs`.")
            connection.execute(_INTEND, (to_number(at), run, numbers))
            _recount(connection, run, before, {ItemState.INTENT: sum(before.values())})
            connection.execute("INSERT OR REPLACE INTO run_lease VALUES (?, ?, ?)", (run, lease.name, lease.token))
            span = {"items": len(indexes), "first": min(indexes), "last": max(indexes), "lease": lease.name}
            self._tell_of_run(connection, run, "run.intended", {"intended": span, "token": lease.token})

        await self._database.write(intend)

    async def conclude(self, run: RunId, items: Sequence[RunItem], at: datetime) -> None:
        if not items:
            return
        numbers = to_text([item.index for item in items])
        reasons = [self._clean(item.reason) for item in items]

        def conclude(connection: sqlite3.Connection) -> None:
            before = dict(connection.execute(_STATES, (run, numbers)).fetchall())
            after = Counter(item.state for item in items)
            if sum(before.values()) != len(items):
                raise NothingFound(f"Run {run} does not have all of these {len(items)} items: see `syncdeck runs`.")
            moment = to_number(at)
            connection.executemany(
                _CONCLUDE,
                [
                    (item.state, reason, item.attempt, moment, run, item.index)
                    for item, reason in zip(items, reasons, strict=True)
                ],
            )
            _recount(connection, run, before, after)
            for item in items:
                _note_owner(connection, run, item, moment)
            self._tell_of_run(connection, run, "run.concluded", {"concluded": after})
            for item, reason in zip(items, reasons, strict=True):
                if item.state in _TOLD_ONE_BY_ONE:
                    told = {"item": item.item, "reason": reason, "target": item.target}
                    self._tell_of_run(connection, run, f"run.item.{item.state}", told)

        await self._database.write(conclude)

    async def end_run(self, run: RunId, state: RunState, verdict: str, verified: bool | None, at: datetime) -> None:
        verdict = self._clean(verdict)

        def end(connection: sqlite3.Connection) -> None:
            ended = connection.execute(
                "UPDATE run SET state = ?, verdict = ?, verified = ?, ended_at = ? WHERE number = ? AND process = ?",
                (state, verdict, verified, to_number(at), run, this_process()),
            )
            if not ended.rowcount:
                _plan_of(connection, run)
                return
            counts = dict(
                connection.execute("SELECT state, items FROM run_count WHERE run = ? AND items > 0", (run,)).fetchall()
            )
            data = {"state": state, "verdict": verdict, "verified": verified, "counts": counts}
            self._tell_of_run(connection, run, "run.ended", data)

        await self._database.write(end)

    async def reopen_run(self, run: RunId, actor: str, at: datetime) -> None:
        def reopen(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE run SET state = ?, verdict = '', verified = NULL, ended_at = NULL, process = ?, stop_asked = 0 "
                "WHERE number = ?",
                (RunState.RUNNING, this_process(), run),
            )
            connection.execute("DELETE FROM run_lease WHERE run = ?", (run,))
            connection.execute(_HELD_FOR_TARGETS, (run, this_process()))
            data = {"state": RunState.RUNNING, "verdict": None, "at": at.isoformat()}
            self._tell_of_run(connection, run, "run.resumed", data, actor)

        await self._database.write(reopen)

    async def ask_to_stop(self, run: RunId, actor: str, at: datetime) -> None:
        def ask(connection: sqlite3.Connection) -> None:
            asked = connection.execute(
                "UPDATE run SET stop_asked = 1 WHERE number = ? AND state = ? AND stop_asked = 0",
                (run, RunState.RUNNING),
            )
            if asked.rowcount:
                self._tell_of_run(connection, run, "run.stop_asked", {"stop_asked": at.isoformat()}, actor)
            else:
                _plan_of(connection, run)

        await self._database.write(ask)

    def _tell_of_run(
        self, connection: sqlite3.Connection, run: RunId, type_name: str, data: Mapping[str, object], actor: str = ""
    ) -> None:
        digest, sync = _plan_of(connection, run)
        links = {"plan": digest, "run": run, "sync": sync} | ({"actor": actor} if actor else {})
        self._tell(connection, type_name, run_aggregate(run), data, links)


def no_run(run: int) -> NothingFound:
    """Return the error for a number that no run has."""
    return NothingFound(f"There is no run {run}. `syncdeck runs` lists them.")


def _plan_of(connection: sqlite3.Connection, run: RunId) -> tuple[Digest, str]:
    """Return the plan and the sync of a run; raises `NothingFound` and thereby undoes what was written for it."""
    row = connection.execute("SELECT digest, sync FROM run WHERE number = ?", (run,)).fetchone()
    if row is None:
        raise no_run(run)
    return Digest(row[0]), str(row[1])


def _pending(run: RunId, plan: Plan) -> Iterable[tuple[object, ...]]:
    number = 0
    for target in plan.targets:
        for change in target.changes:
            yield run, number, target.target, change.action, change.key, change.spelling, change.renamed_to
            number += 1


def _recount(connection: sqlite3.Connection, run: RunId, before: dict[str, int], after: dict[ItemState, int]) -> None:
    moved = Counter({str(state): count for state, count in after.items()})
    moved.subtract(before)
    connection.executemany(_COUNT, [(run, state, count) for state, count in moved.items() if count])


def _taken_back(item: RunItem) -> bool:
    """Tell whether a call for the item may have taken effect, and somebody else brought the member back."""
    return item.state is ItemState.DRIFTED and item.attempt > 0


def _note_owner(connection: sqlite3.Connection, run: RunId, item: RunItem, moment: int) -> None:
    """Keep the ledger: a member added is ours; one removed, found absent when it was to be removed, or brought back by
    somebody else after our call, is nobody's, lest somebody who comes by another way is taken for ours."""
    done = item.state is ItemState.DONE
    forget = "DELETE FROM ownership WHERE target = ? AND key = ?"
    match item.action:
        case Action.ADD if done:
            connection.execute(
                "INSERT OR IGNORE INTO ownership VALUES (?, ?, ?, 'added')", (item.target, item.key, moment)
            )
        case Action.REMOVE if done or item.state is ItemState.ALREADY or _taken_back(item):
            connection.execute(forget, (item.target, item.key))
        case Action.RENAME if done:
            (spelling,) = connection.execute(
                "SELECT renamed_to FROM run_item WHERE run = ? AND number = ?", (run, item.index)
            ).fetchone()
            key = fold(spelling) if fold(item.spelling) == item.key else keep_case(spelling)
            connection.execute(
                "UPDATE OR REPLACE ownership SET key = ? WHERE target = ? AND key = ?", (key, item.target, item.key)
            )
        case _:
            pass
