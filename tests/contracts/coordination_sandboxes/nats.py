"""NATS with JetStream, a bucket for each sandbox at one server."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from os import getpid
from pathlib import Path

from adapters.coordination.nats.backend import Nats
from adapters.coordination.nats.promises import PROMISES
from engine.settings.context import AdapterContext
from tests.contracts.store_sandbox import ServerSandbox
from tests.servers.engines import engine

_namespaces = count(1)


class OnNats(ServerSandbox):
    label = "nats"
    promises = PROMISES
    ttl = timedelta(seconds=1)
    slack = timedelta(milliseconds=1500)
    expiry = timedelta(seconds=1)
    expiry_slack = timedelta(seconds=1)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.namespace = f"try-{getpid()}-{next(_namespaces)}"

    def server_port(self) -> int:
        return engine("nats").port

    def backend(self) -> Nats:
        settings = Nats.Settings(url=f"nats://{self.address}", timeout=timedelta(seconds=2))
        context = AdapterContext(adapter="coordination", folder=self.folder, secrets=_none)
        return Nats(settings, context, self.clock, self.namespace)

    async def restart(self) -> None:
        server = engine("nats")
        server.kill()
        server.restart()


def _none(reference: str, folder: Path) -> str:
    raise AssertionError(f"nobody needs {reference}")


SANDBOXES = (OnNats,)
