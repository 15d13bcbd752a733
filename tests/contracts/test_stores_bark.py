"""The stores' contract is itself tried: stores with the defects of real lock services and libraries are caught."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from hashlib import md5
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from engine.clock import Clock
from engine.coordination.memory.backend import MemoryBackend, MemoryStore
from engine.coordination.memory.holdings import Holdings, Place, Queue
from engine.coordination.memory.streams import MemoryStreams
from engine.coordination.memory.values import Values
from engine.coordination.standing import (
    Change,
    Claim,
    Ending,
    Entry,
    Fence,
    Kind,
    Revision,
    SessionId,
    Token,
    Who,
)
from engine.coordination.store import Revoked
from engine.coordination.stream import START, Message, Offset
from tests.contracts.coordination_sandboxes.memory import InMemory
from tests.contracts.store_case import StoreCase
from tests.contracts.test_stores import SUITES

CASES: dict[str, StoreCase] = {name: case for suite in SUITES for name, case in suite.cases.items()}


# -- queues and tokens ------------------------------------------------------------------------------------------------


class CountsTokensAnewWhenFree(Holdings):
    """As Consul's LockIndex, which begins again with the key (1, 1, 1 over three grants)."""

    def release(self, claim: Claim, at: datetime) -> bool:
        self._tokens = count(1)
        return super().release(claim, at)


class ServesWhoeverCameLast(Holdings):
    def _serve(self, queue: Queue, at: datetime) -> None:
        if queue.places and queue.places[0].token is None:
            queue.places.insert(0, queue.places.pop())
        super()._serve(queue, at)


class LeavesItToTheWaitersToLook(Holdings):
    """Frees, and hands nothing over: waiters are to poll (tooz, redis-py)."""

    def _leave(self, place: Place, ending: Ending, at: datetime) -> None:
        queue = self._queues[place.claim.name]
        queue.places.remove(place)


class WakesEverybody(Holdings):
    def _serve(self, queue: Queue, at: datetime) -> None:
        super()._serve(queue, at)
        for place in queue.places[1:]:
            for waiting in place.served:
                if not waiting.done():
                    waiting.set_result(Token(next(self._tokens)))


class KeepsThePlaceOfWhoGaveUp(Holdings):
    def release(self, claim: Claim, at: datetime) -> bool:
        head = self._head(claim.name)
        return head is not None and head.claim == claim and super().release(claim, at)


class QueuesARepeatedClaimAgain(Holdings):
    """A client that repeats what was not harmless to repeat (redis-py's default)."""

    def stand(self, claim: Claim, value: bytes, at: datetime, *, wait: bool) -> Place | None:
        again = sum(place.claim.nonce.startswith(claim.nonce) for place in self._queues.get(claim.name, Queue()).places)
        other = Claim(claim.session, claim.name, claim.nonce + "'" * again) if again else claim
        return super().stand(other, value, at, wait=wait)


class ReleasesWhateverHasTheName(Holdings):
    """get, then delete: frees another's lock (tooz on memcached)."""

    def release(self, claim: Claim, at: datetime) -> bool:
        head = self._head(claim.name)
        return super().release(head.claim if head is not None else claim, at)


class RevokesWhoeverHolds(Holdings):
    def revoke(self, name: str, token: Token, at: datetime) -> bool:
        head = self._head(name)
        return head is not None and head.token is not None and super().revoke(name, head.token, at)


class RenewsWhatWasTakenAway(Holdings):
    """The holder is never told (etcd3gw's heartbeat)."""

    def renew(self, session: SessionId, now: float) -> frozenset[tuple[str, Token]]:
        self.given = getattr(self, "given", frozenset()) | super().renew(session, now)
        past = {
            (name, hold.token)
            for name, queue in self._queues.items()
            for hold in queue.past
            if hold.who == self._living(session).who
        }
        return self.given | past


class NeverLapses(Holdings):
    def next_deadline(self) -> None:
        return None

    def sweep(self, now: float, at: datetime) -> None:
        pass


class LapsesTooSoon(Holdings):
    def begin(self, who: Who, ttl: timedelta, revoked: Revoked, now: float, at: datetime) -> SessionId:
        session = super().begin(who, ttl, revoked, now, at)
        self._sessions[session].deadline -= ttl.total_seconds() / 2
        return session


class LapsesAfterAFixedTime(Holdings):
    """Renewing changes nothing (redsync's expiry in go-sync)."""

    def renew(self, session: SessionId, now: float) -> frozenset[tuple[str, Token]]:
        deadline = self._living(session).deadline
        granted = super().renew(session, now)
        self._living(session).deadline = deadline
        return granted


class EndsSessionsAndKeepsTheirGrants(Holdings):
    def _end(self, sessions: Any, at: datetime) -> None:
        for session in sessions:
            del self._sessions[session]
            self._tell(Change(kind=Kind.SESSION, name=session))


class HandsOverToTheDying(Holdings):
    def _end(self, sessions: Any, at: datetime) -> None:
        places = [place for queue in self._queues.values() for place in queue.places if place.claim.session in sessions]
        for place in places:
            if place in self._queues[place.claim.name].places:
                self._leave(place, Ending.LAPSED, at)
        for session in sessions:
            del self._sessions[session]


class StandsInLineThoughToldNotTo(Holdings):
    def stand(self, claim: Claim, value: bytes, at: datetime, *, wait: bool) -> Place | None:
        place = super().stand(claim, value, at, wait=True)
        return place if wait or (place is not None and place.token is not None) else None


class SharesANameOfTwoBytes(MemoryStore):
    """The first two bytes of a digest (tooz on PostgreSQL: 492 names suffice)."""

    async def claim(self, claim: Claim, value: bytes = b"", *, wait: bool = True) -> Token | None:
        short = md5(claim.name.encode()).hexdigest()[:1]
        return await super().claim(Claim(claim.session, short, claim.nonce), value, wait=wait)


class TakesASlashForADash(MemoryStore):
    """As go-sync does on etcd."""

    async def claim(self, claim: Claim, value: bytes = b"", *, wait: bool = True) -> Token | None:
        return await super().claim(Claim(claim.session, claim.name.replace("/", "-"), claim.nonce), value, wait=wait)


class ProclaimsForAnybody(Holdings):
    def proclaim(self, claim: Claim, value: bytes) -> bool:
        head = self._head(claim.name)
        return head is not None and super().proclaim(head.claim, value)


# -- keys -------------------------------------------------------------------------------------------------------------


class ExpectsNothing(Values):
    def expect(self, key: str, expected: Revision | None) -> None:
        pass


class ComparesInOneStepAndSetsInAnother(MemoryStore):
    async def put(
        self,
        key: str,
        value: bytes,
        *,
        expected: Revision | None = None,
        expires: timedelta | None = None,
        fence: Fence | None = None,
    ) -> Revision:
        self._values.expect(key, expected)
        await asyncio.sleep(0)
        return await super().put(key, value, expires=expires, fence=fence)


class NumbersAKeyAnewAfterItsDeletion(Values):
    def put(self, key: str, value: bytes, deadline: float | None) -> Revision:
        before = self._values.get(key)
        super().put(key, value, deadline)
        self._values[key].revision = Revision(before.revision + 1 if before is not None else 1)
        return self._values[key].revision


class KeepsTheTimeOfTheFirstWrite(Values):
    def put(self, key: str, value: bytes, deadline: float | None) -> Revision:
        before = self._values.get(key)
        return super().put(key, value, before.deadline if before is not None else deadline)


class NeverExpires(Values):
    def put(self, key: str, value: bytes, deadline: float | None) -> Revision:
        return super().put(key, value, None)


class WritesWithoutLookingAtTheFence(Holdings):
    def check(self, fence: Fence | None) -> None:
        pass


class TakesAnyHolderForTheRightOne(Holdings):
    def check(self, fence: Fence | None) -> None:
        if fence is None or self._head(fence.name) is None:
            super().check(fence)


class ListsByPattern(Values):
    def entries(self, prefix: str, after: str, limit: int, now: float) -> list[Entry]:
        keys = sorted(key for key in self._values if fnmatchcase(key, prefix + "*") and key > after)[:limit]
        return [entry for key in keys if (entry := self.get(key, now)) is not None]


class BeginsAPageWithTheLastOne(Values):
    def entries(self, prefix: str, after: str, limit: int, now: float) -> list[Entry]:
        before = max((key for key in self._values if key < after), default="")
        return super().entries(prefix, before, limit, now)


class ListsInTheOrderOfWriting(Values):
    def entries(self, prefix: str, after: str, limit: int, now: float) -> list[Entry]:
        return sorted(super().entries(prefix, after, limit, now), key=lambda entry: entry.revision)


# -- feed -------------------------------------------------------------------------------------------------------------


class SaysNotThatItIsUp(MemoryStore):
    async def follow(self) -> AsyncGenerator[Change, None]:
        async for change in super().follow():
            if change.kind is not Kind.SYNCED:
                yield change


class ForgetsDeletions(MemoryStore):
    async def follow(self) -> AsyncGenerator[Change, None]:
        async for change in super().follow():
            if change.kind is not Kind.KEY or change.entry is not None:
                yield change


class TellsOnlyTheFirstOfABurst(MemoryStore):
    async def follow(self) -> AsyncGenerator[Change, None]:
        seen: set[str] = set()
        async for change in super().follow():
            if change.name not in seen or change.kind is not Kind.KEY:
                seen.add(change.name)
                yield change


class BeginsWithThePast(MemoryStore):
    async def follow(self) -> AsyncGenerator[Change, None]:
        before = await self.entries()
        async for change in super().follow():
            yield change
            for entry in before:
                yield Change(kind=Kind.KEY, name=entry.key, entry=entry)
            before = []


class TellsNoClaims(MemoryStore):
    async def follow(self) -> AsyncGenerator[Change, None]:
        async for change in super().follow():
            if change.kind is not Kind.CLAIM:
                yield change


# -- streams ----------------------------------------------------------------------------------------------------------


class AppendsTwice(MemoryStreams):
    async def append(self, stream: str, data: bytes, *, name: str = "", expected: Offset | None = None) -> Offset:
        return await super().append(stream, data, expected=expected)


class AppendsAnywhere(MemoryStreams):
    async def append(self, stream: str, data: bytes, *, name: str = "", expected: Offset | None = None) -> Offset:
        return await super().append(stream, data, name=name)


class UsesOffsetsAgain(MemoryStreams):
    async def trim(self, stream: str, until: Offset) -> int:
        gone = await super().trim(stream, until)
        if stream in self._kept and not self._kept[stream].messages:
            self._kept[stream].last = START
        return gone


class FollowsFromWhatIsThereWhenAsked(MemoryStreams):
    async def follow(self, stream: str, after: Offset = START) -> AsyncGenerator[Message, None]:
        async for message in super().follow(stream, await self.last(stream)):
            yield message


class ReadsFirstAndListensThen(MemoryStreams):
    async def follow(self, stream: str, after: Offset = START) -> AsyncGenerator[Message, None]:
        for message in await self.read(stream, after):
            yield message
        await asyncio.sleep(0)
        async for message in super().follow(stream, await self.last(stream)):
            yield message


CAUGHT: dict[type[Holdings | Values | MemoryStore | MemoryStreams], str] = {
    CountsTokensAnewWhenFree: "tokens_rise_however_a_hold_ends",
    ServesWhoeverCameLast: "eight_waiters_are_served_in_the_order_in_which_they_asked",
    LeavesItToTheWaitersToLook: "a_release_hands_over_to_the_first_in_line",
    WakesEverybody: "eight_waiters_are_served_in_the_order_in_which_they_asked",
    KeepsThePlaceOfWhoGaveUp: "whoever_gives_up_leaves_no_place",
    QueuesARepeatedClaimAgain: "a_claim_that_comes_again_finds_its_grant",
    ReleasesWhateverHasTheName: "releasing_what_is_over_is_false_and_frees_nobody",
    RevokesWhoeverHolds: "revoking_with_an_old_token_does_nothing",
    RenewsWhatWasTakenAway: "revoking_serves_the_next_and_tells_the_holder",
    NeverLapses: "a_holder_that_died_is_followed_by_the_next_in_line",
    LapsesTooSoon: "a_session_that_is_not_renewed_lapses_after_its_ttl_and_not_before",
    LapsesAfterAFixedTime: "a_session_that_is_renewed_lives_on",
    EndsSessionsAndKeepsTheirGrants: "ending_a_session_serves_all_who_wait_for_what_it_held",
    HandsOverToTheDying: "what_a_session_held_never_goes_to_its_own_next_place",
    StandsInLineThoughToldNotTo: "whoever_does_not_wait_leaves_no_place",
    SharesANameOfTwoBytes: "names_are_told_apart_whatever_they_are_made_of",
    TakesASlashForADash: "names_are_told_apart_whatever_they_are_made_of",
    ProclaimsForAnybody: "a_holder_may_proclaim_something_else",
    ExpectsNothing: "a_write_that_expects_another_revision_writes_nothing",
    ComparesInOneStepAndSetsInAnother: "of_all_who_expect_the_same_one_writes",
    NumbersAKeyAnewAfterItsDeletion: "revisions_rise_over_a_deletion",
    KeepsTheTimeOfTheFirstWrite: "a_write_without_a_time_keeps_the_key_for_ever",
    NeverExpires: "a_key_vanishes_when_its_time_is_over_and_not_before",
    WritesWithoutLookingAtTheFence: "a_fenced_write_is_refused_however_the_grant_ended",
    TakesAnyHolderForTheRightOne: "a_fenced_write_is_refused_once_the_next_holds",
    ListsByPattern: "keys_are_listed_by_prefix_in_the_order_of_code_points",
    BeginsAPageWithTheLastOne: "a_list_is_read_in_pages",
    ListsInTheOrderOfWriting: "keys_are_listed_by_prefix_in_the_order_of_code_points",
    SaysNotThatItIsUp: "a_write_is_told_with_its_value",
    ForgetsDeletions: "a_deletion_is_told",
    TellsOnlyTheFirstOfABurst: "the_last_state_is_told_however_quick_the_changes",
    BeginsWithThePast: "nothing_is_told_where_nothing_happens",
    TellsNoClaims: "every_step_of_a_claim_is_told",
    AppendsTwice: "a_message_with_a_known_name_is_not_appended_again",
    AppendsAnywhere: "appending_where_something_else_is_last_appends_nothing",
    UsesOffsetsAgain: "what_is_trimmed_is_gone_and_its_offsets_are_not_used_again",
    FollowsFromWhatIsThereWhenAsked: "following_gives_what_there_is_and_what_comes",
    ReadsFirstAndListensThen: "nobody_misses_or_hears_twice_what_is_appended_while_he_begins",
}


class Defective(MemoryBackend):
    """A backend with one part of another kind."""

    def __init__(self, clock: Clock, kind: type) -> None:
        super().__init__(clock)
        self._store = kind if issubclass(kind, MemoryStore) else MemoryStore
        if issubclass(kind, Holdings):
            self.holdings = kind(self._tell)
        if issubclass(kind, Values):
            self.values = kind(self._tell)
        if issubclass(kind, MemoryStreams):
            self.streams = kind(clock)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[MemoryStore]:
        async with super().open():
            yield self._store(self)


def tried(case: StoreCase, kind: type, folder: Path) -> Sequence[BaseException]:
    """Return what a case has to say of a store with a part of this kind."""

    async def run() -> None:
        async with InMemory(folder) as sandbox:
            sandbox._backend = Defective(sandbox.clock, kind)
            await case.run(sandbox)

    try:
        InMemory.play(run())
    except (Exception, BaseExceptionGroup, pytest.fail.Exception) as error:  # noqa: BLE001 - whatever the verdict is
        return [error]
    return []


@pytest.mark.parametrize("kind", CAUGHT, ids=lambda kind: kind.__name__)
def test_a_store_with_this_defect_is_caught(kind: type, tmp_path: Path) -> None:
    assert tried(CASES[CAUGHT[kind]], kind, tmp_path)


@pytest.mark.parametrize("name", sorted(set(CAUGHT.values())))
def test_a_store_without_defect_is_not(name: str, tmp_path: Path) -> None:
    assert tried(CASES[name], Holdings, tmp_path) == []
