"""A case of the contracts of stores and of what is built on them, and the few verbs that cases are written in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import TypeVar, cast

from engine.coordination.promises import Feature
from engine.coordination.standing import Change, Claim, ClaimStanding, Entry, Kind, SessionId, Token, Who
from engine.coordination.store import Store
from engine.errors import CoordinationError
from tests.contracts.store_sandbox import Circumstance, StoreSandbox

T = TypeVar("T")

Run = Callable[[StoreSandbox], Awaitable[None]]

PATIENCE = 20.0
"""Seconds until something that has to happen soon is taken for never."""


@dataclass(frozen=True, slots=True)
class StoreCase:
    """One promise of a contract: what must hold, which features and which circumstances it takes to show it."""

    name: str
    run: Run
    needs: frozenset[Feature | Circumstance]

    def fits(self, sandbox: type[StoreSandbox]) -> bool:
        refused = sandbox.promises.refusals.keys()
        return all(need not in refused and need not in sandbox.lacks for need in self.needs)


class Suite:
    """The cases of one contract."""

    def __init__(self) -> None:
        self.cases: dict[str, StoreCase] = {}

    def case(self, *needs: Feature | Circumstance) -> Callable[[Run], Run]:
        """Enter a function into the contract; its name is the promise."""

        def enter(run: Run) -> Run:
            name = getattr(run, "__name__", "")
            assert name not in self.cases, f"two cases are called {name}"
            self.cases[name] = StoreCase(name, run, frozenset(needs))
            return run

        return enter


@dataclass(slots=True)
class Member:
    """A process that takes part: its store, a session, and what it was told."""

    store: Store
    session: SessionId
    who: Who
    told: list[tuple[str, Token]] = field(default_factory=list)
    nonces: count[int] = field(default_factory=count)

    def ask(self, name: str) -> Claim:
        """Return a claim that was never made before."""
        return Claim(self.session, name, f"n{next(self.nonces)}")

    async def take(self, name: str, value: bytes = b"") -> tuple[Claim, Token]:
        """Claim a name that is free."""
        claim = self.ask(name)
        token = await soon(self.store.claim(claim, value))
        assert token is not None, f"{name} is free and was not granted"
        return claim, token


@dataclass(slots=True)
class Waiting:
    """Somebody who stands in line."""

    claim: Claim
    call: asyncio.Task[Token | CoordinationError | None]
    """An error is returned, not raised: it ends nobody else's waiting."""


_names = count(1)


async def join(sandbox: StoreSandbox, *, ttl: timedelta | None = None, store: Store | None = None) -> Member:
    """Begin a session, in a process of its own unless a store is given; nobody outlives it unless a ttl is given."""
    store = store or await sandbox.open()
    number = next(_names)
    who = Who(node=f"node-{number}", actor=f"anna@host-{number}", pid=1_000 + number, purpose="trying")
    told: list[tuple[str, Token]] = []
    session = await soon(store.begin(who, ttl or sandbox.long, lambda name, token: told.append((name, token))))
    return Member(store=store, session=session, who=who, told=told)


async def soon(work: Awaitable[T], within: float = PATIENCE) -> T:
    """Return what has to come soon."""
    async with asyncio.timeout(within):
        return await work


async def until(holds: Callable[[], Awaitable[T]], within: float = PATIENCE) -> T:
    """Ask until the answer is true, and return it."""
    async with asyncio.timeout(within):
        while not (answer := await holds()):  # noqa: ASYNC110 - a server is asked, not this process
            await asyncio.sleep(0.005)
    return answer


async def standing(store: Store, name: str) -> ClaimStanding:
    """Return how a name stands; one that nobody holds or waits for need not be listed."""
    for claim in await soon(store.claims(name)):
        if claim.name == name:
            return claim
    return ClaimStanding(name=name, holder=None)


async def stand(group: asyncio.TaskGroup, member: Member, name: str, claim: Claim | None = None) -> Waiting:
    """Stand in line for a name that others hold; return when the place is taken."""
    claim = claim or member.ask(name)
    before = len((await standing(member.store, name)).waiters)
    call = group.create_task(_asking(member.store, claim))

    async def stands() -> bool:
        return call.done() or len((await standing(member.store, name)).waiters) > before

    await until(stands)
    return Waiting(claim, call)


async def _asking(store: Store, claim: Claim) -> Token | CoordinationError | None:
    try:
        return await store.claim(claim)
    except CoordinationError as error:
        return error


async def give_up(member: Member, waiting: Waiting) -> bool:
    """Stop waiting as whoever was cancelled does: end the call, then release."""
    waiting.call.cancel()
    await asyncio.wait([waiting.call])
    return await soon(member.store.release(waiting.claim))


async def granted(waiting: Waiting, within: float = PATIENCE) -> Token:
    """Return the token of somebody whose turn has come."""
    answer = await soon(asyncio.shield(waiting.call), within)
    if isinstance(answer, CoordinationError):
        raise answer
    assert answer is not None
    return answer


def lapse_within(sandbox: StoreSandbox) -> float:
    """Return after how many seconds a session with the sandbox's ttl has lapsed at the latest."""
    return (sandbox.ttl + sandbox.slack).total_seconds()


@asynccontextmanager
async def following(store: Store) -> AsyncIterator[AsyncGenerator[Change, None]]:
    """Follow a store for a block, from `SYNCED` on."""
    async with aclosing(cast("AsyncGenerator[Change, None]", store.follow())) as changes:
        first = await soon(anext(changes))
        assert first.kind is Kind.SYNCED, f"the first that is told is SYNCED, not {first}"
        yield changes


async def told_of(changes: AsyncGenerator[Change, None], kind: Kind, name: str, within: float = PATIENCE) -> Change:
    """Return the next change of that thing."""
    async with asyncio.timeout(within):
        while True:
            change = await anext(changes)
            if change.kind is kind and change.name == name:
                return change


async def all_entries(store: Store, prefix: str = "", limit: int = 1_000) -> Sequence[Entry]:
    """Return every entry with a prefix, page by page."""
    found: list[Entry] = []
    after = ""
    while True:
        page = await soon(store.entries(prefix, after=after, limit=limit))
        assert all(entry.key > after for entry in page), "a page begins after the last one"
        found += page
        if len(page) < limit:
            return found
        after = page[-1].key
