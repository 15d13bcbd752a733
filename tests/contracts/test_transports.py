"""Every way to a peer keeps the contract: a row of the registry without a sandbox here fails by name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import trustme

from adapters.registry import TRANSPORTS, Registry
from engine.clock import SystemClock
from engine.events.replicating.ports import Transport
from engine.settings.context import AdapterContext
from engine.settings.replication import PeerSettings
from tests.adapters.transports.nodes import TOKEN, Node, running_node
from tests.contracts.transport import TransportContract


@asynccontextmanager
async def in_clear(folder: Path) -> AsyncIterator[Node]:
    async with running_node(folder) as node:
        yield node


@asynccontextmanager
async def over_tls(folder: Path) -> AsyncIterator[Node]:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    async with running_node(folder, tls_certificate="cert.pem", tls_key="key.pem") as node:
        yield node


SANDBOXES: dict[str, Callable[[Path], AbstractAsyncContextManager[Node]]] = {"http": in_clear, "https": over_tls}


class TestEveryTransport(TransportContract):
    @pytest.fixture(params=sorted(TRANSPORTS))
    async def node(self, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Node]:
        async with SANDBOXES[request.param](tmp_path) as node:
            yield node

    @pytest.fixture
    def way(self, node: Node, tmp_path: Path) -> Transport:
        return way_to(node.url, tmp_path, ca="ca.pem" if node.url.startswith("https") else "")

    @pytest.fixture(params=sorted(TRANSPORTS))
    def nowhere(self, request: pytest.FixtureRequest, tmp_path: Path) -> Transport:
        return way_to(f"{request.param}://127.0.0.1:1", tmp_path)


def way_to(url: str, folder: Path, *, ca: str = "") -> Transport:
    """Return the registry's way to an address."""
    context = AdapterContext(adapter="peer berlin", folder=folder, secrets=lambda reference, folder: TOKEN)
    settings = PeerSettings(name="berlin", url=url, token="env:BERLIN", ca=ca)
    return Registry().transport(settings, context, SystemClock())
