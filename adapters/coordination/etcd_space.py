"""What the parts of an etcd store share: the cluster, the namespace, the watch, and this process's own sessions."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

from adapters.coordination.etcd_calls import EtcdCalls
from adapters.coordination.etcd_layout import Layout
from adapters.coordination.etcd_watch import EtcdWatch, Turn
from engine.clock import Clock
from engine.coordination.standing import Claim, SessionId, Token
from engine.coordination.store import Revoked
from engine.errors import CoordinationError, SessionLost


@dataclass(slots=True)
class OwnSession:
    """A session that this process keeps."""

    revoked: Revoked
    grants: dict[bytes, tuple[str, Token]] = field(default_factory=dict)
    """By their places."""
    turns: set[Turn] = field(default_factory=set)
    """Of its claims that wait."""


class EtcdSpace:
    """One namespace in one cluster, and what this process has there."""

    def __init__(self, calls: EtcdCalls, layout: Layout, clock: Clock, group: asyncio.TaskGroup) -> None:
        self.calls = calls
        self.layout = layout
        self.clock = clock
        self.watch = EtcdWatch(calls, layout, group, self._gone)
        self._own: dict[SessionId, OwnSession] = {}

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

    def granted(self, claim: Claim, token: Token) -> Token:
        self.own(claim.session).grants[self.layout.place(claim)] = (claim.name, token)
        return token

    def token_of(self, claim: Claim) -> Token | None:
        """Return the token of a claim that was granted here and not taken back, as far as is known."""
        own = self._own.get(claim.session)
        grant = own.grants.get(self.layout.place(claim)) if own else None
        return grant[1] if grant else None

    def given_back(self, claim: Claim) -> None:
        own = self._own.get(claim.session)
        if own is not None:
            own.grants.pop(self.layout.place(claim), None)

    def place_of(self, name: str, token: Token) -> bytes | None:
        """Return the place of a grant of one of the own sessions."""
        for own in self._own.values():
            for place, grant in own.grants.items():
                if grant == (name, token):
                    return place
        return None

    def _gone(self, keys: frozenset[bytes]) -> None:
        """Learn from the watch which sessions are over and which grants were taken away."""
        for session in list(self._own):
            if self.layout.session(session) in keys:
                self.over(session)
        for own in self._own.values():
            for place in keys & own.grants.keys():
                name, token = own.grants.pop(place)
                own.revoked(name, token)


def lost(session: SessionId) -> SessionLost:
    return SessionLost(f"The session {session} is over: etcd let it lapse, or somebody ended it.")


async def without_fail(calls: EtcdCalls, lease: int) -> None:
    """Take back a lease that nothing needs, if that can be done; else it runs out by itself."""
    with suppress(CoordinationError):
        await calls.revoke(lease)
