"""What every journal must do. A subclass gives the fixtures for one implementation: `journal`, and `elsewhere`, which
lets another process act on it for as long as a block lasts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from msgspec.structs import replace

from engine.errors import Locked, NothingFound
from engine.reconcile.history import (
    Approval,
    Decision,
    ItemState,
    PlanState,
    RunId,
    RunState,
)
from engine.reconcile.journal import Journal
from engine.reconcile.plan import Parked, Verdict
from engine.reconcile.records import RecordKey
from tests.contracts.journal_ledger import LeaseContract, TargetContract
from tests.contracts.journal_values import (
    ADD,
    AT,
    FIRST,
    REMOVE,
    SECOND,
    TTL,
    UPDATE,
    begin,
    end_items,
    plan,
    target_plan,
)

Elsewhere = Callable[[], AbstractContextManager[None]]


class PlanContract:
    """Plans and what is decided about them."""

    async def test_a_kept_plan_is_found_by_any_unambiguous_prefix(self, journal: Journal) -> None:
        await journal.keep_plan(FIRST, plan(), b"first")
        await journal.keep_plan(SECOND, plan(), b"second")

        assert await journal.plan_body(FIRST) == (FIRST, b"first")
        assert await journal.plan_body(SECOND[:8]) == (SECOND, b"second")

    async def test_a_prefix_of_none_or_of_several_plans_finds_nothing(self, journal: Journal) -> None:
        await journal.keep_plan(FIRST, plan(), b"first")
        await journal.keep_plan(SECOND, plan(), b"second")

        for prefix in ("a1b2c3", "ffffff", FIRST + "0"):
            with pytest.raises(NothingFound):
                await journal.plan_body(prefix)

    async def test_keeping_again_changes_nothing(self, journal: Journal) -> None:
        await journal.keep_plan(FIRST, plan(), b"first")
        await journal.keep_plan(FIRST, plan(sync="other"), b"second")

        assert await journal.plan_body(FIRST) == (FIRST, b"first")
        assert [summary.sync for summary, _ in await journal.plans(sync=None, limit=9)] == ["eng"]

    async def test_a_summary_tells_what_the_plan_holds(self, journal: Journal) -> None:
        refusing = Verdict(guard="max_removals", observed=1, limit=0, refusal="Too many.")
        parked = Parked(spelling="bot", reason="No address.")
        wiki = replace(target_plan(ADD, ADD, REMOVE), guards=(refusing,), parked=(parked,))
        one = replace(plan(wiki, target_plan(target="list", error="It was away.")), parent="beef", undoes="7")
        await journal.keep_plan(FIRST, one, b"body")
        ((summary, approvals),) = await journal.plans(sync="eng", limit=9)

        assert dict(summary.counts) == {"add": 2, "remove": 1}
        assert (summary.parked, summary.refusals, summary.errors) == (1, ("Too many.",), ("It was away.",))
        assert (summary.created_at, summary.created_by, summary.expires_at) == (AT, "anna", AT + timedelta(hours=24))
        assert (summary.parent, summary.undoes, summary.state, list(approvals)) == ("beef", "7", PlanState.OPEN, [])

    async def test_plans_come_newest_first_and_by_sync(self, journal: Journal) -> None:
        await journal.keep_plan(FIRST, plan(), b"1")
        await journal.keep_plan(SECOND, plan(sync="ops", created_at=AT + timedelta(minutes=1)), b"2")

        assert [summary.digest for summary, _ in await journal.plans(sync=None, limit=9)] == [SECOND, FIRST]
        assert [summary.digest for summary, _ in await journal.plans(sync=None, limit=1)] == [SECOND]
        assert [summary.digest for summary, _ in await journal.plans(sync="eng", limit=9)] == [FIRST]

    async def test_a_plan_with_a_run_is_applied(self, journal: Journal) -> None:
        await begin(journal)

        assert [summary.state for summary, _ in await journal.plans(sync=None, limit=9)] == [PlanState.APPLIED]

    async def test_decisions_are_kept_in_order_beside_their_plan(self, journal: Journal) -> None:
        await journal.keep_plan(FIRST, plan(), b"body")
        await journal.keep_plan(SECOND, plan(), b"body")
        yes = Approval(
            digest=FIRST,
            decision=Decision.APPROVE,
            approver="berta",
            at=AT,
            comment="Fine.",
            overrides=("max_removals",),
        )
        no = Approval(digest=FIRST, decision=Decision.REJECT, approver="carl", at=AT + timedelta(microseconds=1))
        await journal.decide(yes)
        await journal.decide(no)

        assert list(await journal.approvals(FIRST)) == [yes, no]
        assert list(await journal.approvals(SECOND)) == []
        kept = {summary.digest: list(approvals) for summary, approvals in await journal.plans(sync=None, limit=9)}
        assert kept == {FIRST: [yes, no], SECOND: []}


class RunContract:
    """Runs, their items, and what follows from outcomes."""

    async def test_a_new_run_has_every_change_pending_in_the_plans_order(self, journal: Journal) -> None:
        run, _ = await begin(journal, plan(target_plan(ADD, REMOVE), target_plan(UPDATE, target="list")))
        items = await journal.run_items(run)

        assert [item.item for item in items] == ["wiki/add/anna@x", "wiki/remove/berta@x", "list/update/carl@x"]
        assert [(item.index, item.state, item.attempt, item.at) for item in items] == [
            (index, ItemState.PENDING, 0, None) for index in range(3)
        ]
        assert [item.spelling for item in items] == ["Anna@x", "BERTA@x", "carl@x"]

    async def test_runs_are_numbered_upwards_and_listed_newest_first(self, journal: Journal) -> None:
        first, _ = await begin(journal)
        await journal.keep_plan(SECOND, plan(sync="ops"), b"body")
        second = await journal.start_run(SECOND, plan(sync="ops"), "berta", AT)

        assert second > first
        assert [run.run for run in await journal.runs(sync=None, limit=9)] == [second, first]
        assert [run.run for run in await journal.runs(sync=None, limit=1)] == [second]
        assert [(run.digest, run.started_by) for run in await journal.runs(sync="ops", limit=9)] == [(SECOND, "berta")]

    async def test_an_unknown_run_is_not_found(self, journal: Journal) -> None:
        for asked in (journal.run(RunId(7)), journal.run_items(RunId(7)), journal.asked_to_stop(RunId(7))):
            with pytest.raises(NothingFound):
                await asked

    async def test_intent_comes_before_outcome_and_counts_attempts(self, journal: Journal) -> None:
        run, lease = await begin(journal)
        await journal.intend(run, [0, 2], lease, AT)
        items = await journal.run_items(run, states=[ItemState.INTENT])
        assert [(item.index, item.attempt, item.at) for item in items] == [(0, 1, AT), (2, 1, AT)]

        later = AT + timedelta(seconds=1)
        await journal.conclude(
            run, [replace(items[0], state=ItemState.DONE), replace(items[1], state=ItemState.PENDING)], later
        )
        await journal.intend(run, [2], lease, later)
        done, again = (await journal.run_items(run))[0], (await journal.run_items(run))[2]
        assert (done.state, done.attempt, done.at) == (ItemState.DONE, 1, later)
        assert (again.state, again.attempt) == (ItemState.INTENT, 2)

    async def test_counts_follow_the_items(self, journal: Journal) -> None:
        run, lease = await begin(journal)
        await end_items(journal, run, lease, ItemState.REFUSED, [1])
        await journal.intend(run, [0], lease, AT)

        assert dict((await journal.run(run)).counts) == {"pending": 2, "refused": 1, "intent": 1}

    async def test_reasons_are_kept(self, journal: Journal) -> None:
        run, lease = await begin(journal)
        await end_items(journal, run, lease, ItemState.FAILED, [3])

        assert (await journal.run_items(run, states=[ItemState.FAILED]))[0].reason == "it is failed"

    async def test_items_are_read_in_parts(self, journal: Journal) -> None:
        run, lease = await begin(journal)
        await end_items(journal, run, lease, ItemState.DONE, [1, 3])

        async def read(**part: int) -> list[int]:
            return [item.index for item in await journal.run_items(run, **part)]  # type: ignore[arg-type]

        assert await read(offset_index=1, limit=2) == [1, 2]
        assert await read(offset_index=3) == [3]
        assert await read(offset_index=9) == []
        done = await journal.run_items(run, states=[ItemState.DONE], offset_index=2)
        assert [item.index for item in done] == [3]

    async def test_an_ended_run_tells_how_it_ended(self, journal: Journal) -> None:
        run, _ = await begin(journal)
        await journal.end_run(run, RunState.PARTIAL, "One is missing.", verified=False, at=AT + TTL)
        summary = await journal.run(run)

        assert (summary.state, summary.verdict, summary.verified) == (RunState.PARTIAL, "One is missing.", False)
        assert (summary.started_at, summary.ended_at) == (AT, AT + TTL)

    async def test_a_run_that_another_process_resumed_is_not_closed_by_the_one_that_lost_it(
        self, journal: Journal, elsewhere: Elsewhere
    ) -> None:
        run, lease = await begin(journal)
        await journal.release_lease(lease)
        with elsewhere():
            await journal.take_lease(lease.name, "berta pid 2", TTL, AT)
            await journal.reopen_run(run, "berta", AT)

        await journal.end_run(run, RunState.FAILED, "The lock was lost.", verified=None, at=AT)

        with elsewhere():
            resumed = await journal.run(run)
            assert (resumed.state, resumed.verdict, resumed.ended_at) == (RunState.RUNNING, "", None)
            await journal.end_run(run, RunState.DONE, "As wanted.", verified=True, at=AT)
            assert (await journal.run(run)).state is RunState.DONE

    async def test_a_run_that_nobody_resumed_is_closed_also_without_its_lock(self, journal: Journal) -> None:
        run, lease = await begin(journal)
        await journal.release_lease(lease)
        await journal.end_run(run, RunState.FAILED, "The lock was lost.", verified=None, at=AT)

        assert (await journal.run(run)).state is RunState.FAILED

    async def test_a_reopened_run_is_running_and_nobody_wishes_it_to_stop(self, journal: Journal) -> None:
        run, _ = await begin(journal)
        await journal.ask_to_stop(run, "berta", AT)
        await journal.end_run(run, RunState.CANCELLED, "Stopped.", verified=True, at=AT)
        await journal.reopen_run(run, "carl", AT)
        summary = await journal.run(run)

        assert (summary.state, summary.ended_at, summary.verdict, summary.verified) == (
            RunState.RUNNING,
            None,
            "",
            None,
        )
        assert not await journal.asked_to_stop(run)

    async def test_a_wish_to_stop_is_seen(self, journal: Journal) -> None:
        run, _ = await begin(journal)
        assert not await journal.asked_to_stop(run)

        await journal.ask_to_stop(run, "berta", AT)
        assert await journal.asked_to_stop(run)

    async def test_no_intent_is_written_without_the_newest_lease(self, journal: Journal) -> None:
        run, lease = await begin(journal)
        await journal.release_lease(lease)
        newer = await journal.take_lease("target:wiki", "berta pid 2", TTL, AT)

        with pytest.raises(Locked):
            await journal.intend(run, [0], lease, AT)
        assert await journal.run_items(run, states=[ItemState.INTENT]) == []
        await journal.intend(run, [0], newer, AT)

    async def test_what_runs_add_is_owned_and_what_they_remove_is_not(self, journal: Journal) -> None:
        run, lease = await begin(journal)
        await journal.adopt("wiki", [RecordKey("berta@x"), RecordKey("old@x"), RecordKey("dora@x")], "anna", AT)
        await end_items(journal, run, lease, ItemState.DONE, [0, 1, 2, 3])

        assert await journal.owned("wiki") == {"anna@x", "new@x", "dora@x"}
        assert await journal.owned("list") == frozenset()

    @pytest.mark.parametrize("state", [ItemState.REFUSED, ItemState.FAILED, ItemState.CANCELLED])
    async def test_what_was_not_done_changes_no_ownership(self, journal: Journal, state: ItemState) -> None:
        run, lease = await begin(journal)
        await journal.adopt("wiki", [RecordKey("berta@x"), RecordKey("old@x")], "anna", AT)
        await end_items(journal, run, lease, state, [0, 1, 2, 3])

        assert await journal.owned("wiki") == {"berta@x", "old@x"}

    async def test_a_removal_that_drifted_uncalled_changes_no_ownership(self, journal: Journal) -> None:
        run, _ = await begin(journal)
        await journal.adopt("wiki", [RecordKey("berta@x")], "anna", AT)
        item = (await journal.run_items(run))[3]
        await journal.conclude(run, [replace(item, state=ItemState.DRIFTED, reason="changed")], AT)

        assert await journal.owned("wiki") == {"berta@x"}

    async def test_whoever_was_brought_back_after_our_call_is_not_ours(self, journal: Journal) -> None:
        run, lease = await begin(journal)
        await journal.adopt("wiki", [RecordKey("berta@x")], "anna", AT)
        await end_items(journal, run, lease, ItemState.DRIFTED, [3])

        assert await journal.owned("wiki") == frozenset()

    async def test_an_addition_that_was_already_so_is_not_ours(self, journal: Journal) -> None:
        run, lease = await begin(journal)
        await end_items(journal, run, lease, ItemState.ALREADY, [0])

        assert await journal.owned("wiki") == frozenset()

    async def test_a_rename_takes_only_what_was_ours_along(self, journal: Journal) -> None:
        run, lease = await begin(journal)
        await end_items(journal, run, lease, ItemState.DONE, [2])

        assert await journal.owned("wiki") == frozenset()

    async def test_removals_are_counted_by_sync_target_and_time(self, journal: Journal) -> None:
        other = replace(REMOVE, key=RecordKey("dora@x"))
        run, lease = await begin(journal, plan(target_plan(ADD, REMOVE, other), target_plan(REMOVE, target="list")))
        await end_items(journal, run, lease, ItemState.DONE, [0, 1, 3])
        await end_items(journal, run, lease, ItemState.ALREADY, [2])

        assert await journal.removals_since("eng", "wiki", AT) == 1
        assert await journal.removals_since("eng", "wiki", AT + timedelta(microseconds=1)) == 0
        assert await journal.removals_since("ops", "wiki", AT) == 0
        assert await journal.removals_since("eng", "chat", AT) == 0

    async def test_a_removal_of_which_nobody_knows_the_end_counts_as_one(self, journal: Journal) -> None:
        run, lease = await begin(journal)
        await journal.intend(run, [3], lease, AT)
        assert await journal.removals_since("eng", "wiki", AT) == 1

        await end_items(journal, run, lease, ItemState.DRIFTED, [3])
        assert await journal.removals_since("eng", "wiki", AT) == 1


class JournalContract(PlanContract, RunContract, LeaseContract, TargetContract):
    """All of it."""
