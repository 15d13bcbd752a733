"""Redis, and Valkey, as a backend of coordination."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec
from msgspec import Meta

from adapters.connection import is_loopback
from adapters.coordination.chores import Chores
from adapters.coordination.redis import scripts
from adapters.coordination.redis.address import KINDS, Address
from adapters.coordination.redis.claims import RedisClaims
from adapters.coordination.redis.following import changes
from adapters.coordination.redis.keys import RedisKeys
from adapters.coordination.redis.line import Line
from adapters.coordination.redis.link import Link
from adapters.coordination.redis.promises import PROMISES, facts, fit, introduced, learnt
from adapters.coordination.redis.stream import RedisStreams
from adapters.coordination.redis.tending import RedisSessions, keep_up
from engine.clock import Clock
from engine.coordination.promises import Promises
from engine.coordination.standing import Change
from engine.coordination.store import Backend, Store
from engine.errors import SettingsError
from engine.redaction import REDACTOR
from engine.settings.catalogue import EndpointContext, PathText, Secret
from engine.together import together

PORT = 6379


class RedisSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a Redis or Valkey server."""

    url: Annotated[
        str,
        Meta(
            description="redis:// or rediss:// (TLS) address with the number of the database, or unix:// and a path.",
            examples=["rediss://redis.acme.example:6380/0", "unix:///run/redis/redis.sock"],
        ),
    ] = "redis://127.0.0.1:6379/0"
    username: Annotated[str, Meta(description="Who logs in; empty: the server's default user.")] = ""
    password: Annotated[Secret, Meta(description="Password.", examples=["keyring:redis"])] = ""
    ca: Annotated[
        PathText, Meta(description="Certificates to trust instead of the system's (PEM).", examples=["ca.pem"])
    ] = ""
    allow_plain: Annotated[
        bool, Meta(description="Send the password without TLS (never needed for this machine itself).")
    ] = False
    timeout: Annotated[timedelta, Meta(description="Longest wait for one answer.")] = timedelta(seconds=5)

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            database = parts.path.strip("/")
            legible = parts.scheme in KINDS and (
                bool(parts.path)
                if parts.scheme == "unix"
                else bool(parts.hostname) and (parts.port or 1) > 0 and (not database or database.isdigit())
            )
        except ValueError:
            legible = False
        if not legible:
            raise ValueError("url cannot be read; write it as redis://host:6379/0, rediss://host or unix:///path.")
        if parts.username is not None or parts.password is not None:
            raise ValueError("url holds a login; write it into username and password.")
        if self.timeout <= timedelta(0):
            raise ValueError("timeout is not longer than nothing. Write 5s.")
        plain = parts.scheme == "redis" and not is_loopback(parts.hostname or "")
        if self.password and plain and not self.allow_plain:
            raise ValueError(
                f"The password would travel readable to {parts.hostname}; use rediss://, or allow_plain: true if the "
                "way is safe."
            )


class Redis(Backend):
    """One server, primary of its replicas."""

    Settings = RedisSettings

    def __init__(self, settings: RedisSettings, context: EndpointContext, clock: Clock, namespace: str) -> None:
        self._settings = settings
        self._context = context
        self._clock = clock
        self._space = f"{{{namespace}}}:"

    @property
    def promises(self) -> Promises:
        return PROMISES

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Store]:
        async with together() as group:
            store = RedisStore(Link(self._address(), group, self._space), self._clock, self._space)
            chores = Chores(group)
            store.answer_calls(chores)
            try:
                await store.learn()
                tending = [group.create_task(task) for task in store.tending()]
                try:
                    yield store
                finally:
                    for task in tending:
                        task.cancel()
            finally:
                chores.close()
                await store.close()

    def _address(self) -> Address:
        settings, url = self._settings, urlsplit(self._settings.url)
        password = self._context.secret(settings.password) if settings.password else ""
        REDACTOR.register(password)
        arguments: dict[str, Any] = {"username": settings.username or None, "password": password or None}
        if url.scheme == "unix":
            arguments["path"] = unquote(url.path)
        else:
            arguments |= {"host": url.hostname, "port": url.port or PORT, "db": int(url.path.strip("/") or 0)}
        if url.scheme == "rediss" and settings.ca:
            arguments["ssl_ca_certs"] = self._legible(settings.ca)
        return Address(f"Redis at {_place(url)}", settings.timeout.total_seconds(), KINDS[url.scheme], arguments)

    def _legible(self, ca: str) -> str:
        path = self._context.path(ca)
        try:
            ssl.create_default_context(cafile=path)
        except OSError as error:
            raise SettingsError(
                f"coordination.ca: the certificates in {ca} cannot be read ({error.strerror or error})."
            ) from error
        return path


class RedisStore(RedisKeys, RedisClaims, Store):
    """A server, connected."""

    def __init__(self, link: Link, clock: Clock, space: str) -> None:
        RedisKeys.__init__(self, link)
        RedisClaims.__init__(self, link, clock, space)
        self._promises = PROMISES
        self._info: Mapping[str, str] = {}
        self._streams = RedisStreams(link, clock, space)
        link.prepare, link.told = self.prepare, self.told

    @property
    def promises(self) -> Promises:
        return self._promises

    @property
    def streams(self) -> RedisStreams:
        return self._streams

    def follow(self) -> AsyncIterator[Change]:
        return changes(self._link, self._space)

    async def learn(self) -> None:
        """Connect, and ask the server what it is. Raises `CoordinationError`."""
        line = await self._link.line()
        settings = await line.shown("CONFIG", "GET", "append*")
        durability = None if settings is None else {name.decode(): value.decode() for name, value in settings.items()}
        self._promises = learnt(self._link.address.title, self._info, durability)
        self.own.backend = kind = self._promises.backend.split()[0]
        self._link.address.title = self._link.address.title.replace("Redis", kind, 1)

    async def prepare(self, line: Line) -> None:
        """Look whom the address led to: after a failover that is another server, which has forgotten something."""
        answer = await line.shown("INFO")
        self._info = introduced(await line.call("HELLO")) if answer is None else facts(answer)
        fit(self._link.address.title, self._info)
        if "run_id" in self._info:
            await line.run(scripts.SERVER, self._space, self._info["run_id"])
        await RedisClaims.prepare(self, line)

    def tending(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return what has to run as long as the store is open."""
        sessions = RedisSessions(self._link, self._clock)
        return keep_up(self._link, self.own, self._clock), self.observer.look_after(sessions)

    async def close(self) -> None:
        self.own.waiting.broken(self._link.address.closed())
        await self._link.close()


def _place(url: SplitResult) -> str:
    return url.path if url.scheme == "unix" else f"{url.hostname}:{url.port or PORT}"
