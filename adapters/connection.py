"""How a service is reached: address, credentials, TLS, patience. Settings only; `rest` acts on them."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from adapters.pauses import RateFamily
from engine.settings.catalogue import PathText, Secret


class AuthKind(StrEnum):
    """How requests prove who they are."""

    NONE = "none"
    BASIC = "basic"
    BEARER = "bearer"
    HEADER = "header"
    OAUTH2 = "oauth2"


class ClientAuth(StrEnum):
    """How the client shows its own secret to the token address (RFC 6749 §2.3.1)."""

    BASIC = "basic"
    POST = "post"


NEEDED: dict[AuthKind, tuple[str, ...]] = {
    AuthKind.NONE: (),
    AuthKind.BASIC: ("username", "password"),
    AuthKind.BEARER: ("token",),
    AuthKind.HEADER: ("token", "header"),
    AuthKind.OAUTH2: ("token_url", "client_id", "client_secret"),
}


class Auth(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The credentials of a service."""

    kind: Annotated[AuthKind, Meta(description="none, basic, bearer, header or oauth2 (client credentials).")] = (
        AuthKind.NONE
    )
    username: Annotated[str, Meta(description="For basic.", examples=["sync@acme.example"])] = ""
    password: Annotated[Secret, Meta(description="For basic.", examples=["keyring:wiki"])] = ""
    token: Annotated[Secret, Meta(description="For bearer and header.", examples=["env:WIKI_TOKEN"])] = ""
    header: Annotated[str, Meta(description="For header: its name.", examples=["X-Api-Key"])] = ""
    prefix: Annotated[str, Meta(description="For header: a word before the token.", examples=["GenieKey"])] = ""
    token_url: Annotated[
        str, Meta(description="For oauth2: where tokens are given out.", examples=["https://login.example/oauth/token"])
    ] = ""
    client_id: Annotated[str, Meta(description="For oauth2.", examples=["syncdeck"])] = ""
    client_secret: Annotated[Secret, Meta(description="For oauth2.", examples=["keyring:wiki-client"])] = ""
    scope: Annotated[str, Meta(description="For oauth2: scopes, separated by spaces.", examples=["members.write"])] = ""
    client_auth: Annotated[
        ClientAuth, Meta(description="For oauth2: client id and secret as basic authentication or in the form (post).")
    ] = ClientAuth.BASIC

    def __post_init__(self) -> None:
        lacking = [name for name in NEEDED[self.kind] if not getattr(self, name)]
        if lacking:
            raise ValueError(f"auth of kind {self.kind} needs {' and '.join(lacking)}.")

    @property
    def references(self) -> tuple[str, ...]:
        """The secret references this kind makes use of."""
        return tuple(
            getattr(self, name) for name in NEEDED[self.kind] if name in {"password", "token", "client_secret"}
        )


class Tls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom to trust, and what to show."""

    verify: Annotated[
        bool, Meta(description="Check the server's certificate. Without it anybody on the way can read and write.")
    ] = True
    ca_file: Annotated[
        PathText, Meta(description="Certificates to trust instead of the system's (PEM).", examples=["ca.pem"])
    ] = ""
    client_certificate: Annotated[
        PathText, Meta(description="Certificate that this client shows (PEM, may hold the key).", examples=["me.pem"])
    ] = ""
    client_key: Annotated[PathText, Meta(description="Its key, when it stands in a file of its own (PEM).")] = ""


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """Everything `RestClient` has to know; endpoints build one from their own settings."""

    base_url: str
    auth: Auth = Auth()
    tls: Tls = Tls()
    headers: dict[str, str] = {}
    media_type: str = "application/json"
    connect_timeout: timedelta = timedelta(seconds=10)
    read_timeout: timedelta = timedelta(seconds=30)
    """Between two pieces of an answer, not for the whole of it."""
    body_limit_bytes: int = 64 * 1024 * 1024
    """For one page, unpacked."""
    rate_family: RateFamily = RateFamily.NONE
    rate_header: str = ""
    per_second: float | None = None
    concurrency: int = 4
    allow_plain: bool = False


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port: what must agree before credentials are sent (RFC 6454 §4)."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, by its name alone: no name is looked up."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def address_fault(url: str, *, credentials: bool, allow_plain: bool) -> str:
    """Return a sentence on why requests may not go to this address; empty when they may."""
    try:
        scheme, host, _ = origin_of(url)
        user = urlsplit(url).username
    except ValueError:
        return f"{url!r} is not an address."
    if scheme not in {"http", "https"} or not host:
        return f"{url!r} is not an address; write it as https://host/path."
    if user:
        return "An address must not hold a user or password; use auth with a secret reference."
    if scheme == "http" and credentials and not allow_plain and not is_loopback(host):
        return f"Credentials would travel readable to {host}; use https, or set allow_plain: true if the way is safe."
    return ""
