"""What the tests of backends over HTTP share: both with their sandboxes, and requests that are counted."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager

import psutil
import pytest

from adapters.coordination import web_settings
from adapters.coordination.http_line import Answer, Request
from adapters.coordination.http_pool import HttpPool
from tests.contracts.coordination_sandboxes.consul import OnConsul
from tests.contracts.coordination_sandboxes.etcd import OnEtcd

BOTH = pytest.mark.parametrize("sandbox_type", [OnEtcd, OnConsul], ids=["etcd", "consul"])


class Requests:
    """All that were sent, by all stores."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.before: Callable[[Request], None] = lambda request: None
        """Called with each before it is sent."""

    def __len__(self) -> int:
        return len(self.sent)


def counted(monkeypatch: pytest.MonkeyPatch) -> Requests:
    """Count the requests of every store that is opened from now on."""
    requests = Requests()

    class CountingPool(HttpPool):
        async def ask(self, request: Request) -> Answer:
            requests.sent.append(request.target)
            requests.before(request)
            return await super().ask(request)

        async def wait(self, request: Request, longest: float) -> Answer:
            requests.sent.append(request.target)
            return await super().wait(request, longest)

        @asynccontextmanager
        async def listen(self, request: Request) -> AsyncGenerator[tuple[Answer, AsyncIterator[bytes]], None]:
            requests.sent.append(request.target)
            async with super().listen(request) as listening:
                yield listening

    monkeypatch.setattr(web_settings, "HttpPool", CountingPool)
    return requests


def connections_to(port: int) -> int:
    """Return how many connections this process has to a port."""
    return sum(
        1
        for connection in psutil.Process().net_connections("tcp")
        if connection.raddr and connection.raddr.port == port and connection.status == psutil.CONN_ESTABLISHED
    )
