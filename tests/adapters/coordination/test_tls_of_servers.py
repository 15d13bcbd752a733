"""etcd and Consul that speak TLS and ask for certificates, as they really do: who fits is served, and whoever does not
is told which setting is wrong."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
import trustme

from adapters.coordination.consul.backend import Consul
from adapters.coordination.etcd.backend import Etcd
from engine.clock import SystemClock
from engine.coordination.store import Backend
from engine.errors import CoordinationError, CoordinationUnavailable
from engine.settings.context import AdapterContext
from tests.contracts.store_case import soon
from tests.servers.consul import start_consul
from tests.servers.engines import engine
from tests.servers.etcd import start_etcd
from tests.servers.server_process import free_ports


class Papers(NamedTuple):
    """Files of certificates."""

    folder: Path
    ca: Path
    stranger: Path
    server: Path
    key: Path
    mine: Path


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    folder = tmp_path_factory.mktemp("papers")
    authority, stranger = trustme.CA(), trustme.CA()
    theirs, mine = authority.issue_cert("localhost"), authority.issue_cert("syncdeck.example")
    found = Papers(
        folder, *(folder / name for name in ("ca.pem", "stranger.pem", "server.pem", "server.key", "me.pem"))
    )
    authority.cert_pem.write_to_path(found.ca)
    stranger.cert_pem.write_to_path(found.stranger)
    theirs.cert_chain_pems[0].write_to_path(found.server)
    theirs.private_key_pem.write_to_path(found.key)
    mine.private_key_and_cert_chain_pem.write_to_path(found.mine)
    return found


def accepts(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=2):
        return True


@contextmanager
def etcd(papers: Papers) -> Iterator[int]:
    arguments: list[str | Path] = ["--cert-file", papers.server, "--key-file", papers.key]
    trust: list[str | Path] = ["--client-cert-auth", "--trusted-ca-file", papers.ca]
    with start_etcd(*arguments, *trust, scheme="https", answers=accepts) as server:
        yield server.port


@contextmanager
def consul(papers: Papers) -> Iterator[int]:
    (port,) = free_ports(1)
    files = {"cert_file": papers.server, "key_file": papers.key, "ca_file": papers.ca}
    settings = [f"{name} = {json.dumps(str(path))}" for name, path in files.items()]
    with start_consul(f"ports {{ https = {port} }}", *settings, "verify_incoming_https = true"):
        yield port


STARTS = {"etcd": etcd, "consul": consul}


@pytest.fixture(scope="module", params=STARTS)
def place(request: pytest.FixtureRequest, papers: Papers) -> Iterator[tuple[str, int]]:
    """The kind of a server, and its port."""
    with STARTS[request.param](papers) as port:
        yield request.param, port


def backend(kind: str, url: str, papers: Papers, **settings: str) -> Backend:
    context = AdapterContext(adapter="coordination", folder=papers.folder, secrets=lambda reference, folder: "")
    if kind == "etcd":
        return Etcd(msgspec.convert({"url": url, **settings}, Etcd.Settings), context, SystemClock(), "one")
    return Consul(msgspec.convert({"url": url, **settings}, Consul.Settings), context, SystemClock(), "one")


async def test_who_trusts_and_is_trusted_is_served(place: tuple[str, int], papers: Papers) -> None:
    kind, port = place
    async with backend(
        kind, f"https://localhost:{port}", papers, ca="ca.pem", client_certificate="me.pem"
    ).open() as store:
        await soon(store.put("key", b"value"))
        found = await soon(store.get("key"))
        assert found is not None
        assert found.value == b"value"
        assert await soon(anext(store.follow()))


WRONG = {
    "the authority is another one": ("https://localhost", {"ca": "stranger.pem"}, r"not trusted.*coordination\.ca"),
    "the name is another one": (
        "https://127.0.0.1",
        {"ca": "ca.pem", "client_certificate": "me.pem"},
        r"for another name.*coordination\.url",
    ),
    "no certificate is shown": (
        "https://localhost",
        {"ca": "ca.pem"},
        r"wants a certificate of ours.*coordination\.client_certificate",
    ),
}


@pytest.mark.parametrize("fault", WRONG)
async def test_it_is_said_which_setting_is_wrong_when(fault: str, place: tuple[str, int], papers: Papers) -> None:
    (kind, port), (url, settings, said) = place, WRONG[fault]
    with pytest.raises(CoordinationError, match=said) as refused:
        async with backend(kind, f"{url}:{port}", papers, **settings).open():
            pass
    assert not isinstance(refused.value, CoordinationUnavailable), "asking again is of no use"


async def test_who_speaks_no_tls_to_a_server_that_does_is_told_so(place: tuple[str, int], papers: Papers) -> None:
    kind, port = place
    with pytest.raises(CoordinationError, match=r"speaks TLS alone.*coordination\.url.*https://"):
        async with backend(kind, f"http://localhost:{port}", papers).open():
            pass


@pytest.mark.parametrize("kind", STARTS)
async def test_who_speaks_tls_to_a_server_that_does_not_is_told_so(kind: str, papers: Papers) -> None:
    port = engine(kind).port
    with pytest.raises(CoordinationError, match=r"does not speak TLS.*coordination\.url.*http://"):
        async with backend(kind, f"https://localhost:{port}", papers, ca="ca.pem").open():
            pass
