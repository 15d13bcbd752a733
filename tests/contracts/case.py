"""A case of the endpoint contract, and the few verbs that cases are written in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from engine.errors import RemoteError
from engine.reconcile.plan import Action, Change
from engine.reconcile.ports import Found, Miss, Outcome, Result, Source, Target
from engine.reconcile.records import Carried, Value, fold
from tests.contracts.sandbox import SECRET, Circumstance, Member, Sandbox

Run = Callable[[Sandbox], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Case:
    """One promise of the contract: what must hold, and which circumstances it takes to show it."""

    name: str
    run: Run
    needs: frozenset[Circumstance]

    def fits(self, sandbox: type[Sandbox]) -> bool:
        return all(map(sandbox.offers, self.needs))


CASES: dict[str, Case] = {}


def case(*needs: Circumstance) -> Callable[[Run], Run]:
    """Enter a function into the contract; its name is the promise."""

    def enter(run: Run) -> Run:
        name = getattr(run, "__name__", "")
        assert name not in CASES, f"two cases are called {name}"
        CASES[name] = Case(name, run, frozenset(needs))
        return run

    return enter


@dataclass(frozen=True, slots=True)
class Reading:
    """All batches of one read, put together."""

    members: Mapping[str, Mapping[str, Value]]
    native_ids: Mapping[str, str]
    spellings: Sequence[str]
    carried: Sequence[Carried]


async def read(endpoint: Source) -> Reading:
    """Read everything, and demand what every read must keep: equal columns, one proof, at the end."""
    batches = [batch async for batch in endpoint.read()]
    assert batches, "a read without batches has no proof"
    assert [bool(batch.proof) for batch in batches] == [False] * (len(batches) - 1) + [True], (
        "one proof, on the last batch"
    )
    assert len({batch.names for batch in batches}) == 1, "every batch has the same names"
    members: dict[str, Mapping[str, Value]] = {}
    native_ids: dict[str, str] = {}
    for batch in batches:
        width = len(batch.names)
        assert len(batch.rows) in ({len(batch.spellings)} if width else {0}), "one row a record, or none at all"
        assert len(batch.native_ids) in {0, len(batch.spellings)}, "one native id a record, or none at all"
        assert all(len(row) == width for row in batch.rows), "one value a name"
        rows = batch.rows or [()] * len(batch.spellings)
        members |= {
            spelling: dict(zip(batch.names, row, strict=True))
            for spelling, row in zip(batch.spellings, rows, strict=True)
        }
        native_ids |= dict(zip(batch.spellings, batch.native_ids, strict=False))
    return Reading(
        members=members,
        native_ids=native_ids,
        spellings=[spelling for batch in batches for spelling in batch.spellings],
        carried=[carried for batch in batches for carried in batch.carried],
    )


async def write(endpoint: Target, changes: Sequence[Change]) -> list[Outcome]:
    """Write changes of one action in batches as large as the endpoint takes; return all outcomes in order."""
    outcomes: list[Outcome] = []
    size = endpoint.limits.batch_size
    for start in range(0, len(changes), size):
        some = changes[start : start + size]
        answer = await endpoint.write(some)
        assert len(answer) == len(some), "one outcome a change"
        outcomes += answer
    return outcomes


async def additions(endpoint: Target, members: Sequence[Member]) -> list[Change]:
    """Return changes that add members, looked up as a plan does it. Every one of them must be found."""
    found = await looked_up(endpoint, [member.spelling for member in members])
    changes = []
    for member in members:
        hit = found[member.spelling]
        assert isinstance(hit, Found), f"{member.spelling} is known and was not found: {hit}"
        spelling = hit.spelling or member.spelling
        changes.append(
            Change(
                action=Action.ADD,
                key=fold(spelling),
                spelling=spelling,
                native_id=hit.native_id,
                after=dict(member.attributes),
            )
        )
    return changes


async def looked_up(endpoint: Target, spellings: Sequence[str]) -> Mapping[str, Found | Miss]:
    """Resolve in chunks as a plan does; the answer has exactly what was asked."""
    answers: dict[str, Found | Miss] = {}
    for start in range(0, len(spellings), 1_000):
        chunk = spellings[start : start + 1_000]
        answer = await endpoint.resolve(chunk)
        assert set(answer) == set(chunk), "resolve answers what was asked, everything, and nothing else"
        answers |= answer
    return answers


def removals(reading: Reading, spellings: Sequence[str]) -> list[Change]:
    """Return changes that remove members as the target itself named them."""
    return [
        Change(
            action=Action.REMOVE,
            key=fold(spelling),
            spelling=spelling,
            native_id=reading.native_ids.get(spelling, ""),
            before=dict(reading.members.get(spelling, {})),
        )
        for spelling in spellings
    ]


def updates(reading: Reading, members: Sequence[Member]) -> list[Change]:
    """Return changes that give members these attributes."""
    return [
        Change(
            action=Action.UPDATE,
            key=fold(member.spelling),
            spelling=member.spelling,
            native_id=reading.native_ids.get(member.spelling, ""),
            before={name: reading.members.get(member.spelling, {}).get(name) for name in member.attributes},
            after=dict(member.attributes),
        )
        for member in members
    ]


def rename(reading: Reading, old: str, new: str) -> Change:
    """Return the change that gives a member another key."""
    native_id = reading.native_ids.get(old, "")
    return Change(action=Action.RENAME, key=fold(old), spelling=old, native_id=native_id, before={}, renamed_to=new)


def results(outcomes: Sequence[Outcome]) -> list[Result]:
    return [outcome.result for outcome in outcomes]


async def add(endpoint: Target, members: Sequence[Member]) -> list[Result]:
    return results(await write(endpoint, await additions(endpoint, members)))


async def held(sandbox: Sandbox) -> list[str]:
    """Return the members' spellings as the target holds them, sorted; a member twice stands twice."""
    return sorted(member.spelling for member in await sandbox.held())


def in_words(error: RemoteError) -> None:
    """Demand that an error is a sentence without secrets."""
    assert len(str(error).split()) >= 4, f"no sentence: {error!r}"
    assert SECRET not in str(error)
    assert SECRET not in repr(error)
