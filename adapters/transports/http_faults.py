"""What goes wrong on the way to a peer and back, in words that name the peer and the setting to look at."""

from __future__ import annotations

import errno
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import httpx
import msgspec

from adapters.pauses import pause_asked
from adapters.transports.packing import TooLarge
from adapters.transports.refusals import STATUS_OF_KIND
from engine.errors import RemoteError, RemoteRefused, RemoteUnavailable, ReplicationRefused
from engine.redaction import redact
from engine.settings.replication import PeerSettings

WORDS_LIMIT = 300
REDIRECTS = range(300, 400)
GATEWAYS = frozenset({502, 503, 504})
"""Answers of what stands before a peer: the request did not reach it, or its answer got lost."""


class Said(msgspec.Struct, frozen=True):
    """The peer's own words."""

    error: str = ""
    kind: str = ""


def judge(
    place: str, settings: PeerSettings, response: httpx.Response, body: bytes, now: datetime, *, writes: bool
) -> None:
    """Raise what an answer other than 200 means.

    Raises `RemoteRefused` (rights, address), `RemoteUnavailable` (busy, with the pause asked for, or broken), and
    `ReplicationRefused` with the peer's own kind.
    """
    status, said = response.status_code, _said(body)
    name = settings.name
    quoted = f" It says: {said.error}" if said.error else ""
    if status == 401:
        token = f"peers.{name}.token" if settings.token else f"peers.{name}.token (there is none)"
        raise RemoteRefused(
            f"{place}: the token is not accepted. Check {token} here and server.tokens there.{quoted}", about="token"
        )
    if status == 403:
        raise RemoteRefused(f"{place}: it may not be used from here. Check server.tokens there.{quoted}", about="token")
    if status in REDIRECTS:
        where = response.headers.get("location", "")[:200]
        raise RemoteRefused(
            f"{place} sends elsewhere ({where}). Set peers.{name}.url to the address itself.", about="address"
        )
    if status in {408, 425, 429} or status in GATEWAYS:
        pause = pause_asked(response.headers, now)
        raise RemoteUnavailable(
            f"{place} is busy or away ({status}).{quoted}", retry_after=pause, maybe_done=writes and status == 504
        )
    if status >= 500:
        raise RemoteUnavailable(f"{place} failed ({status}).{quoted}", maybe_done=writes)
    if said.kind in STATUS_OF_KIND:
        raise ReplicationRefused(f"{place} refuses: {said.error}", kind=said.kind)
    if status in {404, 405} or not said.kind:
        raise RemoteRefused(
            f"{place} is no address of a Syncdeck node ({status}). Check peers.{name}.url: scheme, host and port, "
            f"without a path.{quoted}",
            about="address",
        )
    raise RemoteRefused(f"{place} refuses ({status}).{quoted}")


@contextmanager
def told(place: str, settings: PeerSettings, *, writes: bool) -> Iterator[None]:
    """Turn what the network does into the engine's errors; a write whose answer got lost may be done."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise _no_connection(place, settings, error) from error
    except httpx.TimeoutException as error:
        raise RemoteUnavailable(
            f"{place}: no sign of life in time. {_if_it_never_worked(settings)}", maybe_done=writes
        ) from error
    except httpx.TransportError as error:
        words = f"{place}: the connection broke ({_reason(error)}). {_if_it_never_worked(settings)}"
        raise RemoteUnavailable(words, maybe_done=writes) from error
    except (httpx.InvalidURL, UnicodeError) as error:
        raise RemoteRefused(f"{place} is no address ({error}). Check peers.{settings.name}.url.") from error


def too_much(place: str, error: TooLarge) -> ReplicationRefused:
    """Return the error for an answer beyond the limits: none of it is used."""
    return ReplicationRefused(
        f"{place} {error}. None of it was used. Set a smaller batch for this peer, or bring both nodes to one version.",
        kind="too_large",
    )


def _no_connection(place: str, settings: PeerSettings, error: httpx.TransportError) -> RemoteError:
    cause, name = _cause(error), settings.name
    if isinstance(cause, ssl.SSLCertVerificationError):
        return RemoteRefused(
            f"{place}: its certificate is not trusted ({cause.verify_message.rstrip('.')}). Check peers.{name}.ca, and "
            "that url has the name that the certificate is for.",
            about="TLS",
        )
    if isinstance(cause, ssl.SSLError):
        return RemoteRefused(
            f"{place}: there is no TLS ({_reason(error)}). Check whether peers.{name}.url is https or http.",
            about="TLS",
        )
    return RemoteUnavailable(
        f"{place}: no connection ({_reason(error)}). Check that syncdeck serve runs there, and peers.{name}.url here."
    )


def _cause(error: BaseException) -> BaseException:
    """Return what it began with: the libraries on the way up keep only that all attempts failed."""
    while isinstance(under := error.__cause__ or error.__context__, BaseException):
        error = under
    return error


def _reason(error: BaseException) -> str:
    """Return what the system said. (asyncio writes over it: "Connect call failed ('127.0.0.1', 1)".)"""
    cause = _cause(error)
    words = str(cause) or str(error) or "it was closed"
    if isinstance(cause, ssl.SSLError):
        words = (cause.reason or words).replace("_", " ").lower()
    elif isinstance(cause, OSError) and cause.errno and cause.strerror:
        words = os.strerror(cause.errno) if cause.errno in errno.errorcode else cause.strerror
    return redact(words).rstrip(".")


def _if_it_never_worked(settings: PeerSettings) -> str:
    """Return what to look at when what answers may be no node, or one that is spoken to in the wrong way."""
    other = "http" if settings.url.startswith("https:") else "https"
    return f"If it never worked: check the port in peers.{settings.name}.url, and whether the peer serves {other}."


def _said(body: bytes) -> Said:
    """Return the peer's words, fit to be shown; nothing for what is none of ours."""
    try:
        said = msgspec.json.decode(body, type=Said)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return Said()
    clean = "".join(letter if letter.isprintable() else " " for letter in said.error)
    return Said(error=redact(" ".join(clean.split())[:WORDS_LIMIT]), kind=said.kind)
