"""Several calls at once, a bounded number of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


async def abreast(act: Callable[[Item], Awaitable[Result]], items: Iterable[Item], limit: int) -> list[Result]:
    """Return `act(item)` for every item, in the items' order, at most `limit` under way at once.

    The first failure stops the others and is raised as itself, not wrapped in a group.
    """
    todo = list(enumerate(items))
    results: dict[int, Result] = {}
    waiting = iter(todo)

    async def work() -> None:
        for index, item in waiting:
            results[index] = await act(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(limit, len(todo))):
                group.create_task(work())
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from failures.exceptions[0].__cause__
    return [results[index] for index, _ in todo]
