"""What a process knows of its own sessions at a backend whose sessions are the server's: their grants, and who is to
hear when one is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from adapters.coordination.records import ClaimRecord
from adapters.coordination.refusals import possibly_done
from engine.coordination.standing import Claim, SessionId, Token
from engine.coordination.store import Revoked
from engine.errors import CoordinationError, SessionLost

T = TypeVar("T")
P = TypeVar("P", bound=Hashable)
"""How the backend names the place of a claim."""

Struck = Callable[[SessionLost], None]


@dataclass(frozen=True, slots=True)
class Grant(Generic[P]):
    """What this process holds."""

    place: P
    token: Token
    record: ClaimRecord


@dataclass(slots=True)
class OwnSession(Generic[P]):
    """A session that this process keeps."""

    revoked: Revoked
    grants: dict[Claim, Grant[P]] = field(default_factory=dict)
    struck: set[Struck] = field(default_factory=set)
    """Told when it is over."""
    asking: dict[Claim, asyncio.Future[Any]] = field(default_factory=dict)
    """Requests for a place that are under way."""
    unanswered: set[Claim] = field(default_factory=set)
    """Claims for which a request was sent that nobody answered: it may still take effect, whenever that is."""

    @property
    def held(self) -> frozenset[tuple[str, Token]]:
        return frozenset((claim.name, grant.token) for claim, grant in self.grants.items())


class OwnSessions(Generic[P]):
    """All of them at one backend."""

    def __init__(self, backend: str) -> None:
        self._backend = backend
        self._own: dict[SessionId, OwnSession[P]] = {}

    def __iter__(self) -> Iterator[SessionId]:
        return iter(list(self._own))

    def began(self, session: SessionId, revoked: Revoked) -> None:
        self._own[session] = OwnSession(revoked)

    def own(self, session: SessionId) -> OwnSession[P]:
        """Raises `SessionLost` for one that is over, or was never this process's."""
        found = self._own.get(session)
        if found is None:
            raise self._lost(session)
        return found

    def over(self, session: SessionId) -> SessionLost:
        """Forget a session and tell whoever waits with it; return what to raise."""
        error = self._lost(session)
        found = self._own.pop(session, None)
        if found is not None:
            for struck in list(found.struck):
                struck(error)
        return error

    def granted(self, claim: Claim, grant: Grant[P]) -> Token:
        self.own(claim.session).grants[claim] = grant
        return grant.token

    def grant_of(self, claim: Claim) -> Grant[P] | None:
        """Return what a claim was granted here and has not given back, as far as is known."""
        own = self._own.get(claim.session)
        return own.grants.get(claim) if own else None

    def given_back(self, claim: Claim) -> Grant[P] | None:
        """Forget a grant; return it if it was known."""
        own = self._own.get(claim.session)
        return own.grants.pop(claim, None) if own else None

    async def ask(self, claim: Claim, request: asyncio.Future[T]) -> T:
        """Wait for the answer to the request for a place. It goes on when the waiting is given up: a release that
        overtook it would leave a place that nobody knows of."""
        own = self.own(claim.session)
        own.asking[claim] = request
        request.add_done_callback(lambda answered: self._asked(claim, answered))
        return await asyncio.shield(request)

    async def doubtful(self, claim: Claim) -> bool:
        """Wait until nothing is asked for this claim any more; tell whether something that was asked for it may still
        take effect."""
        own = self._own.get(claim.session)
        if own is None:
            return False
        if claim in own.asking:
            await asyncio.wait([own.asking[claim]])
        return claim in own.unanswered

    def settled(self, claim: Claim) -> None:
        """Learn that whatever was asked for this claim has no effect any more."""
        own = self._own.get(claim.session)
        if own is not None:
            own.unanswered.discard(claim)

    def holding(self, name: str, token: Token) -> tuple[Claim, Grant[P]] | None:
        """Return a grant of one of the own sessions."""
        for own in self._own.values():
            for claim, grant in own.grants.items():
                if (claim.name, grant.token) == (name, token):
                    return claim, grant
        return None

    def vanished(self, places: Collection[P]) -> None:
        """Learn that these places are gone; a grant there that nobody gave back was taken away."""
        for own in list(self._own.values()):
            for claim in [claim for claim, grant in own.grants.items() if grant.place in places]:
                own.revoked(claim.name, own.grants.pop(claim).token)

    def _asked(self, claim: Claim, answered: asyncio.Future[Any]) -> None:
        own = self._own.get(claim.session)
        if own is not None and own.asking.get(claim) is answered:
            del own.asking[claim]
            error = answered.exception()
            if isinstance(error, CoordinationError) and possibly_done(error):
                own.unanswered.add(claim)

    def _lost(self, session: SessionId) -> SessionLost:
        return SessionLost(f"The session {session} is over: {self._backend} let it lapse, or somebody ended it.")
