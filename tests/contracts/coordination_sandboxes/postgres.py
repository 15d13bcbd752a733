"""PostgreSQL: a server of the tests, a schema for each sandbox."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from os import getpid
from pathlib import Path
from typing import cast

from adapters.coordination.postgres.backend import Postgres
from adapters.coordination.postgres.promises import PROMISES
from engine.settings.context import AdapterContext
from tests.contracts.store_sandbox import ServerSandbox
from tests.servers.engines import engine
from tests.servers.postgres import USER
from tests.servers.postgres import Postgres as PostgresServer

_namespaces = count(1)


class OnPostgres(ServerSandbox):
    label = "postgres"
    promises = PROMISES
    ttl = timedelta(seconds=1)
    slack = timedelta(milliseconds=800)
    expiry = timedelta(milliseconds=100)
    expiry_slack = timedelta(milliseconds=500)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.namespace = f"try-{getpid()}-{next(_namespaces)}"

    def server_port(self) -> int:
        return engine("postgres").port

    def backend(self) -> Postgres:
        settings = Postgres.Settings(
            url=f"postgresql://{USER}@{self.address}/postgres", password="env:UNUSED", timeout=timedelta(seconds=2)
        )
        context = AdapterContext(adapter="coordination", folder=self.folder, secrets=_password)
        return Postgres(settings, context, self.clock, self.namespace)

    async def restart(self) -> None:
        server = engine("postgres")
        server.kill()
        server.restart()


def _password(reference: str, folder: Path) -> str:
    return cast("PostgresServer", engine("postgres")).password


SANDBOXES = (OnPostgres,)
