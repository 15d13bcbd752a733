"""A process that takes a lock, says so, and renews its session until it is killed; when that is lost, it says so too.

Arguments: the kind of backend, its address, the namespace, the name, the ttl in seconds. PostgreSQL's password is in
the environment, where its client looks for it.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from adapters.coordination.postgres.backend import Postgres
from adapters.coordination.redis.backend import Redis
from engine.clock import SystemClock
from engine.coordination.standing import Claim, Token, Who
from engine.coordination.store import Backend
from engine.errors import SessionLost
from engine.settings.context import AdapterContext


def backend_of(kind: str, address: str, namespace: str) -> Backend:
    context = AdapterContext(adapter="coordination", folder=Path.cwd(), secrets=lambda reference, folder: "")
    if kind == "postgres":
        return Postgres(Postgres.Settings(url=f"postgresql://{address}"), context, SystemClock(), namespace)
    return Redis(Redis.Settings(url=f"redis://{address}"), context, SystemClock(), namespace)


def say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


async def hold(kind: str, address: str, namespace: str, name: str, seconds: str) -> None:
    ttl = timedelta(seconds=float(seconds))

    def revoked(name: str, token: Token) -> None:
        say(f"revoked {name} {token}")

    async with backend_of(kind, address, namespace).open() as store:
        session = await store.begin(Who(node="child", actor="a@h", pid=1), ttl, revoked)
        say(f"holds {await store.claim(Claim(session, name, 'its own'))}")
        while True:
            await asyncio.sleep(ttl.total_seconds() / 3)
            try:
                await store.renew(session)
            except SessionLost:
                say("lost")
                return


if __name__ == "__main__":
    asyncio.run(hold(*sys.argv[1:]))
