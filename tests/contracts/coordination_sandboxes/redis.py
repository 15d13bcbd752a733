"""Redis and Valkey: servers that keep what they acknowledged, a namespace for each sandbox."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from os import getpid
from pathlib import Path
from typing import ClassVar

from adapters.coordination.redis.backend import Redis
from adapters.coordination.redis.promises import PROMISES
from engine.settings.context import AdapterContext
from tests.contracts.store_sandbox import ServerSandbox
from tests.servers.engines import engine

_namespaces = count(1)


class OnRedis(ServerSandbox):
    label = "redis"
    promises = PROMISES
    ttl = timedelta(seconds=1)
    slack = timedelta(milliseconds=800)
    expiry = timedelta(milliseconds=100)
    expiry_slack = timedelta(milliseconds=500)
    kind: ClassVar[str] = "redis"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.namespace = f"try-{getpid()}-{next(_namespaces)}"

    def server_port(self) -> int:
        return engine(self.kind).port

    def backend(self) -> Redis:
        settings = Redis.Settings(url=f"redis://{self.address}", timeout=timedelta(seconds=2))
        context = AdapterContext(adapter="coordination", folder=self.folder, secrets=_none)
        return Redis(settings, context, self.clock, self.namespace)

    async def restart(self) -> None:
        server = engine(self.kind)
        server.kill()
        server.restart()


class OnValkey(OnRedis):
    label = "valkey"
    kind = "valkey"


def _none(reference: str, folder: Path) -> str:
    raise AssertionError(f"nobody needs {reference}")


SANDBOXES = (OnRedis, OnValkey)
