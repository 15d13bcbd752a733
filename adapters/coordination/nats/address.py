"""The way to a NATS server: how a connection is made, and what it says when that fails."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from nats import errors
from nats.aio.client import Client

from adapters.coordination.nats.settings import PORT, NatsSettings
from adapters.coordination.tls_faults import unwanted
from engine.errors import CoordinationError, CoordinationUnavailable, SettingsError
from engine.redaction import REDACTOR
from engine.settings.catalogue import EndpointContext

LOGIN = "coordination.user and coordination.password, or coordination.token"

Report = Callable[[Exception], Awaitable[None]]
Closed = Callable[[], Awaitable[None]]


class Trust(ssl.SSLContext):
    """Whom a connection believes, and whether it was encrypted at all: the client library would go on without."""

    used: bool = False

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        self.used = True
        return super().wrap_bio(*args, **options)


class Connection(Client):
    """The library's connection, closed to the end: when it breaks while something is to be sent, the library leaves
    its tasks behind and tells nobody."""

    async def _close(self, status: int, do_cbs: bool = True) -> None:
        try:
            await super()._close(status, do_cbs)
        except OSError:
            self._status = Client.DISCONNECTED
            await super()._close(status, do_cbs)


class Address:
    """Where the servers are and who logs in. Nothing is connected before `connect`."""

    def __init__(self, settings: NatsSettings, context: EndpointContext) -> None:
        self.timeout = settings.timeout.total_seconds()
        self._settings = settings
        self._password = context.secret(settings.password) if settings.password else ""
        self._token = context.secret(settings.token) if settings.token else ""
        REDACTOR.register(self._password)
        REDACTOR.register(self._token)
        self._encrypted = any(url.startswith("tls:") for url in settings.urls)
        place, others = urlsplit(settings.url), len(settings.urls) - 1
        beside = f" and {others} others" if others > 1 else " and another" if others else ""
        self.title = f"NATS at {place.hostname}:{place.port or PORT}{beside}"
        self._urls = deque(settings.urls)
        self._trust = _trust(settings, context)

    async def connect(self, report: Report, closed: Closed) -> Client:
        """Return a connection that ends for good when it breaks: nothing may be sent later than it was meant. Each
        server has its share of the time; after one that was no good the next one comes first. Raises
        `CoordinationError`."""
        faults: list[CoordinationError] = []
        for _ in tuple(self._urls):
            url = self._urls[0]
            self._urls.rotate(-1)
            try:
                return await self._connect(url, report, closed)
            except CoordinationError as error:
                faults.append(error)
        raise next((fault for fault in faults if not isinstance(fault, CoordinationUnavailable)), faults[0])

    async def _connect(self, url: str, report: Report, closed: Closed) -> Client:
        client, trust, made = Connection(), self._trust, False
        trust.used = False
        faults: list[Exception] = []

        async def noted(error: Exception) -> None:
            faults.append(error)
            await report(error)

        async def over() -> None:
            if made:
                await closed()

        try:
            async with asyncio.timeout(self.timeout / len(self._urls)):
                await client.connect(
                    [url],
                    name="syncdeck",
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    connect_timeout=max(1, round(self.timeout)),
                    ping_interval=max(1, round(self.timeout)),
                    error_cb=noted,
                    closed_cb=over,
                    tls=trust,
                    user=(lambda: self._settings.user) if self._settings.user else None,
                    password=(lambda: self._guarded(self._password)) if self._password else None,
                    token=(lambda: self._guarded(self._token)) if self._token else None,
                )
            self._guard()
        except TimeoutError as error:
            await shut(client)
            raise self.silent() from error
        except (errors.Error, OSError) as error:
            await shut(client)
            raise self._refused(
                error if not isinstance(error, errors.NoServersError) or not faults else faults[-1]
            ) from error
        except BaseException:
            await shut(client)
            raise
        made = True
        return client

    def broken(self, *, maybe_done: bool = False) -> CoordinationUnavailable:
        return CoordinationUnavailable(
            f"The connection to {self.title} broke. Try again; it is made anew.", maybe_done=maybe_done
        )

    def silent(self, *, maybe_done: bool = False) -> CoordinationUnavailable:
        return CoordinationUnavailable(
            f"{self.title} did not answer within {self.timeout:g} s. Try again, or raise coordination.timeout.",
            maybe_done=maybe_done,
        )

    def away(self) -> CoordinationUnavailable:
        """Nobody there takes requests for what is kept: its servers are choosing a leader, or too few of them run."""
        return CoordinationUnavailable(
            f"{self.title} has nobody to ask for what Syncdeck keeps there: too few of its servers run. Try again."
        )

    def _guarded(self, secret: str) -> str:
        """Return a secret; asked for when the line is as safe as it will be."""
        self._guard()
        return secret

    def _guard(self) -> None:
        if self._encrypted and not self._trust.used:
            raise CoordinationError(
                f"{self.title} offers no TLS although coordination.url says tls://; nothing was sent to it. Mend the "
                "server, or write nats:// if the way is safe."
            )

    def _refused(self, error: Exception) -> CoordinationError:
        said = str(error).removeprefix("nats: ").strip("' ")
        if isinstance(error, ssl.SSLError):
            return unwanted(self.title, error) or CoordinationError(
                f"{self.title}: TLS failed ({getattr(error, 'verify_message', '') or said}). Check coordination.ca and "
                "the name in the address."
            )
        if isinstance(error, errors.AuthorizationError) or "authorization" in said.lower():
            return CoordinationError(f"{self.title} refuses the login ({said}). Check {LOGIN}.")
        if self._trust.used and not self._settings.client_certificate:
            return CoordinationUnavailable(
                f"{self.title} hung up once the line was encrypted ({said or type(error).__name__}). If it asks for a "
                "certificate, name one as coordination.client_certificate."
            )
        return CoordinationUnavailable(
            f"{self.title} cannot be reached ({said or type(error).__name__}). Check that it runs, and "
            "coordination.url."
        )


async def shut(client: Client) -> None:
    """Close a connection; one that is stuck is left to the system."""
    with suppress(errors.Error, OSError, TimeoutError):
        async with asyncio.timeout(1):
            await client.close()


def _trust(settings: NatsSettings, context: EndpointContext) -> Trust:
    """Raises `SettingsError` for certificates that cannot be read."""
    trust = Trust(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if settings.ca:
            trust.load_verify_locations(context.path(settings.ca))
        else:
            trust.load_default_certs()
    except OSError as error:
        raise SettingsError(
            f"coordination.ca: the certificates in {settings.ca} cannot be read ({error.strerror or error})."
        ) from error
    if settings.client_certificate:
        key = context.path(settings.client_key) if settings.client_key else None
        try:
            trust.load_cert_chain(context.path(settings.client_certificate), key)
        except OSError as error:
            raise SettingsError(
                f"coordination.client_certificate: {settings.client_certificate} cannot be used with its key "
                f"({error.strerror or error})."
            ) from error
    return trust
