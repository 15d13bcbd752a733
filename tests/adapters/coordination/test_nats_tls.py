"""Whom a NATS client believes, and to whom it shows what, with real certificates."""

from __future__ import annotations

from pathlib import Path

import trustme

from tests.adapters.coordination.test_nats_opening import PASSWORD, configured, nats, refused
from tests.contracts.store_case import soon
from tests.doubles.nats_server import greeting


def served_with(folder: Path, name: str, more: str = "") -> str:
    """Return the configuration of a server with a certificate for a name; whoever issued it stands in `ca.pem`, and an
    authority that nobody has to do with in `other.pem`. `me.pem` and `me.key` are a client's."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    mine = authority.issue_cert("anna@acme.example")
    mine.cert_chain_pems[0].write_to_path(folder / "me.pem")
    mine.private_key_pem.write_to_path(folder / "me.key")
    trustme.CA().cert_pem.write_to_path(folder / "other.pem")
    return f'tls {{ cert_file: "{folder}/server.pem", key_file: "{folder}/server.pem"{more} }}'


async def test_a_server_is_believed_that_shows_a_certificate_of_the_given_authority(tmp_path: Path) -> None:
    with configured(tmp_path, served_with(tmp_path, "127.0.0.1")) as url:
        safe = url.replace("nats://", "tls://")
        async with nats(safe, ca=str(tmp_path / "ca.pem")).open() as store:
            assert await soon(store.put("k", b"")) > 0
        for ca in ("", str(tmp_path / "other.pem")):
            said = await refused(nats(safe, ca=ca))
            assert "coordination.ca" in str(said)


async def test_a_server_with_another_name_than_its_certificates_is_not_believed(tmp_path: Path) -> None:
    with configured(tmp_path, served_with(tmp_path, "nats.acme.example")) as url:
        said = await refused(nats(url.replace("nats://", "tls://"), ca=str(tmp_path / "ca.pem")))
    assert "TLS failed" in str(said)
    assert "the name in the address" in str(said)


async def test_a_server_that_asks_for_a_certificate_lets_in_whoever_shows_one(tmp_path: Path) -> None:
    asking = served_with(tmp_path, "127.0.0.1", f', ca_file: "{tmp_path}/ca.pem", verify: true')
    with configured(tmp_path, asking) as url:
        safe, ca = url.replace("nats://", "tls://"), str(tmp_path / "ca.pem")
        shown = {"client_certificate": str(tmp_path / "me.pem"), "client_key": str(tmp_path / "me.key")}
        async with nats(safe, ca=ca, **shown).open() as store:
            assert await soon(store.put("k", b"")) > 0
        said = await refused(nats(safe, ca=ca))
    assert "coordination.client_certificate" in str(said)


async def test_a_server_that_wants_tls_gets_it_though_the_address_does_not_say_so(tmp_path: Path) -> None:
    with configured(tmp_path, served_with(tmp_path, "127.0.0.1")) as url:
        async with nats(url, ca=str(tmp_path / "ca.pem")).open() as store:
            assert await soon(store.put("k", b"")) > 0
        assert "coordination.ca" in str(await refused(nats(url)))


async def test_no_password_is_sent_over_a_line_that_should_be_encrypted_and_is_not() -> None:
    async with greeting("2.12.0") as server:
        said = await refused(nats(f"tls://{server.url}", user="anna", password="env:NATS"))
    assert "offers no TLS" in str(said)
    assert not any(PASSWORD in line or "anna" in line for line in server.received)


async def test_a_line_that_should_be_encrypted_and_is_not_is_not_used() -> None:
    async with greeting("2.12.0") as server:
        said = await refused(nats(f"tls://{server.url}"))
    assert "offers no TLS" in str(said)
