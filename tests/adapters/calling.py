"""A client on a local server, as tests of the HTTP client and its paging use it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from adapters.connection import Service
from adapters.rest import RestClient
from engine.clock import Clock
from tests.contracts.sandbox import SECRET, Surroundings
from tests.servers.http import Application, Asked, Given, LocalServer, json_answer

__all__ = ["SECRET", "Asked", "Given", "LocalServer", "calling", "json_answer"]


@asynccontextmanager
async def calling(
    application: Application, *, clock: Clock | None = None, base: str = "", **settings: Any
) -> AsyncIterator[tuple[RestClient, LocalServer]]:
    """Yield a client and the server it calls; `settings` are fields of `Service`, as they stand in a file."""
    with LocalServer(application).running() as server:
        service = msgspec.convert({"base_url": f"{server.url}{base}", **settings}, Service)
        async with RestClient(service, Surroundings(Path()), clock=clock) as client:
            yield client, server
