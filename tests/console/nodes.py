"""Two real engines that exchange what they lack, without a network: how concurrent edits come about in a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.assembly import Engine
from engine.events.event import NewEvent
from engine.events.replicating.messages import Limits, Selection
from tests.console.workbench import opening


async def exchange(one: Engine, other: Engine) -> None:
    """Let both know everything."""
    for giver, taker in ((one, other), (other, one)):
        known = {origin: head.seq for origin, head in (await taker.replica.heads()).items()}
        await taker.replica.receive(await giver.replica.lacking(known, Limits(), Selection()))


async def edit(engine: Engine, aggregate: str, data: Any, *, type_: str = "user.edited") -> None:
    """Append one edit, as an application does."""
    actor = f"someone@{engine.workspace.node}"
    await engine.log.append([NewEvent(type=type_, aggregate_id=aggregate, data=data, metadata={"actor": actor})])


async def exchanged(one: Path, other: Path) -> None:
    """Let the workspaces of two settings files know everything of one another."""
    async with opening(one) as first, opening(other) as second:
        await exchange(first, second)


async def concurrent(one: Path, other: Path, people: dict[str, tuple[Any, Any, Any]]) -> None:
    """Give both workspaces the people's first states, then let each side edit them without knowing of the other."""
    async with opening(one) as first, opening(other) as second:
        for name, (start, _, _) in people.items():
            await edit(first, f"user:{name}", start, type_="user.created")
        await exchange(first, second)
        for name, (_, left, right) in people.items():
            await edit(first, f"user:{name}", left)
            await edit(second, f"user:{name}", right)
        await exchange(first, second)
