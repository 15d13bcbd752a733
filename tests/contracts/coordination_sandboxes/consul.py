"""Consul: a server that lets sessions be short, a namespace for each sandbox."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from os import getpid
from pathlib import Path

from adapters.coordination.consul.backend import Consul, promises_with
from engine.settings.context import AdapterContext
from tests.contracts.store_sandbox import ServerSandbox
from tests.servers.engines import engine

SHORTEST = timedelta(seconds=1)
"""What the server is told (session_ttl_min); it lets what lapses live for up to twice its time."""

_namespaces = count(1)


class OnConsul(ServerSandbox):
    label = "consul"
    promises = promises_with(SHORTEST)
    ttl = SHORTEST
    slack = SHORTEST + timedelta(seconds=1)
    expiry = SHORTEST
    expiry_slack = SHORTEST + timedelta(seconds=1)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._namespace = f"try-{getpid()}-{next(_namespaces)}"

    def server_port(self) -> int:
        return engine("consul").port

    def backend(self) -> Consul:
        settings = Consul.Settings(url=f"http://{self.address}", timeout=timedelta(seconds=1), shortest_ttl=SHORTEST)
        context = AdapterContext(adapter="coordination", folder=self.folder, secrets=_none)
        return Consul(settings, context, self.clock, self._namespace)

    async def restart(self) -> None:
        """Blocks: a server ends with the thread that started it."""
        server = engine("consul")
        server.kill()
        server.restart()


def _none(reference: str, folder: Path) -> str:
    raise AssertionError(f"nobody needs {reference}")


SANDBOXES = (OnConsul,)
