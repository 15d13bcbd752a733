"""etcd: a member that keeps its data, a namespace for each sandbox."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from os import getpid
from pathlib import Path

from adapters.coordination.etcd.backend import PROMISES, Etcd
from engine.settings.context import AdapterContext
from tests.contracts.store_sandbox import ServerSandbox
from tests.servers.engines import engine

_namespaces = count(1)


class OnEtcd(ServerSandbox):
    label = "etcd"
    promises = PROMISES
    ttl = timedelta(seconds=2)
    slack = timedelta(seconds=2)
    expiry = timedelta(seconds=2)
    expiry_slack = timedelta(seconds=2)
    timeout = timedelta(seconds=1)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.namespace = f"try-{getpid()}-{next(_namespaces)}"

    def server_port(self) -> int:
        return engine("etcd").port

    def backend(self) -> Etcd:
        settings = Etcd.Settings(url=f"http://{self.address}", timeout=self.timeout)
        context = AdapterContext(adapter="coordination", folder=self.folder, secrets=_none)
        return Etcd(settings, context, self.clock, self.namespace)

    async def restart(self) -> None:
        """Blocks: a server ends with the thread that started it."""
        server = engine("etcd")
        server.kill()
        server.restart()


def _none(reference: str, folder: Path) -> str:
    raise AssertionError(f"nobody needs {reference}")


SANDBOXES = (OnEtcd,)
