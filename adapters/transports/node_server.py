"""A running engine behind a server: its tokens resolved, its measures told, its socket opened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from adapters.transports.gate import Patience
from adapters.transports.http_server import Served, build_app
from adapters.transports.measured import Measured
from adapters.transports.serving import serving
from engine.assembly import Engine
from engine.redaction import REDACTOR
from engine.settings.replication import ServerSettings


@asynccontextmanager
async def open_server(
    engine: Engine,
    settings: ServerSettings,
    secrets: Callable[[str, Path], str],
    patience: Patience | None = None,
) -> AsyncIterator[str]:
    """Serve an engine's node until the block ends; yield the URL.

    Raises `SecretUnavailable` for a token that cannot be had, `SettingsError` for an address or certificate that
    cannot be used.
    """
    folder = engine.workspace.folder
    tokens = [secrets(reference, folder) for reference in settings.tokens]
    for token in tokens:
        REDACTOR.register(token)
    node = Served(
        name=engine.workspace.node,
        responder=engine.responder,
        log=engine.log,
        advances=engine.replica.advances,
        clock=engine.clock,
        counted=[Measured(engine.replication.measures.snapshot)],
    )
    async with serving(build_app(node, settings, tokens, patience), settings, folder, patience) as url:
        yield url
