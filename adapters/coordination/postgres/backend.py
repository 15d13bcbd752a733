"""PostgreSQL as a backend of coordination."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

import msgspec
from msgspec import Meta

from adapters.coordination.chores import Chores
from adapters.coordination.hand_over import HandOver
from adapters.coordination.postgres.address import Address
from adapters.coordination.postgres.claims import PostgresClaims
from adapters.coordination.postgres.desk import Desk
from adapters.coordination.postgres.keys import PostgresKeys
from adapters.coordination.postgres.lines import Lines
from adapters.coordination.postgres.promises import PROMISES, learnt
from adapters.coordination.postgres.schema import prepared, quoted, schema_of
from adapters.coordination.postgres.stream import PostgresStreams
from adapters.coordination.postgres.values import ENTRY, entry_of
from adapters.coordination.postgres.watching import PostgresSessions
from engine.clock import Clock
from engine.coordination.promises import Promises
from engine.coordination.standing import Change, Kind
from engine.coordination.store import Backend, Store
from engine.errors import SettingsError
from engine.redaction import REDACTOR
from engine.settings.catalogue import EndpointContext, PathText, Secret
from engine.together import together

PORT = 5432

VERIFIED = frozenset({"verify-ca", "verify-full"})
"""Modes that look at the certificate. The client alone would want a file of authorities in the user's home for them."""


class PostgresSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a PostgreSQL server."""

    url: Annotated[
        str,
        Meta(
            description="Address of the database, with the user. Parameters as libpq has them: ?sslmode=verify-full.",
            examples=["postgresql://syncdeck@db.acme.example/ops?sslmode=verify-full"],
        ),
    ]
    password: Annotated[Secret, Meta(description="The user's password.", examples=["keyring:ops"])] = ""
    ca: Annotated[
        PathText,
        Meta(description="Certificates to trust instead of the system's (PEM); demands TLS.", examples=["ca.pem"]),
    ] = ""
    timeout: Annotated[timedelta, Meta(description="Longest wait for one answer.")] = timedelta(seconds=5)

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            legible = parts.scheme in {"postgresql", "postgres"} and (parts.port or 1) > 0
        except ValueError:
            legible = False
        if not legible:
            raise ValueError("url cannot be read; write it as postgresql://user@host:5432/database.")
        if parts.password is not None or "password=" in parts.query:
            raise ValueError("url holds a password; write a reference to it into password.")
        if self.timeout <= timedelta(0):
            raise ValueError("timeout is not longer than nothing. Write 5s.")


class Postgres(Backend):
    """One database, on the primary."""

    Settings = PostgresSettings

    def __init__(self, settings: PostgresSettings, context: EndpointContext, clock: Clock, namespace: str) -> None:
        self._settings = settings
        self._context = context
        self._clock = clock
        self._schema = schema_of(namespace)

    @property
    def promises(self) -> Promises:
        return PROMISES

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Store]:
        address = self._address()
        version = await prepared(address, self._schema)
        async with together() as group:
            store = PostgresStore(Desk(address, group, quoted(self._schema)), self._schema, self._clock)
            chores = Chores(group)
            store.answer_calls(chores)
            try:
                await store.learn(version)
                await store.lines.dial()
                store.sessions_here.start(group)
                lines = (store.lines.listener.keep_up(), store.lines.asker.keep_up(), store.lines.give_up_in_time())
                watching = store.observer.look_after(store.sessions_here)
                tending = [group.create_task(task) for task in (*lines, watching)]
                try:
                    yield store
                finally:
                    for task in tending:
                        task.cancel()
            finally:
                chores.close()
                await store.close()

    def _address(self) -> Address:
        settings = self._settings
        password = self._context.secret(settings.password) if settings.password else ""
        REDACTOR.register(password)
        return Address(
            title=f"PostgreSQL at {_place(settings.url)}",
            url=settings.url,
            timeout=settings.timeout.total_seconds(),
            password=password,
            ssl=self._trusted(),
        )

    def _trusted(self) -> ssl.SSLContext | None:
        """Return whom to believe; None leaves that to the client, by the parameters of the address."""
        ca, parameters = self._settings.ca, dict(parse_qsl(urlsplit(self._settings.url).query))
        verified = parameters.get("sslmode") in VERIFIED and "sslrootcert" not in parameters
        if not ca and not verified:
            return None
        try:
            trust = ssl.create_default_context(cafile=self._context.path(ca) if ca else None)
        except OSError as error:
            reason = getattr(error, "reason", None) or error.strerror
            raise SettingsError(f"coordination.ca: the certificates in {ca} cannot be read ({reason}).") from error
        trust.check_hostname = parameters.get("sslmode") != "verify-ca"
        return trust


class PostgresStore(PostgresKeys, PostgresClaims, Store):
    """A database, connected."""

    def __init__(self, desk: Desk, schema: str, clock: Clock) -> None:
        own = HandOver("PostgreSQL")
        self.lines = Lines(desk, schema, clock, own)
        PostgresKeys.__init__(self, desk)
        PostgresClaims.__init__(self, desk, self.lines, clock, own)
        self.lines.take_up = self.take_up
        self.sessions_here = PostgresSessions(desk, self.lines, own, clock)
        self._promises = PROMISES
        self._streams = PostgresStreams(desk, self.lines, clock)

    @property
    def promises(self) -> Promises:
        return self._promises

    @property
    def streams(self) -> PostgresStreams:
        return self._streams

    async def follow(self) -> AsyncGenerator[Change, None]:
        async for change in self.lines.changes():
            if change.kind is Kind.KEY:
                rows = await self._desk.ask(f"{ENTRY} AND key = $1", change.name)
                yield msgspec.structs.replace(change, entry=entry_of(rows[0]) if rows else None)
            else:
                yield change

    async def learn(self, version: str) -> None:
        """Ask the server what it is. Raises `CoordinationError`."""
        rows = await self._desk.ask(
            "SELECT 'standby' AS name, pg_is_in_recovery()::text AS setting "
            "UNION ALL SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes')"
        )
        self._promises = learnt(self._desk.address.title, version, {row["name"]: row["setting"] for row in rows})

    async def close(self) -> None:
        self.sessions_here.stop()
        self.lines.close()
        self.lines.silent(self._desk.address.closed())
        self._desk.close()


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname or 'its socket'}:{parts.port or PORT}"
