"""What go-sync-kit v0.16 gets wrong about conflicts, and must be impossible here: real nodes, on real state files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.registry import Registry
from adapters.secrets import resolve
from engine.assembly import Engine, open_engine
from engine.errors import VersionConflict
from engine.events.event import Event, NewEvent
from engine.events.merging.queue import Choice, ConflictState, Take
from engine.events.merging.strategies import STRATEGIES
from engine.events.merging.strategy import Strategy
from engine.events.merging.view import view_of
from engine.events.replicating.messages import Limits, Selection
from engine.events.vector import Order, compare
from engine.settings.reading import load_workspace
from engine.settings.replication import Rule
from tests.doubles.clock import ManualClock
from tests.engine.events.merging.histories import AGGREGATE, Writers

ANN = "user:ann"
EMAIL = ("email",)


@asynccontextmanager
async def node(folder: Path, name: str) -> AsyncIterator[Engine]:
    home = folder / name
    home.mkdir(exist_ok=True)
    (home / "syncdeck.yaml").write_text(f"syncdeck: 1\nnode: {name}\n")
    workspace = load_workspace(home, Registry())
    opening = open_engine(workspace, Registry(), resolve, actor=f"op@{name}", clock=ManualClock())
    async with opening as engine:
        yield engine


@pytest.fixture
async def apart(tmp_path: Path) -> AsyncIterator[tuple[Engine, Engine]]:
    """Two nodes that edited one field apart, at the very same time by their clocks, and know of it."""
    async with AsyncExitStack() as stack:
        berlin = await stack.enter_async_context(node(tmp_path, "berlin"))
        lyon = await stack.enter_async_context(node(tmp_path, "lyon"))
        await write(berlin, {"email": "old"})
        await pull(lyon, berlin)
        await write(berlin, {"email": "b"})
        await write(lyon, {"email": "l"})
        await pull(lyon, berlin)
        await pull(berlin, lyon)
        yield berlin, lyon


async def write(engine: Engine, data: Any, aggregate: str = ANN) -> Event:
    (event,) = await engine.log.append([NewEvent(type="user.changed", aggregate_id=aggregate, data=data)])
    return event


async def pull(engine: Engine, source: Engine) -> None:
    batch = await source.replica.lacking(await engine.log.vector(), Limits(items=10_000), Selection())
    assert not (await engine.replica.receive(batch)).refusals


async def only(engine: Engine) -> str:
    (summary,) = await engine.conflicts.queue()
    return summary.id


async def value(engine: Engine, aggregate: str = ANN) -> Any:
    return (await engine.conflicts.view(aggregate)).value


async def test_every_concurrent_edit_reaches_the_rules(tmp_path: Path) -> None:
    """The kit looks for rivals among local events newer than the newest local one: none, so no resolver is ever run."""
    asked: list[int] = []

    def counting(contest: Any, rule: Rule) -> Any:
        asked.append(len(contest.candidates))
        return contest.candidates[0].value

    counted = Strategy(word="counted", summary="Counts.", decide=counting)
    async with node(tmp_path, "lyon") as lyon, node(tmp_path, "berlin") as berlin:
        for number in range(10):
            await write(lyon, {"email": "l"}, f"user:{number}")
            await write(berlin, {"email": "b"}, f"user:{number}")
        await pull(berlin, lyon)
        history = [await berlin.log.history(f"user:{number}") for number in range(10)]
    for number, events in enumerate(history):
        view_of(f"user:{number}", events, [Rule(use="counted")], {"counted": counted})
    assert asked == [2] * 10


@pytest.mark.parametrize("informed", [False, True])
async def test_concurrent_edits_are_a_conflict_and_ordered_ones_are_not(tmp_path: Path, informed: bool) -> None:
    """The kit's comparison answers 0 to equal and to concurrent: exactly the wrong ones count as conflicts."""
    async with node(tmp_path, "berlin") as berlin, node(tmp_path, "lyon") as lyon:
        await write(berlin, {"email": "b"})
        if informed:
            await pull(lyon, berlin)
        await write(lyon, {"email": "l"})
        await pull(berlin, lyon)
        assert await berlin.conflicts.count() == (0 if informed else 1)
        assert await value(berlin) == ({"email": "l"} if informed else {})


@pytest.mark.parametrize("word", ["last_write_wins", "first_write_wins"])
def test_a_tie_ends_the_same_way_on_every_node(word: str) -> None:
    """On a tie each of the kit's nodes keeps the other's value (or its own): they swap, or never agree."""
    writers = Writers("north", "south")
    one, other = writers.write("north", {"email": "n"}), writers.write("south", {"email": "s"})
    at_once = [type(event)(**{**_fields(event), "hlc": 1 << 16}) for event in (one, other)]
    shown = [view_of(AGGREGATE, events, [Rule(use=word)], STRATEGIES).value for events in (at_once, at_once[::-1])]
    assert shown[0] == shown[1]
    assert shown[0] == {"email": "s" if word == "last_write_wins" else "n"}


def _fields(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


async def test_a_conflict_drops_nothing_else_of_its_batch(tmp_path: Path) -> None:
    """The kit replaces a batch that has one conflict by what the resolver made, and drops the rest."""
    async with node(tmp_path, "berlin") as berlin, node(tmp_path, "lyon") as lyon:
        await write(berlin, {"email": "b"})
        for number in range(20):
            await write(lyon, {"email": "l", "number": number}, ANN if number == 10 else f"user:{number}")
        await pull(berlin, lyon)
        assert await berlin.conflicts.count() == 1
        for number in range(20):
            expected = {"number": 10} if number == 10 else {"email": "l", "number": number}
            assert await value(berlin, ANN if number == 10 else f"user:{number}") == expected


async def test_what_needs_a_person_waits_in_a_queue_and_keeps_both_sides(apart: tuple[Engine, Engine]) -> None:
    """The kit's manual review returns no events: the other side's edit is gone, and nothing waits anywhere."""
    for engine in apart:
        detail = await engine.conflicts.show(await only(engine))
        (verdict,) = detail.view.open
        assert {each.value for each in verdict.contest.candidates} == {"b", "l"}
        assert len(await engine.log.history(ANN)) == 3


async def test_keeping_a_side_writes_no_event_twice(apart: tuple[Engine, Engine]) -> None:
    """The kit stores the kept event again under its id: the pull dies of a UNIQUE constraint, then and for ever."""
    berlin, lyon = apart
    conflict = await only(berlin)
    await berlin.conflicts.resolve(conflict, {EMAIL: Choice(take=Take.CANDIDATE, candidate=0)})
    for _ in range(3):
        await pull(lyon, berlin)
        await pull(berlin, lyon)
    histories = [await engine.log.history(ANN) for engine in apart]
    assert [len(history) for history in histories] == [4, 4]
    assert {event.id for event in histories[0]} == {event.id for event in histories[1]}
    assert await value(berlin) == await value(lyon)


async def test_what_a_writer_knew_is_stored_and_comes_back(tmp_path: Path) -> None:
    """The kit stores no vector clock: on load it makes one of the local number, and every history looks linear."""
    async with node(tmp_path, "berlin") as berlin, node(tmp_path, "lyon") as lyon:
        first = await write(berlin, {"email": "b"})
        await pull(lyon, berlin)
        second = await write(lyon, {"email": "l"})
        await pull(berlin, lyon)
        third = await write(berlin, {"email": "c"})
    async with node(tmp_path, "berlin") as berlin:
        contexts = [dict(event.context) for event in await berlin.log.history(ANN)]
        fourth = await write(berlin, {"email": "d"})
    assert contexts == [{}, {first.origin: 1}, {first.origin: 1, second.origin: 1}]
    assert dict(fourth.context) == {first.origin: third.seq, second.origin: second.seq}


async def test_of_two_writers_at_once_one_is_told(apart: tuple[Engine, Engine]) -> None:
    """The kit reads a version, then writes: of two who do so at once, one overwrites the other unnoticed."""
    berlin, _ = apart
    version, _ = await berlin.log.version(ANN)
    await berlin.log.append([NewEvent(type="x", aggregate_id=ANN, data={"n": 1})], expected={ANN: version})
    with pytest.raises(VersionConflict):
        await berlin.log.append([NewEvent(type="x", aggregate_id=ANN, data={"n": 2})], expected={ANN: version})


@pytest.mark.parametrize(
    ("one", "other", "order"),
    [
        ({"a": 0}, {"b": 5}, Order.BEFORE),
        ({"a": 1}, {"b": 5}, Order.CONCURRENT),
        ({}, {"a": 0}, Order.EQUAL),
        ({"a": 10}, {"a": 9}, Order.AFTER),
    ],
)
def test_versions_compare_with_four_answers(one: Any, other: Any, order: Order) -> None:
    """The kit calls {a: 0} and {b: 5} equal."""
    assert compare(one, other) is order


async def test_decisions_are_durable_events_and_undo_undoes(tmp_path: Path) -> None:
    """The kit's audit trail is a map in memory, whose loss nobody notices; its rollback only analyses."""
    async with node(tmp_path, "berlin") as berlin, node(tmp_path, "lyon") as lyon:
        await write(berlin, {"email": "b"})
        await write(lyon, {"email": "l"})
        await pull(berlin, lyon)
        conflict = await only(berlin)
        choice = Choice(take=Take.VALUE, value="agreed")
        await berlin.conflicts.resolve(conflict, {EMAIL: choice}, comment="asked her")
    async with node(tmp_path, "berlin") as berlin, node(tmp_path, "lyon") as lyon:
        detail = await berlin.conflicts.show(conflict)
        decision = detail.history[-1]
        assert (detail.summary.state, detail.summary.settled_by) == (ConflictState.SETTLED, "op@berlin")
        assert (decision.metadata["comment"], decision.metadata["conflict"]) == ("asked her", conflict)
        await berlin.conflicts.undo(conflict)
        assert (await value(berlin), await only(berlin)) == ({}, conflict)
        await pull(lyon, berlin)
    async with node(tmp_path, "lyon") as lyon:
        assert await only(lyon) == conflict
        assert [event.type for event in await lyon.log.history(ANN)][-2:] == ["conflict.resolved", "conflict.reopened"]


async def test_redacting_a_decision_lets_its_conflict_wait_again(apart: tuple[Engine, Engine]) -> None:
    """What a decision said is gone for good, so nobody can claim that it still decides."""
    berlin, lyon = apart
    conflict = await only(berlin)
    choice = Choice(take=Take.VALUE, value="a secret by mistake")
    resolved = await berlin.conflicts.resolve(conflict, {EMAIL: choice})
    await pull(lyon, berlin)
    await berlin.log_care.redact(resolved.event.dot, "a secret by mistake")
    await pull(lyon, berlin)
    for engine in apart:
        assert await only(engine) == conflict
        assert (await engine.conflicts.view(ANN)).redacted
