"""Requests to Consul, and what its refusals mean."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple, TypeVar
from urllib.parse import quote

import msgspec

from adapters.coordination.consul import wire
from adapters.coordination.http_line import Answer, Request
from adapters.coordination.http_pool import HttpPool
from engine.errors import CoordinationError, CoordinationUnavailable

A = TypeVar("A")

HOLD_BACK = 3
"""Time-outs that Consul may hold back the answer to a blocking query; it adds up to a sixteenth."""
SILENT_SAYINGS = ("No cluster leader", "No known Consul servers")
"""Nothing was done when these are said."""


class Conflict(CoordinationError):
    """A transaction was not done. `faults` are the reasons by the place of the operation."""

    def __init__(self, faults: Sequence[wire.Fault]) -> None:
        self.faults = {fault.op_index: fault.what for fault in faults}
        super().__init__(f"Consul did not do this: {'; '.join(self.faults.values())}.")

    @property
    def session_is_over(self) -> bool:
        return any("invalid session" in what or "failed session lookup" in what for what in self.faults.values())


class Seen(NamedTuple):
    """Answer to a blocking query."""

    newest: int
    """Index that the next one may wait for something newer than."""
    pairs: Sequence[wire.Pair]


class ConsulCalls:
    """Speaks to one agent. Every method raises `CoordinationUnavailable`, or `CoordinationError` for what Consul will
    not do however often it is asked."""

    def __init__(self, pool: HttpPool, token: str) -> None:
        self._pool = pool
        self._headers = (("x-consul-token", token),) if token else ()

    async def transact(self, *operations: wire.Message, writes: bool = True) -> Sequence[wire.Pair]:
        """Do all of this or nothing; return what was found and written, in order. Raises `Conflict`."""
        body = wire.body_of(operations)
        answer = await self._ask("PUT", "/v1/txn" if writes else "/v1/txn?consistent", body, writes=writes)
        if answer.status not in {200, 409}:
            raise self._refused(answer, writes=writes)
        outcome = self._read(answer, wire.Outcome)
        if not outcome.errors:
            return [result.pair for result in outcome.results or ()]
        if any("Permission denied" in fault.what for fault in outcome.errors):
            raise self._denied("Permission denied")
        raise Conflict(outcome.errors)

    async def find(self, *operations: wire.Message) -> Sequence[wire.Pair]:
        """Look at several things in one moment. Raises `Conflict` when one that must be there is not."""
        return await self.transact(*operations, writes=False)

    async def watch(self, key: str, index: int, *, below: bool = False) -> Seen:
        """Return a key, or all keys below a prefix, once that is newer than an index (0: at once), or after a while."""
        wait = self._pool.timeout * HOLD_BACK
        how = f"consistent&index={index}&wait={round(wait * 1000)}ms{'&recurse' if below else ''}"
        request = Request("GET", f"/v1/kv/{quote(key)}?{how}", headers=self._headers, writes=False)
        answer = await self._pool.wait(request, wait + wait / 16)
        if answer.status not in {200, 404}:
            raise self._refused(answer, writes=False)
        if "x-consul-index" not in answer.headers:
            raise self._refused(answer, writes=False) if answer.body else self._strange()
        pairs = self._read(answer, tuple[wire.Pair, ...]) if answer.status == 200 else ()
        return Seen(max(1, int(answer.headers["x-consul-index"])), pairs)

    async def begin(self, name: str, ttl: timedelta) -> str:
        """Begin a session that takes its keys with it, and depends on nothing but its own renewal: a health check that
        ends it early would end it before its holder can know."""
        message = {
            "Name": name,
            "TTL": f"{round(ttl.total_seconds() * 1000)}ms",
            "Behavior": "delete",
            "LockDelay": "0s",
            "NodeChecks": [],
        }
        answer = await self._ask("PUT", "/v1/session/create", wire.encode(message), writes=True)
        if answer.status != 200:
            raise self._refused(answer, writes=True)
        return self._read(answer, wire.NewSession).ID

    async def renew(self, session: str) -> bool:
        """Prolong a session. Returns False when it is over."""
        answer = await self._ask("PUT", f"/v1/session/renew/{quote(session, safe='')}", b"", writes=True)
        if answer.status not in {200, 404}:
            raise self._refused(answer, writes=True)
        return answer.status == 200

    async def destroy(self, session: str) -> None:
        """End a session; its keys go with it. Harmless when it is over."""
        answer = await self._ask("PUT", f"/v1/session/destroy/{quote(session, safe='')}", b"", writes=True)
        if answer.status != 200:
            raise self._refused(answer, writes=True)

    async def name_of(self, session: str) -> str:
        """Return what a session was called, nothing for one that is over."""
        answer = await self._ask("GET", f"/v1/session/info/{quote(session, safe='')}?consistent", b"", writes=False)
        if answer.status != 200:
            raise self._refused(answer, writes=False)
        return next((found.name for found in self._read(answer, tuple[wire.SessionInfo, ...])), "")

    async def agent(self) -> wire.Agent:
        """Return what the agent says of itself; nothing where the token may not ask."""
        answer = await self._ask("GET", "/v1/agent/self", b"", writes=False)
        if answer.status == 403 and b"ACL not found" not in answer.body:
            return wire.Agent()
        if answer.status != 200:
            raise self._refused(answer, writes=False)
        return self._read(answer, wire.Agent)

    async def _ask(self, method: str, target: str, body: bytes, *, writes: bool) -> Answer:
        return await self._pool.ask(Request(method, target, body, self._headers, writes))

    def _read(self, answer: Answer, kind: type[A]) -> A:
        try:
            return wire.decode(answer.body, kind)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise self._strange() from error

    def _strange(self) -> CoordinationError:
        return CoordinationError(
            f"{self._pool.place} answers, but not as Consul does. See whether coordination.url names the HTTP address "
            "of an agent."
        )

    def _denied(self, said: str) -> CoordinationError:
        return CoordinationError(
            f"{self._pool.place} refuses coordination.token ({said}). Give the token of a policy that may write "
            "sessions, and keys that begin with coordination.namespace."
        )

    def _refused(self, answer: Answer, *, writes: bool) -> CoordinationError:
        """Return what a status means."""
        said, place = answer.body[:200].decode(errors="replace").strip(), self._pool.place
        if answer.status == 403:
            return self._denied(said)
        if answer.status == 429 or any(saying in said for saying in SILENT_SAYINGS):
            return CoordinationUnavailable(f"{place} cannot do this now ({said or answer.status}).")
        if answer.status >= 500 and "must be between" not in said:
            return CoordinationUnavailable(f"{place} cannot do this now ({said or answer.status}).", maybe_done=writes)
        if answer.status == 404:
            return self._strange()
        return CoordinationError(f"{place} refuses this ({answer.status}: {said}).")
