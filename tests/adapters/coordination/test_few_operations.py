"""What a hand-over costs, and that nothing is left behind."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from adapters.coordination.postgres.desk import Desk
from adapters.coordination.redis.line import Argument
from adapters.coordination.redis.link import Link
from adapters.coordination.redis.scripts import Script
from engine.coordination.standing import Token
from tests.adapters.coordination.places import ClockWithoutSleepers, Kind, every_place, left_behind
from tests.contracts.store_case import granted, join, soon, stand

ROUNDS = 1_000
A_FEW = 5
"""Connections that a process keeps for itself once it had use for them."""


@pytest.fixture
def operations(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts what is asked of a server, by what is asked."""
    counted: Counter[str] = Counter()
    run_script, ask = Link.script, Desk.ask

    async def counting_script(link: Link, script: Script, *arguments: Argument) -> Any:
        counted["operations"] += 1
        return await run_script(link, script, *arguments)

    async def counting_ask(desk: Desk, query: str, *arguments: object) -> Any:
        counted["operations"] += 1
        return await ask(desk, query, *arguments)

    monkeypatch.setattr(Link, "script", counting_script)
    monkeypatch.setattr(Desk, "ask", counting_ask)
    return counted


@every_place
@pytest.mark.parametrize("crowd", [2, 64])
async def test_a_hand_over_takes_as_many_operations_however_many_wait(
    kind: Kind, crowd: int, tmp_path: Path, operations: Counter[str]
) -> None:
    async with kind(tmp_path) as sandbox:
        sandbox.clock = ClockWithoutSleepers()
        holder, member = await join(sandbox), await join(sandbox)
        held, _ = await holder.take("held")
        async with asyncio.TaskGroup() as group:
            waiting = [await stand(group, member, "held") for _ in range(crowd)]
            before = operations["operations"]
            tokens: list[Token] = []
            assert await soon(holder.store.release(held))
            for one in waiting:
                tokens.append(await granted(one))
                assert await soon(member.store.release(one.claim))
            spent = operations["operations"] - before
        assert spent == crowd + 1
        assert tokens == sorted(tokens)


@every_place
async def test_a_thousand_who_gave_up_leave_nothing_behind_which_takes_some_seconds(kind: Kind, tmp_path: Path) -> None:
    async with kind(tmp_path) as sandbox:
        holder, member = await join(sandbox), await join(sandbox)
        held, _ = await holder.take("held")
        connections, rows = await left_behind(sandbox)
        async with asyncio.TaskGroup() as group:
            for number in range(ROUNDS):
                claim = member.ask("held")
                waiting = group.create_task(member.store.claim(claim))
                for _ in range(number % 4):
                    await asyncio.sleep(0)
                waiting.cancel()
                await asyncio.wait([waiting])
                assert not await soon(member.store.release(claim))
        still_open, kept = await left_behind(sandbox)
        assert kept == rows
        assert still_open <= connections + A_FEW
        assert await soon(holder.store.release(held))


@every_place
async def test_an_ended_session_leaves_nothing_but_what_is_told_of_the_past(kind: Kind, tmp_path: Path) -> None:
    async with kind(tmp_path) as sandbox:
        member = await join(sandbox)
        _, before = await left_behind(sandbox)
        other = await join(sandbox)
        for name in ("a", "b", "c"):
            claim, _ = await other.take(name)
            await soon(other.store.release(claim))
        await other.take("d")
        await soon(other.store.end(other.session))
        _, after = await left_behind(sandbox)
        assert after == before
        assert [claim.name for claim in await soon(member.store.claims()) if claim.holder is not None] == []
