"""Requests to etcd: the admission that goes with them, and what its refusals mean."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from msgspec import Struct

from adapters.coordination.etcd import wire
from adapters.coordination.http_line import Answer, Request
from adapters.coordination.http_pool import HttpPool
from engine.errors import CoordinationError, CoordinationUnavailable

A = TypeVar("A", bound=Struct)

LEASE_NOT_FOUND = "requested lease not found"
STALE_ADMISSION = ("invalid auth token", "revision of auth store is old", "auth: revision in header is old")

FULL = "database space exceeded"
WITHOUT_MOST = ("no leader", "request timed out", "leader changed")
LONELY = " See whether most members of its cluster are up and reach one another."


class LeaseGone(CoordinationError):
    """The lease that a request names is over; nothing was done."""


class StaleAdmission(CoordinationError):
    """The token that a request carried holds no more; nothing was done."""


class Full(CoordinationUnavailable):
    """etcd's quota is used up. The write that crosses it is done and refused all the same, those after it are not."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user of etcd's own."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.user!r})"


class EtcdCalls:
    """Speaks to one cluster. Every method raises `CoordinationUnavailable`, or `CoordinationError` for what etcd will
    not do however often it is asked."""

    def __init__(self, pool: HttpPool, credentials: Credentials | None) -> None:
        self._pool = pool
        self._credentials = credentials
        self._token = ""
        self._admission = asyncio.Lock()

    @property
    def timeout(self) -> float:
        """Seconds that a request may take."""
        return self._pool.timeout

    async def transact(
        self,
        compare: Sequence[wire.Message],
        success: Sequence[wire.Message],
        failure: Sequence[wire.Message] = (),
        *,
        writes: bool = True,
    ) -> wire.Outcome:
        """Do `success` if all of `compare` hold, else `failure`, in one step."""
        message = {"compare": compare, "success": success, "failure": failure}
        return await self.call("kv/txn", message, wire.Outcome, writes=writes)

    async def find(self, message: wire.Message) -> wire.Found:
        return await self.call("kv/range", message, wire.Found, writes=False)

    async def grant(self, seconds: int) -> int:
        """Begin a lease of at least so many seconds and return its id."""
        return (await self.call("lease/grant", {"TTL": seconds}, wire.Lease)).ID

    async def keep_alive(self, lease: int) -> bool:
        """Renew a lease. Returns False when it is over."""
        try:
            kept = await self.call("lease/keepalive", {"ID": lease}, wire.KeptAlive)
        except LeaseGone:
            return False
        return kept.result.TTL > 0

    async def left(self, lease: int) -> int:
        """Return the seconds left of a lease, 0 when it is over."""
        found = await self.call("lease/timetolive", {"ID": lease}, wire.Lease, writes=False)
        return max(0, found.TTL)

    async def bears_nothing(self, lease: int) -> bool:
        """Return whether no key hangs on a lease."""
        found = await self.call("lease/timetolive", {"ID": lease, "keys": True}, wire.Lease, writes=False)
        return not found.keys

    async def revoke(self, lease: int) -> None:
        """End a lease; its keys go with it. Harmless when it is over."""
        with suppress(LeaseGone):
            await self.call("lease/revoke", {"ID": lease}, wire.Lease)

    async def version(self) -> wire.Version:
        """Return the versions of the server and of its cluster. Nobody needs to be admitted for that."""
        answer = await self._pool.ask(Request("GET", "/version", writes=False))
        return self._read(answer, wire.Version)

    async def call(self, path: str, message: wire.Message, kind: type[A], *, writes: bool = True) -> A:
        """Send a message and return the answer. One that was turned away because the admission ran out, which etcd
        does to idle ones, is sent again with a new one: nothing of it was done."""
        try:
            return await self._call(path, message, kind, writes=writes)
        except StaleAdmission:
            if self._credentials is None:
                raise
            await self._admit(self._token)
            return await self._call(path, message, kind, writes=writes)

    @asynccontextmanager
    async def watch(
        self, prefix: bytes, revision: int, *, deletions_alone: bool
    ) -> AsyncGenerator[AsyncIterator[wire.Told], None]:
        """Listen to what happens to keys with a prefix, from a revision on (0: from now on)."""
        await self._admitted()
        filters = ["NOPUT"] if deletions_alone else []
        body = wire.encode({"create_request": wire.under(prefix, start_revision=revision, filters=filters)})
        request = Request("POST", "/v3/watch", body, self._headers(), writes=False)
        async with self._pool.listen(request) as (head, pieces):
            if head.status != 200:
                said = b"".join([piece async for piece in pieces])
                refused = self._refused(head._replace(body=said), writes=False)
                if isinstance(refused, StaleAdmission):
                    self._token = ""  # whoever asks next is admitted anew
                raise refused
            yield self._messages(pieces)

    async def _messages(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[wire.Told]:
        rest = b""
        async for piece in pieces:
            *lines, rest = (rest + piece).split(b"\n")
            for line in filter(None, lines):
                said = self._read(Answer(200, {}, line), wire.Line)
                if said.result is None:
                    raise CoordinationUnavailable(f"{self._pool.place}: it ended the watch ({said.error}).")
                if any(sign in said.result.cancel_reason for sign in STALE_ADMISSION):
                    self._token = ""
                yield said.result
        raise CoordinationUnavailable(f"{self._pool.place}: it ended the watch.")

    async def _call(self, path: str, message: wire.Message, kind: type[A], *, writes: bool) -> A:
        await self._admitted()
        request = Request("POST", f"/v3/{path}", wire.encode(message), self._headers(), writes)
        answer = await self._pool.ask(request)
        if answer.status != 200:
            raise self._refused(answer, writes=writes)
        return self._read(answer, kind)

    def _headers(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", self._token),) if self._token else ()

    async def _admitted(self) -> None:
        if self._credentials is not None and not self._token:
            await self._admit("")

    async def _admit(self, stale: str) -> None:
        """Get a new admission, unless somebody else did since this one was found stale."""
        async with self._admission:
            if self._credentials is None or self._token != stale:
                return
            message = {"name": self._credentials.user, "password": self._credentials.password}
            request = Request("POST", "/v3/auth/authenticate", wire.encode(message), writes=False)
            answer = await self._pool.ask(request)
            if answer.status != 200:
                raise self._not_admitted(answer)
            self._token = self._read(answer, wire.Admission).token

    def _read(self, answer: Answer, kind: type[A]) -> A:
        try:
            return wire.decode(answer.body, kind)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise CoordinationError(
                f"{self._pool.place} answers, but not as etcd 3.4 or later does. See whether coordination.url names "
                "etcd's address for clients."
            ) from error

    def _refusal(self, answer: Answer) -> wire.Refusal:
        return self._read(answer, wire.Refusal)

    def _not_admitted(self, answer: Answer) -> CoordinationError:
        refusal = self._refusal(answer)
        if refusal.code in {wire.Code.INVALID_ARGUMENT, wire.Code.UNAUTHENTICATED}:
            return CoordinationError(
                f"{self._pool.place} does not admit its user: the name or the password is wrong. See coordination.user "
                "and coordination.password."
            )
        if refusal.code == wire.Code.FAILED_PRECONDITION:
            return CoordinationError(
                f"{self._pool.place} asks nobody for a password. Leave out coordination.user and "
                "coordination.password, or enable authentication there."
            )
        return self._refused(answer, writes=False)

    def _refused(self, answer: Answer, *, writes: bool) -> CoordinationError:
        """Return what an answer other than 200 means."""
        refusal, place = self._refusal(answer), self._pool.place
        said = (refusal.message or refusal.error).removeprefix("etcdserver: ")
        if any(sign in said for sign in STALE_ADMISSION):
            return StaleAdmission(f"{place}: the admission ran out ({said}).")
        match refusal.code:
            case wire.Code.NOT_FOUND if LEASE_NOT_FOUND in said:
                return LeaseGone(f"{place}: {said}.")
            case wire.Code.INVALID_ARGUMENT if "user name is empty" in said:
                return CoordinationError(f"{place} asks for a user. Give coordination.user and coordination.password.")
            case wire.Code.PERMISSION_DENIED:
                user = self._credentials.user if self._credentials else "nobody"
                return CoordinationError(
                    f"{place}: the user {user} may not do this ({said}). Grant a role that reads and writes all keys "
                    "that begin with coordination.namespace."
                )
            case wire.Code.RESOURCE_EXHAUSTED if FULL in said:
                return Full(
                    f"{place} is full (NOSPACE): it takes no more writes, and keeps what it has. Free space there with "
                    "etcdctl compact and etcdctl defrag, or raise --quota-backend-bytes; then etcdctl alarm disarm.",
                    maybe_done=writes,
                )
            case wire.Code.RESOURCE_EXHAUSTED:
                return CoordinationUnavailable(f"{place} is overloaded ({said}); this was not done. Try again later.")
            case (
                wire.Code.INVALID_ARGUMENT
                | wire.Code.NOT_FOUND
                | wire.Code.FAILED_PRECONDITION
                | wire.Code.OUT_OF_RANGE
                | wire.Code.UNIMPLEMENTED
            ):
                return CoordinationError(f"{place} refuses this: {said}.")
            case _:
                hint = LONELY if any(sign in said for sign in WITHOUT_MOST) else ""
                return CoordinationUnavailable(f"{place} cannot do this now ({said}).{hint}", maybe_done=writes)
