"""How NATS is reached, as people write it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from adapters.connection import is_loopback
from engine.settings.catalogue import PathText, Secret

PORT = 4222

Url = Annotated[str, Meta(pattern=r"^(nats|tls)://[^/?#\s]+/?$")]


class NatsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Locks, leaders, keys, tasks, schedules and event streams in NATS with JetStream (2.11 or later)."""

    url: Annotated[
        Url,
        Meta(
            description="nats:// or tls:// (nothing is sent before the line is encrypted) address of a server.",
            examples=["tls://nats-1.example:4222"],
        ),
    ] = "nats://127.0.0.1:4222"
    more_urls: Annotated[
        tuple[Url, ...],
        Meta(
            description="Other servers of the same cluster, tried in turn when one cannot be reached or goes away.",
            examples=[["tls://nats-2.example:4222"]],
        ),
    ] = ()
    user: Annotated[str, Meta(description="Who logs in; empty: nobody does.", examples=["syncdeck"])] = ""
    password: Annotated[Secret, Meta(description="The user's password.", examples=["keyring:nats"])] = ""
    token: Annotated[
        Secret, Meta(description="Instead of user and password, where the server asks for one.", examples=["env:NATS"])
    ] = ""
    ca: Annotated[
        PathText, Meta(description="Certificates to trust instead of the system's (PEM).", examples=["ca.pem"])
    ] = ""
    client_certificate: Annotated[
        PathText, Meta(description="Certificate that this client shows (PEM, may hold the key).", examples=["me.pem"])
    ] = ""
    client_key: Annotated[
        PathText, Meta(description="Its key, when it stands in a file of its own (PEM).", examples=["me.key"])
    ] = ""
    allow_plain: Annotated[
        bool, Meta(description="Send credentials without TLS to another machine: only where the way is safe.")
    ] = False
    replicas: Annotated[
        int,
        Meta(
            ge=1,
            le=5,
            description="On how many servers of a cluster everything is kept; looked at when it is first kept there.",
        ),
    ] = 1
    timeout: Annotated[timedelta, Meta(description="Longest wait for one answer.", examples=["5s"])] = timedelta(
        seconds=5
    )

    def __post_init__(self) -> None:
        for url in self.urls:
            _check(url)
        if self.timeout <= timedelta(0):
            raise ValueError("timeout is not longer than nothing. Write 5s.")
        if bool(self.user) != bool(self.password):
            raise ValueError("user and password belong together. Give both, or neither.")
        if self.token and self.user:
            raise ValueError("token stands instead of user and password. Give one of the two.")
        plain = [url for url in self.urls if url.startswith("nats:") and not is_loopback(urlsplit(url).hostname or "")]
        if (self.password or self.token) and plain and not self.allow_plain:
            raise ValueError(
                f"The credentials would travel readable to {urlsplit(plain[0]).hostname}; use tls://, or "
                "allow_plain: true if the way is safe."
            )

    @property
    def urls(self) -> tuple[str, ...]:
        return (self.url, *self.more_urls)


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        legible = bool(parts.hostname) and (parts.port or PORT) > 0
    except ValueError:
        legible = False
    if not legible:
        raise ValueError("url cannot be read; write it as nats://host:4222 or tls://host.")
    if parts.username is not None or parts.password is not None:
        raise ValueError("url holds a login; write it into user and password, or into token.")
