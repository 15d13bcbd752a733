"""A Redis of one's own, somebody who holds a name there, and who waits for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.coordination.redis.backend import Redis
from engine.clock import SystemClock
from engine.coordination.promises import Promises
from engine.coordination.standing import Claim, SessionId, Token, Who
from engine.coordination.store import Store
from engine.errors import CoordinationError
from engine.settings.context import AdapterContext
from tests.contracts.store_case import soon, standing

WHO = Who(node="n", actor="a@h", pid=1)
LONG = timedelta(seconds=60)
PASSWORD = "right-horse"


def backend(port: int, scheme: str = "redis", **settings: Any) -> Redis:
    """Return the backend at a port of this machine; whatever secret it names is `PASSWORD`."""
    context = AdapterContext(adapter="coordination", folder=Path.cwd(), secrets=lambda reference, folder: PASSWORD)
    return Redis(
        Redis.Settings(url=f"{scheme}://127.0.0.1:{port}", **settings), context, SystemClock(), namespace="alone"
    )


async def promises_of(there: Redis) -> Promises:
    """Open, hold something, give it back; return what is promised."""
    async with there.open() as store:
        held = await hold(store, "held")
        assert await store.release(held.claim)
        return store.promises


@dataclass(frozen=True)
class Held:
    """A session with one grant, and what it was told."""

    claim: Claim
    token: Token
    told: list[tuple[str, Token]]

    @property
    def session(self) -> SessionId:
        return self.claim.session


async def hold(store: Store, name: str) -> Held:
    """Begin a session and take a name, as soon as it is free."""
    told: list[tuple[str, Token]] = []
    session = await store.begin(WHO, LONG, lambda name, token: told.append((name, token)))
    claim = Claim(session, name, "its own")
    token = await soon(store.claim(claim))
    assert token is not None
    return Held(claim, token, told)


async def refused_at(there: Redis, kind: type[CoordinationError], sentence: str) -> None:
    with pytest.raises(kind, match=sentence):
        await soon(promises_of(there))


def waited_for(store: Store, name: str) -> Callable[[], Awaitable[bool]]:
    """Return how to ask whether somebody waits for a name."""

    async def ask() -> bool:
        return bool((await standing(store, name)).waiters)

    return ask
