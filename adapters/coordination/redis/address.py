"""Where a Redis is and how to log in there; what its refusals mean, in words."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

from redis import exceptions
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from engine.errors import CoordinationError, CoordinationUnavailable, NotSupported

REFUSED_FOR_NOW = ("LOADING", "BUSY ", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "UNKILLABLE", "MISCONF", "max number")
"""How answers begin that will be others in a while."""

IN_SCRIPTS = "The user executing the script"
"""Answers about rights that a script lacks have this."""


class Address:
    """A server, with what opens a connection to it. Holds the password; its text does not."""

    def __init__(
        self, title: str, timeout: float, kind: type[AbstractConnection], arguments: Mapping[str, Any]
    ) -> None:
        self.title = title
        self.timeout = timeout
        self._kind = kind
        self._arguments = arguments

    def __repr__(self) -> str:
        return f"Address({self.title})"

    async def connect(self) -> AbstractConnection:
        """Return a new connection that has logged in and speaks RESP3. Raises `CoordinationError`."""
        # The client's own time-outs are off: they cost a task for each request, and ours bound the whole of a call.
        # So are its retries: it would repeat what is not harmless to repeat.
        connection = self._kind(
            protocol=3,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=None,
            socket_connect_timeout=self.timeout,
            client_name="syncdeck",
            driver_info=None,
            **self._arguments,
        )
        try:
            async with asyncio.timeout(self.timeout):
                await connection.connect()  # type: ignore[no-untyped-call]
        except (exceptions.RedisError, OSError, TimeoutError) as error:
            await connection.disconnect(nowait=True)
            raise self.unreached(error) from error
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return connection

    def unreached(self, error: Exception) -> CoordinationError:
        """Return the error to raise for one that came before anything was asked."""
        fault = error if isinstance(error, OSError) else error.__cause__ or error.__context__
        match fault:
            case ssl.SSLCertVerificationError():
                return CoordinationError(
                    f"{self.title}: its certificate is not trusted ({fault.verify_message.rstrip('.')}). Name the "
                    "authority's certificates in coordination.ca, and in coordination.url the name that they vouch for."
                )
            case ssl.SSLError():
                return CoordinationError(
                    f"{self.title}: TLS failed ({fault.reason or fault}). Name its TLS port in coordination.url, or "
                    "write redis:// if the way is safe."
                )
            case TimeoutError() if self._kind is SSLConnection:
                return CoordinationUnavailable(f"{self.silent()} If it speaks no TLS, write redis://.")
        hung_up = isinstance(fault, ConnectionResetError) or "closed by server" in str(error)
        if hung_up and self._kind is Connection:
            return CoordinationUnavailable(f"{self.broken()} If it speaks TLS alone, write rediss://.")
        return self.refusal(error)

    def refusal(self, error: Exception) -> CoordinationError:
        """Return the error to raise for something that was not done."""
        said = str(error).strip().rstrip(".")
        match error:
            case exceptions.AuthenticationError() | exceptions.AuthenticationWrongNumberOfArgsError():
                return CoordinationError(
                    f"{self.title} refuses the login. Mend coordination.username and coordination.password."
                )
            case exceptions.ResponseError() if isinstance(error, exceptions.NoPermissionError) or IN_SCRIPTS in said:
                return CoordinationError(
                    f"{self.title} does not let this user do what coordination needs ({said}). Give it the keys and "
                    "channels of the namespace, and the commands on them with scripts and PUBSUB."
                )
            case exceptions.ReadOnlyError():
                return CoordinationUnavailable(
                    f"{self.title} has become a replica. Name the primary in coordination.url, or what leads to it."
                )
            case exceptions.OutOfMemoryError():
                return CoordinationUnavailable(
                    f"{self.title} has no memory left: it takes no writes. Raise its maxmemory."
                )
            case exceptions.ResponseError() if said.startswith(("MOVED", "CROSSSLOT")):
                return NotSupported(f"{self.title} is a cluster; coordination needs a single server.")
            case exceptions.ResponseError() if "HELLO" in said or "NOPROTO" in said:
                return NotSupported(f"{self.title} is older than 6.2. Use Redis 6.2 or newer, or Valkey.")
            case exceptions.ResponseError() if not said.startswith(REFUSED_FOR_NOW):
                return CoordinationError(f"{self.title} refuses: {said}. Mend the server, or the settings.")
            case TimeoutError() | exceptions.TimeoutError():
                return self.silent()
            case _:
                return CoordinationUnavailable(f"{self.title} cannot be reached: {said or type(error).__name__}.")

    def silent(self, *, maybe_done: bool = False) -> CoordinationUnavailable:
        """Return the error to raise for an answer that did not come in time."""
        return CoordinationUnavailable(f"{self.title} did not answer within {self.timeout:g} s.", maybe_done=maybe_done)

    def closed(self) -> CoordinationUnavailable:
        """Return the error to raise once this process is done with it."""
        return CoordinationUnavailable(f"{self.title} is closed here. Open the workspace again.")

    def away(self) -> CoordinationUnavailable:
        """Return the error to raise for those who waited when the connection broke and could not be made again."""
        return CoordinationUnavailable(f"{self.title} closed the connection and cannot be reached again.")

    def broken(self, *, maybe_done: bool = False) -> CoordinationUnavailable:
        """Return the error to raise for a connection that broke."""
        return CoordinationUnavailable(f"{self.title} closed the connection.", maybe_done=maybe_done)


KINDS: Mapping[str, type[AbstractConnection]] = {
    "redis": Connection,
    "rediss": SSLConnection,
    "unix": UnixDomainSocketConnection,
}
