"""What goes wrong on the way to a service and back, as the engine's errors."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from adapters.answers import Answer, TooLarge, quoted
from adapters.connection import Tls
from engine.errors import RemoteRefused, RemoteUnavailable, SettingsError
from engine.redaction import REDACTOR
from engine.settings.catalogue import EndpointContext


def raise_for_status(place: str, answer: Answer, *, needs: str, writes: bool, pause: timedelta | None) -> None:
    """Raise what a status means by itself; `place` begins the sentence, `needs` names the right that may be missing.

    Raises `RemoteRefused` for 401, 403, 501 and 505; `RemoteUnavailable` for 429, 503 and a 403 with Retry-After (both
    with the pause), 408, 425 and every other 5xx, which leaves open whether a write was done.
    """
    status, said = answer.status, REDACTOR.text(quoted(answer))
    if status in {429, 503} or (status == 403 and "retry-after" in answer.headers):
        asked = f" and asks for a pause of {pause.total_seconds():.0f} s" if pause is not None else ""
        raise RemoteUnavailable(f"{place} answered {status} (busy){asked}.{said}", retry_after=pause)
    if status == 401:
        raise RemoteRefused(f"{place} answered 401: the credentials are not accepted.{said}")
    if status == 403:
        right = f"the right to {needs}" if needs else "the right to do this"
        raise RemoteRefused(f"{place} answered 403: these credentials lack {right}.{said}")
    if status in {408, 425}:
        raise RemoteUnavailable(f"{place} answered {status}.{said}")
    if status in {501, 505}:
        raise RemoteRefused(f"{place} answered {status}: the service does not know this call.{said}")
    if status >= 500:
        raise RemoteUnavailable(f"{place} answered {status}.{said}", maybe_done=writes)


@contextmanager
def translated(place: str, *, writes: bool) -> Iterator[None]:
    """Turn what the network does into the engine's errors; a write whose answer got lost may be done."""
    import httpx

    try:
        yield
    except TooLarge as error:
        raise RemoteRefused(f"{place} answered with more than the limit of a page. Ask for smaller pages.") from error
    except ValueError as error:
        raise RemoteUnavailable(REDACTOR.text(f"{place}: {error}."), maybe_done=writes) from error
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        if "CERTIFICATE" in str(error):
            raise RemoteRefused(f"{place}: its certificate is not trusted ({error}). See tls.ca_file.") from error
        raise RemoteUnavailable(REDACTOR.text(f"{place}: no connection ({error or 'timed out'}).")) from error
    except httpx.TimeoutException as error:
        raise RemoteUnavailable(f"{place}: no answer in time.", maybe_done=writes) from error
    except httpx.TransportError as error:
        words = REDACTOR.text(str(error) or type(error).__name__)
        raise RemoteUnavailable(f"{place}: the connection broke ({words}).", maybe_done=writes) from error


def trust(name: str, tls: Tls, context: EndpointContext) -> ssl.SSLContext:
    """Return whom to trust and what to show. Raises `SettingsError` for certificates that cannot be read."""
    path = context.path
    try:
        trusted = ssl.create_default_context(cafile=path(tls.ca_file) if tls.ca_file else None)
        if not tls.verify:
            trusted.check_hostname, trusted.verify_mode = False, ssl.CERT_NONE
        if tls.client_certificate:
            trusted.load_cert_chain(path(tls.client_certificate), path(tls.client_key) if tls.client_key else None)
    except OSError as error:
        raise SettingsError(f"{name}: the certificates of tls cannot be read ({error}).") from error
    return trusted
