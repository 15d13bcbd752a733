"""What the parts of an etcd store share: the cluster, the namespace, the watch, and this process's own sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from adapters.coordination.etcd.calls import EtcdCalls
from adapters.coordination.etcd.layout import Layout
from adapters.coordination.etcd.watch import EtcdWatch, Turn
from adapters.coordination.records import ClaimRecord
from engine.clock import Clock
from engine.coordination.promises import Promises
from engine.coordination.standing import Claim, SessionId, Token
from engine.coordination.store import Revoked
from engine.errors import CoordinationError, SessionLost


class Grant(NamedTuple):
    """What this process holds."""

    name: str
    token: Token
    record: ClaimRecord


@dataclass(slots=True)
class OwnSession:
    """A session that this process keeps."""

    revoked: Revoked
    grants: dict[bytes, Grant] = field(default_factory=dict)
    """By their places."""
    turns: set[Turn] = field(default_factory=set)
    """Of its claims that wait."""


class EtcdSpace:
    """One namespace in one cluster, and what this process has there."""

    def __init__(
        self, calls: EtcdCalls, layout: Layout, promises: Promises, clock: Clock, group: asyncio.TaskGroup
    ) -> None:
        self.calls = calls
        self.layout = layout
        self.promises = promises
        self.clock = clock
        self.watch = EtcdWatch(calls, layout, group, self._gone)
        self._own: dict[SessionId, OwnSession] = {}
        self._group = group
        self._chores: set[asyncio.Task[None]] = set()

    def began(self, session: SessionId, revoked: Revoked) -> None:
        self._own[session] = OwnSession(revoked)

    def own(self, session: SessionId) -> OwnSession:
        """Raises `SessionLost` for one that is over, or was never this process's."""
        found = self._own.get(session)
        if found is None:
            raise lost(session)
        return found

    def over(self, session: SessionId) -> SessionLost:
        """Forget a session; return what to raise."""
        error = lost(session)
        found = self._own.pop(session, None)
        if found is not None:
            for turn in found.turns:
                turn.fail(error)
        return error

    def granted(self, claim: Claim, token: Token, record: ClaimRecord) -> Token:
        self.own(claim.session).grants[self.layout.place(claim)] = Grant(claim.name, token, record)
        return token

    def grant_of(self, claim: Claim) -> Grant | None:
        """Return what a claim was granted here and has not given back, as far as is known."""
        own = self._own.get(claim.session)
        return own.grants.get(self.layout.place(claim)) if own else None

    def given_back(self, claim: Claim) -> Grant | None:
        """Forget a grant; return it if it was known."""
        own = self._own.get(claim.session)
        return own.grants.pop(self.layout.place(claim), None) if own else None

    def place_of(self, name: str, token: Token) -> bytes | None:
        """Return the place of a grant of one of the own sessions."""
        for own in self._own.values():
            for place, grant in own.grants.items():
                if (grant.name, grant.token) == (name, token):
                    return place
        return None

    def later(self, chore: Coroutine[None, None, None]) -> None:
        """Do something that nobody waits for and nothing depends on."""
        task = self._group.create_task(chore)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    def close(self) -> None:
        """Stop everything that runs by itself."""
        self.watch.close()
        for task in self._chores:
            task.cancel()

    def _gone(self, keys: frozenset[bytes]) -> None:
        """Learn from the watch which sessions are over and which grants were taken away."""
        for session in list(self._own):
            if self.layout.session(session) in keys:
                self.over(session)
        for own in self._own.values():
            for place in keys & own.grants.keys():
                grant = own.grants.pop(place)
                own.revoked(grant.name, grant.token)


def lost(session: SessionId) -> SessionLost:
    return SessionLost(f"The session {session} is over: etcd let it lapse, or somebody ended it.")


async def without_fail(calls: EtcdCalls, lease: int) -> None:
    """Take back a lease that nothing needs, if that can be done; else it runs out by itself."""
    with suppress(CoordinationError):
        await calls.revoke(lease)
