"""TLS, and what stands in the way of serving."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from adapters.transports.http_server import Served, build_app
from adapters.transports.serving import serving
from engine.errors import SettingsError
from engine.events.replicating import wire
from engine.events.replicating.messages import Hello
from engine.events.replicating.responder import Responder
from engine.settings.replication import ServerSettings
from tests.adapters.transports.asking import HELLO
from tests.adapters.transports.nodes import Node, running_node


def certificates(folder: Path, name: str = "127.0.0.1") -> trustme.CA:
    authority = trustme.CA()
    issued = authority.issue_cert(name)
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return authority


async def test_a_node_serves_over_tls(tmp_path: Path) -> None:
    certificates(tmp_path)
    async with running_node(tmp_path, tls_certificate="cert.pem", tls_key="key.pem") as node:
        assert node.url.startswith("https://")
        async with node.transport(ca=str(tmp_path / "ca.pem")).connect() as remote:
            assert (await remote.greet(wire.decode(HELLO, Hello))).identity.node == "berlin"


BAD_CERTIFICATES = {
    "missing": ("nowhere.pem", "key.pem", "does not exist"),
    "no certificate": ("text.pem", "key.pem", "cannot be used"),
    "another's key": ("cert.pem", "other.pem", "cannot be used"),
}


@pytest.mark.parametrize("fault", BAD_CERTIFICATES)
async def test_a_certificate_that_cannot_be_used_is_one_sentence(tmp_path: Path, fault: str) -> None:
    certificate, key, words = BAD_CERTIFICATES[fault]
    certificates(tmp_path)
    (tmp_path / "text.pem").write_text("hello")
    trustme.CA().issue_cert("x").private_key_pem.write_to_path(tmp_path / "other.pem")
    with pytest.raises(SettingsError, match=words):
        async with running_node(tmp_path, tls_certificate=certificate, tls_key=key):
            pass


async def test_a_taken_port_is_one_sentence(node: Node, tmp_path: Path) -> None:
    port = int(node.url.rpartition(":")[2])
    served = Served(
        name="b", responder=Responder(node.replica), log=node.log, advances=node.replica.advances, clock=node.clock
    )
    settings = ServerSettings(port=port)
    with pytest.raises(SettingsError, match=rf"Port {port} of 127\.0\.0\.1 is taken"):
        async with serving(build_app(served, settings), settings, tmp_path):
            pass


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
async def test_an_address_that_is_not_ours_is_one_sentence(node: Node, tmp_path: Path, host: str) -> None:
    served = Served(
        name="b", responder=Responder(node.replica), log=node.log, advances=node.replica.advances, clock=node.clock
    )
    settings = ServerSettings(host=host, port=0, tokens=("env:X",))
    with pytest.raises(SettingsError, match=host):
        async with serving(build_app(served, settings), settings, tmp_path):
            pass


def test_a_server_beyond_this_machine_needs_tokens() -> None:
    with pytest.raises(ValueError, match="there are no tokens"):
        ServerSettings(host="0.0.0.0")
