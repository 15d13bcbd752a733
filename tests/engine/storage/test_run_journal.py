"""What the journal in the state file does beyond the contract: events, other processes, redaction, size."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.errors import Locked, NothingFound
from engine.events.event import Event, Position
from engine.reconcile.history import Approval, Decision, Digest, ItemState, RunId, RunState
from engine.reconcile.plan import Action, Change
from engine.reconcile.records import Fingerprint, RecordKey
from engine.redaction import Redactor
from engine.storage.database import Database, open_database
from engine.storage.event_log import StoredEventLog
from engine.storage.run_journal import RunJournal
from tests.contracts.journal_values import ADD, AT, FIRST, HOLDER, REMOVE, TTL, begin, end_items, plan, target_plan
from tests.doubles.clock import ManualClock
from tests.engine.storage.conftest import NODE

ANOTHER_PROCESS = """
import asyncio, sys
from pathlib import Path
from engine.clock import SystemClock
from engine.storage.database import open_database
from engine.storage.event_log import StoredEventLog
from engine.storage.run_journal import RunJournal
from tests.contracts.journal_values import begin

async def main():
    async with open_database(Path(sys.argv[1])) as database:
        journal = RunJournal(database, StoredEventLog(database, SystemClock(), "berlin-1"), SystemClock(), actor="cron")
        await begin(journal)
        print("begun", flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AT)


@pytest.fixture
async def journal(database: Database, log: StoredEventLog, clock: ManualClock) -> RunJournal:
    return RunJournal(database, log, clock, actor="engine@berlin-1")


@pytest.fixture
def stranger(state: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has begun a run and holds its lease until it is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", ANOTHER_PROCESS, str(state)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        yield process
        process.kill()


async def events(log: StoredEventLog) -> list[Event]:
    return list(await log.page(Position(0), 1_000))


async def test_each_act_is_told_as_an_event_about_its_subject(journal: RunJournal, log: StoredEventLog) -> None:
    run, lease = await begin(journal)
    await journal.decide(Approval(digest=FIRST, decision=Decision.APPROVE, approver="berta", at=AT))
    await journal.decide(Approval(digest=FIRST, decision=Decision.REJECT, approver="carl", at=AT))
    await end_items(journal, run, lease, ItemState.DONE, [0, 1])
    await journal.ask_to_stop(run, "dora", AT)
    await journal.end_run(run, RunState.DONE, "As wanted.", verified=True, at=AT)
    await journal.reopen_run(run, "dora", AT)
    await journal.release_lease(lease)
    await journal.source_read("eng", Fingerprint(count=3, sum="0"), AT)
    await journal.note_target("eng", target_plan(ADD), "", AT)
    await journal.quarantine("eng", "wiki", "Failed three times.", "cron", AT)
    await journal.quarantine("eng", "wiki", "", "dora", AT)
    await journal.adopt("wiki", [RecordKey("anna@x")], "dora", AT)

    assert [(event.type, event.aggregate_id, event.metadata["actor"]) for event in await events(log)] == [
        ("plan.kept", "plan:a1b2c3d4e5f6", "anna"),
        ("lease.taken", "lease:target:wiki", "engine@berlin-1"),
        ("run.started", "run:1", "anna"),
        ("plan.approved", "plan:a1b2c3d4e5f6", "berta"),
        ("plan.rejected", "plan:a1b2c3d4e5f6", "carl"),
        ("run.intended", "run:1", "engine@berlin-1"),
        ("run.concluded", "run:1", "engine@berlin-1"),
        ("run.stop_asked", "run:1", "dora"),
        ("run.ended", "run:1", "engine@berlin-1"),
        ("run.resumed", "run:1", "dora"),
        ("lease.released", "lease:target:wiki", "engine@berlin-1"),
        ("source.read", "sync:eng", "engine@berlin-1"),
        ("target.planned", "target:eng/wiki", "engine@berlin-1"),
        ("target.quarantined", "target:eng/wiki", "cron"),
        ("target.released", "target:eng/wiki", "dora"),
        ("target.adopted", "target:wiki", "dora"),
    ]


async def test_events_of_a_run_lead_to_its_plan_and_run(journal: RunJournal, log: StoredEventLog) -> None:
    run, lease = await begin(journal)
    await end_items(journal, run, lease, ItemState.REFUSED, [0])
    told = [event for event in await events(log) if event.aggregate_id == "run:1"]

    assert [(event.metadata["plan"], event.metadata["run"], event.metadata["sync"]) for event in told] == [
        (FIRST, run, "eng")
    ] * 4


async def test_items_that_went_wrong_have_an_event_each(journal: RunJournal, log: StoredEventLog) -> None:
    run, lease = await begin(journal)
    await journal.intend(run, [0, 1, 2, 3], lease, AT)
    states = (ItemState.DONE, ItemState.REFUSED, ItemState.FAILED, ItemState.DRIFTED)
    items = [
        replace(item, state=state, reason=f"because {state}")
        for item, state in zip(await journal.run_items(run), states, strict=True)
    ]
    await journal.conclude(run, items, AT)

    assert [(event.type, dict(event.data)) for event in (await events(log))[-4:]] == [
        ("run.concluded", {"concluded": {"done": 1, "refused": 1, "failed": 1, "drifted": 1}}),
        ("run.item.refused", {"item": "wiki/update/carl@x", "reason": "because refused", "target": "wiki"}),
        ("run.item.failed", {"item": "wiki/rename/old@x", "reason": "because failed", "target": "wiki"}),
        ("run.item.drifted", {"item": "wiki/remove/berta@x", "reason": "because drifted", "target": "wiki"}),
    ]


async def test_what_is_refused_leaves_neither_rows_nor_events(journal: RunJournal, log: StoredEventLog) -> None:
    run, lease = await begin(journal)
    before = await events(log)
    for refused in (
        journal.intend(run, [0, 99], lease, AT),
        journal.conclude(RunId(99), [replace((await journal.run_items(run))[0], state=ItemState.DONE)], AT),
        journal.end_run(RunId(99), RunState.DONE, "", verified=None, at=AT),
        journal.reopen_run(RunId(99), "anna", AT),
        journal.ask_to_stop(RunId(99), "anna", AT),
        journal.start_run(Digest("f" * 64), plan(), "anna", AT),
        journal.decide(Approval(digest=Digest("f" * 64), decision=Decision.APPROVE, approver="anna", at=AT)),
    ):
        with pytest.raises(NothingFound):
            await refused

    assert await events(log) == before
    assert await journal.owned("wiki") == frozenset()
    assert dict((await journal.run(run)).counts) == {"pending": 4}


async def test_no_intent_is_written_after_the_leases_time(journal: RunJournal) -> None:
    run, lease = await begin(journal)

    with pytest.raises(Locked, match="its time is over"):
        await journal.intend(run, [0], lease, AT + TTL)


async def test_a_lost_lease_names_who_has_it_now(journal: RunJournal) -> None:
    run, lease = await begin(journal)
    await journal.take_lease("target:wiki", "berta pid 2", TTL, AT + TTL)

    with pytest.raises(Locked, match=r"berta pid 2 took it at 2026-03-02 09:00:30 UTC"):
        await journal.intend(run, [0], lease, AT + TTL)


async def test_a_run_whose_lease_has_lapsed_is_interrupted(journal: RunJournal, clock: ManualClock) -> None:
    run, lease = await begin(journal)
    assert (await journal.run(run)).state is RunState.RUNNING

    await clock.advance(TTL)
    assert (await journal.run(run)).state is RunState.INTERRUPTED
    await journal.renew_lease(lease, TTL, clock.now())
    assert [summary.state for summary in await journal.runs(sync=None, limit=1)] == [RunState.RUNNING]


async def test_a_run_that_lost_its_lease_to_another_run_is_interrupted(journal: RunJournal, clock: ManualClock) -> None:
    first, lease = await begin(journal)
    await journal.release_lease(lease)
    await journal.take_lease("target:wiki", HOLDER, TTL, AT)
    second = await journal.start_run(FIRST, plan(), "anna", AT)

    assert (await journal.run(first)).state is RunState.INTERRUPTED
    assert (await journal.run(second)).state is RunState.RUNNING
    await journal.reopen_run(first, "anna", AT)
    assert (await journal.run(first)).state is RunState.RUNNING


async def test_an_ended_run_is_never_interrupted(journal: RunJournal, clock: ManualClock) -> None:
    run, _ = await begin(journal)
    await journal.end_run(run, RunState.DONE, "As wanted.", verified=True, at=AT)
    await clock.advance(timedelta(days=1))

    assert (await journal.run(run)).state is RunState.DONE


async def test_a_run_of_a_live_process_is_running_and_of_a_killed_one_interrupted(
    stranger: subprocess.Popen[str], journal: RunJournal
) -> None:
    assert (await journal.run(RunId(1))).state is RunState.RUNNING
    with pytest.raises(Locked, match=HOLDER):
        await journal.take_lease("target:wiki", "berta pid 2", TTL, AT)

    stranger.kill()
    stranger.wait()
    assert (await journal.run(RunId(1))).state is RunState.INTERRUPTED
    lease = await journal.take_lease("target:wiki", "berta pid 2", TTL, AT)
    assert lease.token == 2
    await journal.reopen_run(RunId(1), "berta", AT)
    assert (await journal.run(RunId(1))).state is RunState.RUNNING


async def test_a_stopped_run_of_another_process_hears_of_the_wish(
    stranger: subprocess.Popen[str], journal: RunJournal, state: Path, clock: ManualClock
) -> None:
    await journal.ask_to_stop(RunId(1), "berta", AT)

    async with open_database(state, read_only=True) as theirs:
        other = RunJournal(theirs, StoredEventLog(theirs, clock, NODE), clock)
        assert await other.asked_to_stop(RunId(1))


async def test_a_removal_found_already_absent_ends_ownership(journal: RunJournal) -> None:
    run, lease = await begin(journal)
    await journal.adopt("wiki", [RecordKey("berta@x")], "anna", AT)
    await end_items(journal, run, lease, ItemState.ALREADY, [3])

    assert await journal.owned("wiki") == frozenset()


async def test_too_short_a_prefix_is_refused_with_its_reason(journal: RunJournal) -> None:
    await journal.keep_plan(FIRST, plan(), b"body")

    with pytest.raises(NothingFound, match="give at least 6 digits"):
        await journal.plan_body("a1b2c")
    with pytest.raises(NothingFound, match=r"The newest are a1b2c3d4e5f6 \(eng\)"):
        await journal.plan_body("ffffff")
    assert (await journal.plan_body("A1B2C3D4"))[0] == FIRST


async def test_secrets_in_reasons_and_comments_reach_no_file(database: Database, clock: ManualClock) -> None:
    redactor = Redactor()
    redactor.register("hunter2-and-more")
    journal = RunJournal(database, StoredEventLog(database, clock, NODE, redactor=redactor), clock)
    secret = "hunter2-and-more was refused"
    broken = replace(plan(target_plan(ADD), target_plan(target="list", error=secret)), error="")
    run, lease = await begin(journal, broken)
    await journal.decide(Approval(digest=FIRST, decision=Decision.REJECT, approver="anna", at=AT, comment=secret))
    await journal.intend(run, [0], lease, AT)
    (item,) = await journal.run_items(run)
    await journal.conclude(run, [replace(item, state=ItemState.FAILED, reason=secret)], AT)
    await journal.end_run(run, RunState.FAILED, secret, verified=None, at=AT)
    await journal.note_target("eng", target_plan(error=secret), secret, AT)
    await journal.quarantine("eng", "wiki", secret, "anna", AT)

    kept = database.path.read_bytes() + database.path.with_name(database.path.name + "-wal").read_bytes()
    assert b"hunter2" not in kept
    assert b"was refused" in kept


async def test_a_run_of_a_hundred_thousand_items_starts_within_a_second(journal: RunJournal) -> None:
    changes = tuple(
        Change(action=Action.ADD, key=RecordKey(f"user{number:06}@x"), spelling=f"user{number:06}@x", after={})
        for number in range(100_000)
    )
    large = plan(target_plan(*changes, REMOVE))
    await journal.keep_plan(FIRST, large, b"body")
    before = time.process_time()
    run = await journal.start_run(FIRST, large, "anna", AT)
    spent = time.process_time() - before

    assert spent < 1
    assert dict((await journal.run(run)).counts) == {"pending": 100_001}
    assert [item.item for item in await journal.run_items(run, offset_index=100_000)] == ["wiki/remove/berta@x"]


async def test_a_reason_of_megabytes_is_cut_and_stops_no_run(journal: RunJournal, log: StoredEventLog) -> None:
    await journal.quarantine("eng", "wiki", "x" * 5_000_000, "anna", AT)
    (told,) = await events(log)

    assert len(told.data["quarantine"]) == 20_001


async def test_an_adoption_of_very_many_is_told_in_several_events(journal: RunJournal, log: StoredEventLog) -> None:
    keys = [RecordKey(f"{number:0800}") for number in range(6_000)]
    await journal.adopt("wiki", keys, "dora", AT)

    assert [len(event.data["adopted"]) for event in await events(log)] == [5_000, 1_000]
