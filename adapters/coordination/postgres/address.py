"""Where a PostgreSQL is and how to log in there; what its refusals mean, in words."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from engine.errors import CoordinationError, CoordinationUnavailable

BROKEN = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
"""What the client raises; the third when it loses its connection within an operation."""

PASSING = ("08", "40", "53", "55", "57")
"""Connection, rollback, resources, object in use, operator intervention (PostgreSQL, appendix A, error codes)."""

NO_TLS = "rejected SSL upgrade"
"""What the client says of a server that speaks no TLS, and nothing else about it."""

UNDONE = ("40", "53", "55")
"""Of these, whatever came with a refusal was taken back; after the others nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A database, with what opens a connection to it."""

    title: str
    url: str
    timeout: float
    password: str = field(default="", repr=False)
    ssl: Any = None

    async def connect(self) -> asyncpg.Connection[asyncpg.Record]:
        """Return a new connection that has logged in. Raises `CoordinationError`."""
        try:
            async with asyncio.timeout(self.timeout):
                connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(
                    self.url,
                    password=self.password or None,
                    ssl=self.ssl,
                    server_settings={"application_name": "syncdeck"},
                )
        except BROKEN as error:
            raise self.refusal(error) from error
        return connection

    def refusal(self, error: Exception, *, maybe_done: bool = False) -> CoordinationError:
        """Return the error to raise for one that a connection attempt or a request ended in."""
        said = str(error).strip().rstrip(".").replace(self.password or "\0", "***")
        state = getattr(error, "sqlstate", None) or ""
        match error:
            case TimeoutError():
                return self.silent(maybe_done=maybe_done)
            case asyncpg.InvalidAuthorizationSpecificationError():
                return CoordinationError(f"{self.title} refuses the login: {said}. Mend the url or the password.")
            case asyncpg.InvalidCatalogNameError():
                return CoordinationError(f"{self.title}: {said}. Make the database, or mend coordination.url.")
            case asyncpg.InsufficientPrivilegeError():
                return CoordinationError(
                    f"{self.title} does not let this user do what coordination needs: {said}. Grant it CREATE on the "
                    "database, or make the schema and give it to this user."
                )
            case asyncpg.ReadOnlySQLTransactionError():
                return CoordinationUnavailable(
                    f"{self.title} takes no writes now: {said}. Name the primary in coordination.url, or end its "
                    "read-only mode."
                )
            case asyncpg.ClientConfigurationError():
                return CoordinationError(f"{self.title}: {said}. Mend coordination.url.")
            case ssl.SSLCertVerificationError():
                return CoordinationError(
                    f"{self.title}: its certificate is not trusted ({error.verify_message.rstrip('.')}). Name the "
                    "authority's certificates in coordination.ca, and in coordination.url the name that it was made "
                    "for."
                )
            case ssl.SSLError():
                return CoordinationError(f"{self.title}: TLS failed ({said}). Mend coordination.url.")
            case ConnectionError() if NO_TLS in said:
                return CoordinationError(
                    f"{self.title} offers no TLS, which coordination.ca or sslmode in coordination.url demands. Turn "
                    "ssl on in its configuration, or take that away if the way is safe."
                )
            case asyncpg.PostgresError() if not state.startswith(PASSING):
                return CoordinationError(f"{self.title} refuses: {said}. Mend the server, or the settings.")
            case _:
                undone = state.startswith(UNDONE)
                return CoordinationUnavailable(
                    f"{self.title} cannot be used now: {said or type(error).__name__}.",
                    maybe_done=maybe_done and not undone,
                )

    def silent(self, *, maybe_done: bool = False) -> CoordinationUnavailable:
        """Return the error to raise for an answer that did not come in time."""
        return CoordinationUnavailable(f"{self.title} did not answer within {self.timeout:g} s.", maybe_done=maybe_done)

    def closed(self) -> CoordinationUnavailable:
        """Return the error to raise once this process is done with it."""
        return CoordinationUnavailable(f"{self.title} is closed here. Open the workspace again.")

    def away(self) -> CoordinationUnavailable:
        """Return the error to raise for those who waited when the connections broke and could not be made again."""
        return CoordinationUnavailable(f"{self.title} closed the connections and cannot be reached again.")
