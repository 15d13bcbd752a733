"""Logging in to PostgreSQL: whom it believes, whom it lets in, and what it says to who cannot."""

from __future__ import annotations

import ssl
from pathlib import Path

import asyncpg
import pytest
import trustme

from adapters.coordination.postgres.address import Address
from adapters.coordination.postgres.backend import Postgres
from engine.errors import CoordinationError, CoordinationUnavailable, SettingsError
from engine.redaction import REDACTOR
from tests.adapters.coordination.at_postgres import backend, server
from tests.contracts.store_case import soon
from tests.servers.tls_front import tls_front

WRONG = "s3cr3t-that-is-wrong"


async def refused(place: Postgres) -> str:
    """Return the sentence that opening ends with."""
    with pytest.raises(CoordinationError) as told:
        async with place.open():
            pass
    assert not isinstance(told.value, CoordinationUnavailable), "trying again is of no use"
    return str(told.value)


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    """Whose certificate is in ca.pem."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    return made


@pytest.mark.parametrize("parameters", ["", "?sslmode=verify-full", "?sslmode=require"])
async def test_a_server_is_believed_that_shows_a_certificate_of_the_given_authority(
    parameters: str, authority: trustme.CA, tmp_path: Path
) -> None:
    async with tls_front(server().port, authority.issue_cert("127.0.0.1")) as port:
        place = backend("tls", address=f"127.0.0.1:{port}", database=f"postgres{parameters}", ca=f"{tmp_path}/ca.pem")
        async with place.open() as store:
            assert await soon(store.put("k", b"")) > 0


async def test_a_server_that_shows_a_certificate_of_somebody_else_is_not(authority: trustme.CA, tmp_path: Path) -> None:
    async with tls_front(server().port, trustme.CA().issue_cert("127.0.0.1")) as port:
        address = f"127.0.0.1:{port}"
        for place in (
            backend("tls", address=address, ca=f"{tmp_path}/ca.pem"),
            backend("tls", address=address, database="postgres?sslmode=verify-full"),  # the system's authorities
            backend("tls", address=address, database="postgres?sslmode=verify-ca"),
        ):
            said = await refused(place)
            assert said.startswith(f"PostgreSQL at {address}: its certificate is not trusted (")
            assert "coordination.ca" in said


async def test_a_certificate_for_another_name_is_refused_unless_names_do_not_count(
    authority: trustme.CA, tmp_path: Path
) -> None:
    async with tls_front(server().port, authority.issue_cert("db.acme.example")) as port:
        address, ca = f"127.0.0.1:{port}", f"{tmp_path}/ca.pem"
        said = await refused(backend("tls", address=address, database="postgres?sslmode=verify-full", ca=ca))
        assert "IP address mismatch" in said
        assert "in coordination.url the name that it was made for" in said
        async with backend("tls", address=address, database="postgres?sslmode=verify-ca", ca=ca).open() as store:
            assert await soon(store.put("k", b"")) > 0


@pytest.mark.parametrize("mode", ["require", "verify-full"])
async def test_a_server_that_speaks_no_tls_is_not_used_without_it(mode: str) -> None:
    assert "offers no TLS" in await refused(backend("tls", database=f"postgres?sslmode={mode}"))


@pytest.mark.usefixtures("authority")
async def test_a_server_that_speaks_no_tls_is_not_used_where_an_authority_is_named(tmp_path: Path) -> None:
    assert "which coordination.ca" in await refused(backend("tls", ca=f"{tmp_path}/ca.pem"))


async def test_certificates_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for name in ("ca.pem", "nowhere.pem"):
        with pytest.raises(SettingsError, match=rf"coordination\.ca: the certificates in .*/{name} cannot"):
            async with backend("tls", ca=f"{tmp_path}/{name}").open():
                pass


async def test_a_parameter_that_cannot_be_meant_is_refused_by_name() -> None:
    said = await refused(backend("tls", database="postgres?sslmode=verify-most"))
    assert "sslmode" in said
    assert said.endswith("Mend coordination.url.")


async def test_a_wrong_password_is_told_in_words_and_never_shown() -> None:
    with pytest.raises(CoordinationError, match=r"refuses the login: .*Mend the url or the password") as told:
        async with backend("nobody", password=WRONG).open():
            pass
    assert WRONG not in f"{told.value} {told.value.__cause__!r}"
    assert REDACTOR.text(f"it was {WRONG}") == "it was ***"


async def test_a_database_that_is_not_there_is_told_in_words() -> None:
    assert "Make the database, or mend coordination.url" in await refused(backend("nobody", database="nowhere"))


async def test_who_may_not_make_the_schema_is_told_what_to_grant() -> None:
    with server().connect() as connection:
        connection.execute("DROP ROLE IF EXISTS poor")
        connection.execute("CREATE ROLE poor LOGIN PASSWORD 'poor-password'")
    said = await refused(backend("unwanted", user="poor", password="poor-password"))
    assert "Grant it CREATE on the database" in said


async def test_who_may_not_use_the_schema_of_somebody_else_is_told_so() -> None:
    async with backend("of-another").open():
        pass
    with server().connect() as connection:
        connection.execute("DROP ROLE IF EXISTS stranger")
        connection.execute("CREATE ROLE stranger LOGIN PASSWORD 'strange-password'")
    said = await refused(backend("of-another", user="stranger", password="strange-password"))
    assert "of-another_coordination" in said
    assert "give it to this user" in said


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (asyncpg.CannotConnectNowError("the database system is starting up"), "cannot be used now: .* is starting up"),
        (asyncpg.AdminShutdownError("terminating connection"), "cannot be used now: terminating connection"),
        (asyncpg.TooManyConnectionsError("too many clients already"), "cannot be used now: too many clients already"),
        (asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT"), "takes no writes now: cannot execute INSERT"),
        (ConnectionRefusedError(111, "Connection refused"), "cannot be used now: .*Connection refused"),
        (TimeoutError(), "did not answer within 5 s"),
    ],
)
def test_what_passes_may_be_tried_again(error: Exception, sentence: str) -> None:
    address = Address(title="PostgreSQL at h:1", url="postgresql://h:1", timeout=5.0)
    refusal = address.refusal(error)
    assert isinstance(refusal, CoordinationUnavailable)
    with pytest.raises(CoordinationUnavailable, match=sentence):
        raise refusal


def test_a_conversation_that_breaks_off_while_tls_begins_is_told_in_words() -> None:
    broken = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
    said = str(Address(title="PostgreSQL at h:1", url="postgresql://h:1", timeout=5.0).refusal(broken))
    assert said.startswith("PostgreSQL at h:1: TLS failed (")
