"""Access tokens by client credentials (RFC 6749 §4.4), fetched when needed and again before they expire."""

from __future__ import annotations

import asyncio
import base64
from abc import abstractmethod
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import quote

from adapters.answers import Answer
from adapters.connection import Auth, ClientAuth
from engine.clock import Clock
from engine.errors import RemoteRefused
from engine.redaction import REDACTOR

EARLY_SECONDS = 30.0
"""A token is renewed this long before its end, so that it does not expire on its way."""
UNTOLD_LIFETIME_SECONDS = 300.0
"""For servers that leave out `expires_in`."""


class Fetch(Protocol):
    """Sends the form to the token address."""

    @abstractmethod
    async def __call__(self, auth: Auth, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Return its answer, whatever 2xx or 4xx it is."""


def basic(user: str, password: str) -> str:
    """Return the value of an Authorization header (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Tokens:
    """The current access token of one client; callers that come together share one request for it."""

    def __init__(self, auth: Auth, secret: str, clock: Clock, fetch: Fetch) -> None:
        self._auth = auth
        self._secret = secret
        self._clock = clock
        self._fetch = fetch
        self._token = ""
        self._expires = 0.0
        self._fetching = asyncio.Lock()

    def forget(self) -> None:
        """Drop a token that was refused."""
        self._expires = 0.0

    async def current(self) -> str:
        """Return a token that is good for the next half minute. Raises `RemoteRefused`, `RemoteUnavailable`."""
        async with self._fetching:
            if self._clock.monotonic() >= self._expires:
                await self._renew()
        return self._token

    async def _renew(self) -> None:
        form = {"grant_type": "client_credentials"}
        if self._auth.scope:
            form["scope"] = self._auth.scope
        headers: dict[str, str] = {}
        if self._auth.client_auth is ClientAuth.BASIC:
            headers["authorization"] = basic(quote(self._auth.client_id, safe=""), quote(self._secret, safe=""))
        else:
            form |= {"client_id": self._auth.client_id, "client_secret": self._secret}
        answer = await self._fetch(self._auth, form, headers)
        match answer.data:
            case {"access_token": str(token)} if token and answer.good:
                REDACTOR.register(token)
                self._token = token
                lifetime = answer.data.get("expires_in")
            case _:
                said = f" It says: {REDACTOR.text(answer.words)}" if answer.words else ""
                raise RemoteRefused(
                    f"{self._auth.token_url} gave out no token ({answer.status}); check client_id, client_secret and "
                    f"scope.{said}"
                )
        seconds = float(lifetime) if isinstance(lifetime, int | float) else UNTOLD_LIFETIME_SECONDS
        self._expires = self._clock.monotonic() + max(seconds - EARLY_SECONDS, 0.0)
