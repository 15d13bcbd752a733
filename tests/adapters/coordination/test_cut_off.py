"""What becomes of a holder that is stopped or cut off, on real servers, with real processes."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from engine.coordination.observed import margin
from engine.coordination.standing import Claim, SessionId, Token, Who
from engine.coordination.store import Store
from engine.errors import CoordinationUnavailable, HolderSilent, Locked
from engine.notices import Notices
from engine.target_locks import CoordinatedLocks
from tests.adapters.coordination.places import Kind, every_place, heard_from, holding
from tests.contracts.store_case import granted, join, soon, stand, standing, until
from tests.doubles.coordinated import Habits, process
from tests.servers.switch_proxy import Line

LONG = timedelta(seconds=60)
"""A ttl that no test outlives."""

WHO = Who(node="n", actor="a@h", pid=1)


@every_place
async def test_a_holder_that_was_stopped_is_outlived_and_learns_it_when_it_goes_on_which_takes_a_ttl(
    kind: Kind, tmp_path: Path
) -> None:
    ttl = timedelta(seconds=1.2)
    async with kind(tmp_path) as sandbox:
        member = await join(sandbox)
        async with holding(sandbox, "held", ttl) as process, asyncio.TaskGroup() as group:
            waiting = await stand(group, member, "held")
            process.send_signal(signal.SIGSTOP)
            stopped = sandbox.clock.monotonic()
            assert await granted(waiting) == 2
            took = sandbox.clock.monotonic() - stopped
            process.send_signal(signal.SIGCONT)
            assert await heard_from(process) == "revoked held 1"
            assert await heard_from(process) == "lost"
        # Its last renewal was at most a third of the ttl before it was stopped.
        assert took > (ttl * 2 / 3 + margin(ttl)).total_seconds() - 0.1


@every_place
async def test_who_is_cut_off_gives_up_before_others_can_take_it_which_takes_a_second(
    kind: Kind, tmp_path: Path
) -> None:
    async with kind(tmp_path) as cut, kind(tmp_path) as direct:
        direct.namespace = cut.namespace
        holder, other = await cut.open(), await join(direct)
        given_up: list[float] = []
        await _hold(holder, "held", lambda name, token: given_up.append(cut.clock.monotonic()))

        async def taken() -> bool:
            return await other.store.claim(other.ask("held"), wait=False) is not None

        with cut.switch.turned(Line.REFUSED):
            await until(taken)
            taken_at = cut.clock.monotonic()
        assert given_up
        assert given_up[0] < taken_at


@every_place
async def test_what_was_given_up_is_given_back_over_the_next_line_which_takes_a_second(
    kind: Kind, tmp_path: Path
) -> None:
    async with kind(tmp_path) as sandbox:
        store = await sandbox.open()
        given_up: list[Token] = []
        await _hold(store, "held", lambda name, token: given_up.append(token))

        async def told() -> bool:
            return given_up != []

        async def free() -> bool:
            return (await standing(store, "held")).holder is None

        with sandbox.switch.turned(Line.REFUSED):
            await until(told)
        await until(lambda: _once_it_answers(free))


@every_place
async def test_a_line_that_is_silent_for_a_while_costs_nothing_which_takes_some_seconds(
    kind: Kind, tmp_path: Path
) -> None:
    async with kind(tmp_path) as cut, kind(tmp_path) as direct:
        direct.namespace = cut.namespace
        holder, other = await cut.open(), await join(direct)
        given_up: list[Token] = []
        session, token = await _hold(holder, "held", lambda name, token: given_up.append(token))
        with cut.switch.turned(Line.FROZEN):
            with pytest.raises(CoordinationUnavailable, match="did not answer within 2 s"):
                await soon(holder.renew(session))
            with pytest.raises(HolderSilent):
                await other.store.claim(other.ask("held"), wait=False)

        async def renewed() -> bool:
            return ("held", token) in await holder.renew(session)

        await until(lambda: _once_it_answers(renewed))
        assert given_up == []


async def _hold(store: Store, name: str, revoked: Callable[[str, Token], None]) -> tuple[SessionId, Token]:
    session = await store.begin(WHO, LONG, revoked)
    token = await store.claim(Claim(session, name, "its own"))
    assert token is not None
    return session, token


async def _once_it_answers(question: Callable[[], Awaitable[bool]]) -> bool:
    try:
        return await question()
    except CoordinationUnavailable:
        return False


@every_place
async def test_who_only_asks_once_finds_a_dead_holder_out_though_nobody_watched_which_takes_a_second(
    kind: Kind, tmp_path: Path
) -> None:
    async with kind(tmp_path) as sandbox:
        async with holding(sandbox, "held", LONG) as process:
            process.kill()
            await process.wait()
        member = await join(sandbox)
        assert await soon(member.store.claim(member.ask("held"), wait=False)) == 2


@every_place
async def test_who_only_asks_once_is_not_kept_by_a_living_holder(kind: Kind, tmp_path: Path) -> None:
    async with kind(tmp_path) as sandbox:
        holder, member = await join(sandbox), await join(sandbox)
        await holder.take("held")
        began = sandbox.clock.monotonic()
        assert await member.store.claim(member.ask("held"), wait=False) is None
        assert sandbox.clock.monotonic() - began < 0.5  # measured: 5 ms; a busy machine takes its time


@every_place
async def test_a_holder_whose_machine_lost_its_power_is_passed_over_by_who_waits_for_it_which_takes_two_ttls(
    kind: Kind, tmp_path: Path
) -> None:
    """Its line stays open at the server, and nobody watched before."""
    ttl = timedelta(seconds=1.2)
    async with kind(tmp_path) as cut, kind(tmp_path) as direct:
        direct.namespace = cut.namespace
        dead = await join(cut, ttl=ttl)
        await dead.take("held")
        with cut.switch.turned(Line.BLACKHOLE):
            asker = await join(direct)
            with pytest.raises(HolderSilent, match="gives no sign of life") as told:
                await soon(asker.store.claim(asker.ask("held"), wait=False))
            assert ttl + margin(ttl) < told.value.patience < 3 * ttl
            assert await soon(asker.store.claim(asker.ask("held")), told.value.patience.total_seconds()) == 2


@every_place
async def test_a_run_waits_for_a_silent_holder_and_says_so_which_takes_two_ttls(kind: Kind, tmp_path: Path) -> None:
    notices, habits = Notices(), Habits(ttl=timedelta(seconds=1.2))
    async with kind(tmp_path) as cut, kind(tmp_path) as direct:
        direct.namespace = cut.namespace
        async with (
            process(cut.backend(), cut.clock, "dead", habits) as dead,
            process(direct.backend(), direct.clock, "here", habits) as here,
        ):
            with notices.subscribe("lock.silent") as said:
                lock = dead.coordination.lock("target:list", cancel_on_loss=False)
                lease = await lock.__aenter__()
                cut.switch.turn(Line.BLACKHOLE)
                async with CoordinatedLocks(here.coordination, notices).hold("target:list", "apply") as hold:
                    assert hold.token > lease.token
                assert not lease.held
                cut.switch.turn(Line.THROUGH)
                notice = await soon(anext(aiter(said)))
    assert re.search("anna@dead on dead.* holds target:list since .*no sign of life.*run waits", str(notice.detail))


@every_place
async def test_a_run_does_not_wait_for_a_holder_that_is_there(kind: Kind, tmp_path: Path) -> None:
    async with (
        kind(tmp_path) as sandbox,
        process(sandbox.backend(), sandbox.clock, "first") as first,
        process(sandbox.backend(), sandbox.clock, "second") as second,
        first.coordination.lock("target:list"),
    ):
        with pytest.raises(Locked, match="anna@first on first") as told:
            async with CoordinatedLocks(second.coordination, Notices()).hold("target:list", "apply"):
                pass
        assert not isinstance(told.value, HolderSilent)
