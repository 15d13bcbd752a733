"""How a backend that speaks HTTP is reached: address, trust, patience."""

from __future__ import annotations

import ssl
from datetime import timedelta
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from adapters.connection import address_fault
from adapters.coordination.http_line import Address
from adapters.coordination.http_pool import HttpPool
from engine.clock import Clock
from engine.errors import SettingsError
from engine.settings.catalogue import EndpointContext, PathText

Url = Annotated[str, Meta(pattern=r"^https?://[^/?#\s]+/?$")]


class WebSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What etcd and Consul have in common; each adds its credentials."""

    url: Url
    """Described by each."""
    ca: Annotated[
        PathText,
        Meta(description="Certificates to trust instead of the system's (PEM), for https.", examples=["ca.pem"]),
    ] = ""
    client_certificate: Annotated[
        PathText, Meta(description="Certificate that this client shows (PEM, may hold the key).", examples=["me.pem"])
    ] = ""
    client_key: Annotated[
        PathText, Meta(description="Its key, when it stands in a file of its own (PEM).", examples=["me.key"])
    ] = ""
    allow_plain: Annotated[
        bool, Meta(description="Send credentials over http to another machine: only where the way is safe.")
    ] = False
    timeout: Annotated[timedelta, Meta(description="Longest time a request may take.", examples=["5s"])] = timedelta(
        seconds=5
    )

    def __post_init__(self) -> None:
        if self.timeout <= timedelta(0):
            raise ValueError("timeout must be longer than nothing. Write 5s, for example.")


class Service(NamedTuple):
    """What is reached."""

    what: str
    urls: tuple[str, ...]
    default_port: int
    credentials: bool
    """Whether requests carry any."""


def pool(service: Service, settings: WebSettings, context: EndpointContext, clock: Clock) -> HttpPool:
    """Return the way to a service; nothing is connected. Raises `SettingsError`."""
    for url in service.urls:
        fault = address_fault(url, credentials=service.credentials, allow_plain=settings.allow_plain)
        if fault:
            raise SettingsError(f"coordination: {fault}")
    addresses = [Address.of(url, service.default_port) for url in service.urls]
    trust = _trust(settings, context) if any(address.scheme == "https" for address in addresses) else None
    return HttpPool(service.what, addresses, trust, settings.timeout.total_seconds(), clock)


def _trust(settings: WebSettings, context: EndpointContext) -> ssl.SSLContext:
    try:
        trust = ssl.create_default_context(cafile=context.path(settings.ca) if settings.ca else None)
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
