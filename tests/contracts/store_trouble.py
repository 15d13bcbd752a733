"""What every store promises when its backend is away, silent, or starts anew."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from engine.coordination.promises import Feature
from engine.coordination.standing import Kind
from engine.errors import CoordinationUnavailable, SessionLost
from tests.contracts.store_case import PATIENCE, Member, Suite, following, join, lapse_within, soon, told_of, until
from tests.contracts.store_sandbox import Circumstance, StoreSandbox

TROUBLE = Suite()


async def _fails(work: Awaitable[object], member: Member) -> None:
    with pytest.raises(CoordinationUnavailable) as told:
        await soon(work)
    said = str(told.value)
    assert len(said.split()) >= 4, f"no sentence: {said!r}"
    assert member.store.promises.backend.split()[0].lower() in said.lower(), f"names no backend: {said!r}"
    assert "Traceback" not in said


async def _answers(member: Member) -> None:
    """Wait until the store answers again."""

    async def answering() -> bool:
        try:
            await member.store.claims()
        except CoordinationUnavailable:
            return False
        return True

    await until(answering)


@TROUBLE.case(Feature.LOCK, Circumstance.UNREACHABLE)
async def a_backend_that_cannot_be_reached_is_told_in_words(sandbox: StoreSandbox) -> None:
    member = await join(sandbox)
    claim, token = await member.take("held")
    with sandbox.unreachable():
        await _fails(member.store.claim(member.ask("free")), member)
        await _fails(member.store.release(claim), member)
        await _fails(member.store.renew(member.session), member)
        await _fails(member.store.revoke("held", token), member)
        await _fails(member.store.claims(), member)
        await _fails(member.store.sessions(), member)
    await _answers(member)


@TROUBLE.case(Feature.KEYS, Feature.LOCK, Circumstance.UNREACHABLE)
async def keys_that_cannot_be_reached_are_told_in_words(sandbox: StoreSandbox) -> None:
    member = await join(sandbox)
    await soon(member.store.put("k", b"kept"))
    with sandbox.unreachable():
        await _fails(member.store.get("k"), member)
        await _fails(member.store.put("k", b"lost"), member)
        await _fails(member.store.delete("k"), member)
    await _answers(member)
    entry = await soon(member.store.get("k"))
    assert entry is not None
    assert entry.value == b"kept"


@TROUBLE.case(Feature.LOCK, Circumstance.UNREACHABLE)
async def opening_what_cannot_be_reached_is_told_in_words(sandbox: StoreSandbox) -> None:
    with sandbox.unreachable(), pytest.raises(CoordinationUnavailable, match=r"\w+ \w+ \w+"):
        await soon(sandbox.open())


@TROUBLE.case(Feature.LOCK, Circumstance.SILENT)
async def a_silent_backend_is_given_up_and_the_act_may_have_happened(sandbox: StoreSandbox) -> None:
    member = await join(sandbox)
    claim, token = await member.take("held")
    with sandbox.silent():
        with pytest.raises(CoordinationUnavailable) as told:
            await soon(member.store.release(claim))
        assert told.value.maybe_done
    await _answers(member)
    await soon(member.store.release(claim))
    _, after = await member.take("held")
    assert after > token


@TROUBLE.case(Feature.LOCK, Circumstance.SILENT)
async def a_call_to_a_silent_backend_can_be_cancelled(sandbox: StoreSandbox) -> None:
    member = await join(sandbox)
    with sandbox.silent():
        with pytest.raises(TimeoutError):
            await soon(member.store.claims(), 0.2)
        begun = sandbox.clock.monotonic()
        with pytest.raises(TimeoutError):
            await soon(member.store.renew(member.session), 0.2)
        assert sandbox.clock.monotonic() - begun < 2
    await _answers(member)


@TROUBLE.case(Feature.LOCK, Circumstance.BROKEN_LINE)
async def a_broken_line_costs_no_session_and_no_grant(sandbox: StoreSandbox) -> None:
    member = await join(sandbox, ttl=sandbox.long)
    _, token = await member.take("held")
    await sandbox.break_line()
    await _answers(member)
    assert await soon(member.store.renew(member.session)) == {("held", token)}


@TROUBLE.case(Feature.LOCK, Circumstance.BROKEN_LINE)
async def a_waiter_whose_line_broke_finds_its_place_again(sandbox: StoreSandbox) -> None:
    holder, waiter, third = await join(sandbox), await join(sandbox), await join(sandbox)
    held, _ = await holder.take("held")
    claim, behind = waiter.ask("held"), third.ask("held")

    async def stubbornly(member: Member, claim_no: object) -> object:
        while True:
            try:
                return await member.store.claim(claim if claim_no == 0 else behind)
            except CoordinationUnavailable:
                await asyncio.sleep(0.01)

    async def standing(count: int) -> bool:
        try:
            (found,) = await holder.store.claims("held")
        except CoordinationUnavailable:
            return False
        return len(found.waiters) == count

    async with asyncio.TaskGroup() as group:
        first = group.create_task(stubbornly(waiter, 0))
        await until(lambda: standing(1))
        second = group.create_task(stubbornly(third, 1))
        await until(lambda: standing(2))
        await sandbox.break_line()
        await _answers(holder)
        await until(lambda: standing(2))
        assert await soon(holder.store.release(held))
        # Whose line is not back yet when his turn comes is passed over, and keeps his place.
        (one,), (other,) = await soon(asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED))
        assert await soon(waiter.store.release(claim) if one is first else third.store.release(behind))
        token, later = one.result(), await soon(other)
    assert isinstance(token, int)
    assert isinstance(later, int)
    assert later > token


@TROUBLE.case(Feature.WATCH, Feature.KEYS, Feature.LOCK, Circumstance.BROKEN_LINE)
async def a_feed_whose_line_broke_says_so_and_can_be_followed_again(sandbox: StoreSandbox) -> None:
    member = await join(sandbox)
    async with following(member.store) as changes:
        await soon(member.store.put("k", b"before"))
        await told_of(changes, Kind.KEY, "k")
        await sandbox.break_line()
        with pytest.raises(CoordinationUnavailable):
            await told_of(changes, Kind.KEY, "never written")
    await _answers(member)
    await soon(member.store.put("k", b"meanwhile"))
    async with following(member.store) as changes:
        entry = await soon(member.store.get("k"))
        assert entry is not None
        assert entry.value == b"meanwhile"
        await soon(member.store.put("k", b"after"))
        change = await told_of(changes, Kind.KEY, "k")
        assert change.entry is not None


@TROUBLE.case(Feature.LOCK, Feature.KEYS, Circumstance.RESTART)
async def a_restart_forgets_no_token_no_revision_and_no_value(sandbox: StoreSandbox) -> None:
    member = await join(sandbox)
    for _ in range(20):
        claim, token = await member.take("held")
        await soon(member.store.release(claim))
    revision = await soon(member.store.put("k", b"kept"))
    deleted = await soon(member.store.put("gone", b""))
    await soon(member.store.delete("gone"))
    await sandbox.restart()
    await _answers(member)
    entry = await soon(member.store.get("k"))
    assert entry is not None
    assert (entry.value, entry.revision) == (b"kept", revision)
    assert await soon(member.store.put("gone", b"")) > deleted
    other = await join(sandbox)
    _, after = await other.take("held")
    assert after > token


@TROUBLE.case(Feature.LOCK, Circumstance.RESTART)
async def a_restart_gives_what_is_held_to_nobody_else_before_its_time(sandbox: StoreSandbox) -> None:
    """The session lives on, or it is lost and said to be: never do two hold the same."""
    member, other = await join(sandbox), await join(sandbox)
    _, token = await member.take("held")
    await sandbox.restart()
    await _answers(member)
    try:
        held = ("held", token) in await soon(member.store.renew(member.session))
    except SessionLost:
        held = False
    try:
        taken = await soon(other.store.claim(other.ask("held"), wait=False), PATIENCE + lapse_within(sandbox))
    except SessionLost:
        taken = None
    assert not (held and taken)
    assert taken is None or taken > token
