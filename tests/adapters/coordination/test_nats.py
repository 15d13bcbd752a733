"""What NATS alone does, on a real server: answers that are lost, lines that fall silent, crashes; and what it costs."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest

from adapters.coordination.nats.jetstream import EXPECTED_OF_SUBJECT
from adapters.coordination.nats.queue import Part, Place
from adapters.coordination.nats.reading import BATCH
from engine.clock import SystemClock
from engine.coordination.standing import ABSENT, Kind, Token
from engine.coordination.stream import Offset
from engine.errors import CoordinationUnavailable, KeyChanged
from tests.adapters.coordination.nats_bucket import administrator
from tests.contracts.coordination_sandboxes.nats import OnNats
from tests.contracts.store_case import (
    Member,
    following,
    give_up,
    granted,
    join,
    lapse_within,
    soon,
    stand,
    standing,
    until,
)
from tests.servers.engines import engine
from tests.servers.nats import start_nats
from tests.servers.server_process import ServerProcess
from tests.servers.switch_proxy import Line

ROUNDS = 500
GOAL_SECONDS = 0.004
SILENT = "did not answer"


class Direct(OnNats):
    """A sandbox without the switch."""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{engine('nats').port}"


@asynccontextmanager
async def two_ways(folder: Path) -> AsyncIterator[tuple[OnNats, OnNats]]:
    """A sandbox behind a switch, and the same namespace without."""
    async with OnNats(folder) as sandbox, Direct(folder) as direct:
        direct.namespace = sandbox.namespace
        yield sandbox, direct


async def _again(member: Member) -> None:
    async def answers() -> bool:
        try:
            await member.store.sessions()
        except CoordinationUnavailable:
            return False
        return True

    await until(answers)


async def test_a_claim_whose_answer_was_lost_is_repeated_and_has_the_same_token(tmp_path: Path) -> None:
    async with two_ways(tmp_path) as (sandbox, direct):
        member, onlooker = await join(sandbox), await direct.open()
        claim = member.ask("held")
        with sandbox.switch.turned(Line.ANSWERS_LOST):
            with pytest.raises(CoordinationUnavailable, match=SILENT) as told:
                await member.store.claim(claim)
            assert told.value.maybe_done
        holder = (await standing(onlooker, "held")).holder
        assert holder is not None
        await _again(member)
        assert await soon(member.store.claim(claim)) == holder.token
        assert await soon(member.store.renew(member.session)) == {("held", holder.token)}


async def test_a_release_whose_answer_was_lost_hands_over_once(tmp_path: Path) -> None:
    async with two_ways(tmp_path) as (sandbox, direct):
        member, other = await join(sandbox), await join(direct)
        claim, _ = await member.take("held")
        async with asyncio.TaskGroup() as group:
            waiting = await stand(group, other, "held")
            assert (await standing(member.store, "held")).waiters, "the holder knows it, and needs no second question"
            with sandbox.switch.turned(Line.ANSWERS_LOST):
                with pytest.raises(CoordinationUnavailable):
                    await member.store.release(claim)
                token = await granted(waiting)
            await _again(member)
            assert not await soon(member.store.release(claim))
            assert await soon(other.store.renew(other.session)) == {("held", token)}


async def test_a_write_whose_answer_was_lost_happened_once_and_its_repetition_finds_it(tmp_path: Path) -> None:
    async with two_ways(tmp_path) as (sandbox, direct):
        member, onlooker = await join(sandbox), await direct.open()
        first = await member.store.put("k", b"0")
        with sandbox.switch.turned(Line.ANSWERS_LOST), pytest.raises(CoordinationUnavailable, match=SILENT) as told:
            await member.store.put("k", b"1", expected=first)
        assert told.value.maybe_done
        entry = await onlooker.get("k")
        assert entry is not None
        assert entry.value == b"1"
        await _again(member)
        with pytest.raises(KeyChanged) as changed:
            await member.store.put("k", b"1", expected=first)
        assert changed.value.revision == entry.revision


async def test_a_session_whose_renewal_was_not_answered_is_renewed_by_the_next(tmp_path: Path) -> None:
    async with two_ways(tmp_path) as (sandbox, _):
        member = await join(sandbox)
        _, token = await member.take("held")
        with sandbox.switch.turned(Line.ANSWERS_LOST), pytest.raises(CoordinationUnavailable):
            await member.store.renew(member.session)
        await _again(member)
        for _ in range(2):
            assert await soon(member.store.renew(member.session)) == {("held", token)}


async def test_a_message_with_a_name_whose_answer_was_lost_is_not_appended_again(tmp_path: Path) -> None:
    async with two_ways(tmp_path) as (sandbox, _):
        member = await join(sandbox)
        streams = member.store.streams
        assert streams is not None
        assert await streams.append("s", b"", name="first") == 1
        with sandbox.switch.turned(Line.ANSWERS_LOST), pytest.raises(CoordinationUnavailable):
            await streams.append("s", b"", name="second", expected=Offset(1))
        await _again(member)
        assert await streams.append("s", b"", name="second", expected=Offset(1)) == 2
        assert len(await streams.read("s")) == 2


async def test_what_arrives_after_it_was_withdrawn_takes_no_effect(tmp_path: Path) -> None:
    """A claim that was sent, and perhaps lies about in a network, is followed by a message that makes it outdated."""
    async with two_ways(tmp_path) as (sandbox, direct):
        member, onlooker = await join(sandbox), await direct.open()
        claim = member.ask("held")
        with sandbox.switch.turned(Line.REQUESTS_LOST), pytest.raises(CoordinationUnavailable):
            await member.store.claim(claim)
        await _again(member)
        assert not await soon(member.store.release(claim))
        async with administrator(sandbox.namespace) as admin:
            data = msgspec.json.encode(Part(places=(Place(nonce=claim.nonce),)))
            late = await admin.put(admin.layout.part("held", claim.session), data, {EXPECTED_OF_SUBJECT: "0"})
        assert "wrong last sequence" in late["error"]["description"]
        assert (await standing(onlooker, "held")).holder is None


async def test_all_who_wait_hear_that_the_server_is_silent_when_one_does(tmp_path: Path) -> None:
    async with two_ways(tmp_path) as (sandbox, direct):
        holder, member = await join(direct), await join(sandbox)
        await holder.take("held")
        async with asyncio.TaskGroup() as group:
            line = [await stand(group, member, "held") for _ in range(3)]
            clock = SystemClock()
            with sandbox.switch.turned(Line.BLACKHOLE):
                begun = clock.monotonic()
                with pytest.raises(CoordinationUnavailable, match=SILENT):
                    await member.store.renew(member.session)
                for waiting in line:
                    with pytest.raises(CoordinationUnavailable):
                        await granted(waiting)
                assert clock.monotonic() - begun < 3
        assert len((await standing(holder.store, "held")).waiters) == 3, "their places are kept while the session is"


async def test_a_line_that_is_torn_while_something_is_sent_is_made_anew_at_once(tmp_path: Path) -> None:
    async with OnNats(tmp_path) as sandbox:
        member = await join(sandbox)
        for _ in range(5):
            async with asyncio.TaskGroup() as group:
                calls = [group.create_task(_unless_broken(member, number)) for number in range(20)]
                await asyncio.sleep(0)
                await sandbox.break_line()
            assert all(call.done() for call in calls)
            begun = sandbox.clock.monotonic()
            await _again(member)
            assert sandbox.clock.monotonic() - begun < 1, "before anything is taken for silent"


async def _unless_broken(member: Member, number: int) -> None:
    with suppress(CoordinationUnavailable):
        await member.store.put(f"k/{number}", b"x" * 100_000)


async def test_a_line_that_fell_silent_is_noticed_without_traffic_which_takes_two_beats(tmp_path: Path) -> None:
    async with OnNats(tmp_path) as sandbox:
        store = await sandbox.open()
        async with following(store) as changes:
            with sandbox.silent(), pytest.raises(CoordinationUnavailable, match="NATS"):
                await soon(anext(changes), 8)


async def test_a_quiet_line_is_not_taken_for_dead_which_takes_several_beats(tmp_path: Path) -> None:
    async with OnNats(tmp_path) as sandbox:
        store = await sandbox.open()
        async with following(store) as changes:
            with pytest.raises(TimeoutError):
                await soon(anext(changes), 7)
        async with following(store) as changes:
            await soon(store.put("k", b""))
            assert (await soon(anext(changes))).name == "k"


class OnDurable(OnNats):
    """At a server of its own."""

    server: ServerProcess

    def server_port(self) -> int:
        return self.server.port


@pytest.mark.parametrize("durable", [True, False], ids=["every message on the disk", "as NATS comes"])
async def test_a_server_that_is_killed_forgets_nothing_and_gives_no_token_again(durable: bool, tmp_path: Path) -> None:
    """Only a machine that loses its power does, unless every message is on the disk before it is acknowledged."""
    with start_nats(durable=durable) as server:
        OnDurable.server = server
        async with OnDurable(tmp_path) as sandbox:
            member = await join(sandbox)
            streams = member.store.streams
            assert streams is not None
            tokens: list[Token] = []
            for number in range(4):
                claim, token = await member.take("held")
                tokens.append(token)
                revision = await soon(member.store.put("k", str(number).encode()))
                offset = await soon(streams.append("s", b"", name=str(number)))
                server.kill()
                server.restart()
                await _again(member)
                assert await soon(member.store.renew(member.session)) == {("held", token)}
                entry = await soon(member.store.get("k"))
                assert entry is not None
                assert (entry.value, entry.revision) == (str(number).encode(), revision)
                assert await soon(streams.append("s", b"", name=str(number))) == offset == number + 1
                assert await soon(member.store.release(claim))
            assert tokens == sorted(set(tokens))


async def test_rounds_of_asking_and_giving_up_leave_no_keys(tmp_path: Path) -> None:
    async with Direct(tmp_path) as sandbox:
        holder, member = await join(sandbox), await join(sandbox)
        claim, _ = await holder.take("held")
        async with administrator(sandbox.namespace) as admin:
            before = await admin.subjects()
            async with asyncio.TaskGroup() as group:
                for number in range(ROUNDS):
                    asked = member.ask("held" if number % 2 else f"free/{number % 7}")
                    call = group.create_task(member.store.claim(asked))
                    for _ in range(number % 5):
                        await asyncio.sleep(0)
                    call.cancel()
                    await asyncio.wait([call])
                    await soon(member.store.release(asked))
            assert await admin.subjects() == before
            assert (await standing(holder.store, "held")).waiters == ()
            await soon(holder.store.release(claim))
            for each in (holder, member):
                await soon(each.store.end(each.session))
            assert await admin.subjects() == frozenset()

            async def two() -> bool:
                return await admin.consumers() == 2

            await until(two)


@pytest.mark.parametrize("crowd", [2, 64])
async def test_a_hand_over_is_one_message_however_many_wait(crowd: int, tmp_path: Path) -> None:
    async with Direct(tmp_path) as sandbox, administrator(sandbox.namespace) as admin:
        holder, members = await join(sandbox), [await join(sandbox) for _ in range(4)]
        claim, _ = await holder.take("held")
        async with asyncio.TaskGroup() as group:
            line = [(one, await stand(group, one, "held")) for one in (members * crowd)[:crowd]]
            async with admin.counting(f"{admin.layout.queues}.>") as sent:
                assert await soon(holder.store.release(claim))
                for member, waiting in line:
                    await granted(waiting)
                    assert await soon(member.store.release(waiting.claim))
        assert sent.total() <= (crowd + 1) * 1.5, "now and then a release has to look again"


async def test_a_dead_holder_is_followed_by_one_process_alone_however_many_wait(tmp_path: Path) -> None:
    async with Direct(tmp_path) as sandbox, administrator(sandbox.namespace) as admin:
        dying, members = await join(sandbox, ttl=sandbox.ttl), [await join(sandbox) for _ in range(4)]
        _, token = await dying.take("held")
        async with asyncio.TaskGroup() as group:
            line = [(one, await stand(group, one, "held")) for one in members * 4]
            async with admin.counting(f"{admin.layout.queues}.>") as sent:
                await sandbox.kill(dying.store)
                assert await granted(line[0][1], lapse_within(sandbox) + 1) > token
                assert sent.total() <= 2
            for member, waiting in reversed(line):
                await give_up(member, waiting)


async def test_a_dead_holder_that_nobody_waits_for_is_buried_by_a_process_that_lives(tmp_path: Path) -> None:
    async with Direct(tmp_path) as sandbox, administrator(sandbox.namespace) as admin:
        dying, others = await join(sandbox, ttl=sandbox.ttl), [await join(sandbox) for _ in range(3)]
        await dying.take("held")
        await sandbox.kill(dying.store)

        async def buried() -> bool:
            return await admin.subjects() == {admin.layout.session(other.session) for other in others}

        await until(buried)


async def test_what_somebody_asks_whose_session_is_over_is_in_nobodys_way(tmp_path: Path) -> None:
    """It was sent before, and arrives after the end."""
    async with Direct(tmp_path) as sandbox, administrator(sandbox.namespace) as admin:
        ended, member = await join(sandbox), await join(sandbox)
        await soon(ended.store.end(ended.session))
        late = admin.layout.part("held", ended.session)
        wrote = await admin.put(late, msgspec.json.encode(Part(places=(Place(nonce="n"),))), {})
        _, token = await member.take("held")
        assert token > wrote["seq"]

        async def taken_away() -> bool:
            return late not in await admin.subjects()

        await until(taken_away)


async def test_a_hold_that_lasts_is_shown_with_its_beginning_when_nobody_remembers_who_was_before(
    tmp_path: Path,
) -> None:
    async with Direct(tmp_path) as sandbox, administrator(sandbox.namespace) as admin:
        before, member = await join(sandbox), await join(sandbox)
        claim, first = await before.take("held")
        async with asyncio.TaskGroup() as group:
            waiting = await stand(group, member, "held")
            await before.store.release(claim)
            token = await granted(waiting)
        begun = await standing(member.store, "held")
        await soon(member.store.renew(member.session))
        await soon(before.store.end(before.session))
        await admin.forget(admin.layout.part("held", before.session))

        async def written_down() -> bool:
            found = await standing(await sandbox.open(), "held")
            assert (found.holder is None or found.holder.token) == token
            return found.holder == begun.holder and [hold.token for hold in found.past] == [first]

        await until(written_down)


async def test_whoever_comes_later_buries_who_died_while_nobody_looked(tmp_path: Path) -> None:
    async with Direct(tmp_path) as sandbox, administrator(sandbox.namespace) as admin:
        dying = await join(sandbox, ttl=sandbox.ttl)
        _, before = await dying.take("held")
        await sandbox.kill(dying.store)

        async def lapsed() -> bool:
            return admin.layout.session(dying.session) not in await admin.subjects()

        await until(lapsed)
        member = await join(sandbox)
        assert (await standing(member.store, "held")).holder is None
        _, token = await member.take("held")
        assert token > before


async def test_a_hand_over_takes_less_than_the_goal(tmp_path: Path) -> None:
    clock = SystemClock()
    took: list[float] = []
    async with Direct(tmp_path) as sandbox:
        members = [await join(sandbox), await join(sandbox)]
        claim, _ = await members[0].take("held")
        for number in range(100):
            holder, waiter = members[number % 2], members[1 - number % 2]
            async with asyncio.TaskGroup() as group:
                waiting = await stand(group, waiter, "held")
                begun = clock.monotonic()
                release = group.create_task(holder.store.release(claim))
                await granted(waiting)
                took.append(clock.monotonic() - begun)
                await release
            claim = waiting.claim
    assert statistics.median(took) <= GOAL_SECONDS


async def test_a_list_of_many_keys_is_read_page_by_page(tmp_path: Path) -> None:
    async with Direct(tmp_path) as sandbox:
        store = await sandbox.open()
        keys = [f"many/{number:03}" for number in range(3 * BATCH)]
        async with asyncio.TaskGroup() as group:
            for key in keys:
                group.create_task(store.put(key, key.encode()))
        assert [entry.key for entry in await soon(store.entries("many/"))] == keys
        for key in keys[:120]:
            await store.delete(key)
        page = await soon(store.entries("many/", limit=50))
        assert [entry.key for entry in page] == keys[120:170]
        page = await soon(store.entries("many/", after=page[-1].key, limit=500))
        assert [entry.key for entry in page] == keys[170:]
        assert await soon(store.put(keys[0], b"anew", expected=ABSENT)) > page[-1].revision


async def test_a_change_of_a_key_is_told_with_what_is_left_of_it(tmp_path: Path) -> None:
    async with Direct(tmp_path) as sandbox:
        store = await sandbox.open()
        async with following(store) as changes:
            await soon(store.put("k", b"brief", expires=sandbox.long))
            change = await soon(anext(changes))
            assert change.kind is Kind.KEY
            assert change.entry is not None
            assert change.entry.left is not None
            assert change.entry.left <= sandbox.long
