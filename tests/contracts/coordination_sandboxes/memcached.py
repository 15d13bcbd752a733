"""A real memcached: it keeps keys alone, and forgets them when it ends."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from os import getpid
from pathlib import Path

from adapters.coordination.memcached import PROMISES, Memcached
from engine.settings.context import AdapterContext
from tests.contracts.store_sandbox import Circumstance, ServerSandbox
from tests.servers.engines import engine

_namespaces = count(1)


class OnMemcached(ServerSandbox):
    label = "memcached"
    promises = PROMISES
    lacks = dict.fromkeys([Circumstance.RESTART], "It forgets everything when it ends, and says so in its promises.")
    ttl = PROMISES.shortest_ttl
    slack = timedelta(0)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._namespace = f"try-{getpid()}-{next(_namespaces)}"

    def server_port(self) -> int:
        return engine("memcached").port

    def backend(self) -> Memcached:
        settings = Memcached.Settings(url=f"memcached://{self.address}", timeout=timedelta(seconds=2))
        context = AdapterContext(adapter="coordination", folder=self.folder, secrets=_none)
        return Memcached(settings, context, self.clock, self._namespace)


def _none(reference: str, folder: Path) -> str:
    raise AssertionError(f"nobody needs {reference}")


SANDBOXES = (OnMemcached,)
