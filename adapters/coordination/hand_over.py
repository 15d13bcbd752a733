"""What a process knows of its own sessions: who waits in them for a grant, what they hold, what was told of that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from engine.coordination.standing import Claim, SessionId, Token
from engine.coordination.store import Revoked
from engine.errors import CoordinationError, SessionLost


@dataclass(frozen=True, slots=True)
class Place:
    """A claim that waits."""

    claim: Claim
    value: bytes
    granted: asyncio.Future[Token]


class Waiting:
    """The places of all sessions of one store."""

    def __init__(self) -> None:
        self._places: dict[Claim, Place] = {}

    def __len__(self) -> int:
        return len(self._places)

    def places(self) -> tuple[Place, ...]:
        return tuple(self._places.values())

    @contextmanager
    def place(self, claim: Claim, value: bytes) -> Iterator[asyncio.Future[Token]]:
        """Give the future of a grant. Taken before the claim is sent, for the grant may be told before the answer."""
        place = Place(claim, value, asyncio.get_running_loop().create_future())
        self._places[claim] = place
        try:
            yield place.granted
        finally:
            if self._places.get(claim) is place:
                del self._places[claim]
            if place.granted.done() and not place.granted.cancelled():
                place.granted.exception()  # looked at, or the loop complains that nobody did

    def granted(self, claim: Claim, token: Token) -> bool:
        """Wake whoever waits with this claim; return whether somebody does."""
        place = self._places.get(claim)
        if place is None:
            return False
        if not place.granted.done():
            place.granted.set_result(token)
        return True

    def over(self, session: SessionId, error: SessionLost) -> None:
        """Let all that wait in a session know that it is over."""
        self._fail((place for place in self.places() if place.claim.session == session), error)

    def broken(self, error: CoordinationError) -> None:
        """Let all that wait know that the backend is gone."""
        self._fail(self.places(), error)

    def _fail(self, places: Iterable[Place], error: CoordinationError) -> None:
        for place in places:
            if not place.granted.done():
                place.granted.set_exception(error)


class Grants:
    """What the sessions of this store hold as far as it has heard, so that their keepers can be told of a loss."""

    def __init__(self) -> None:
        self._keepers: dict[SessionId, Revoked] = {}
        self._held: dict[SessionId, dict[str, Token]] = {}

    @property
    def sessions(self) -> tuple[SessionId, ...]:
        return tuple(self._keepers)

    def begun(self, session: SessionId, revoked: Revoked) -> None:
        self._keepers[session] = revoked
        self._held[session] = {}

    def held(self, session: SessionId) -> Mapping[str, Token]:
        """Return what a session holds as far as is known now."""
        return dict(self._held.get(session, {}))

    def confirmed(self, session: SessionId, before: Mapping[str, Token], grants: Iterable[tuple[str, Token]]) -> None:
        """Take in what a renewal returned that was asked for when `before` was known; what came and went while it was
        under way is known better here."""
        now = self._held.get(session)
        if now is None:
            return
        given_back = {name for name, token in before.items() if now.get(name) != token}
        granted = {name: token for name, token in now.items() if before.get(name) != token}
        self._held[session] = {name: token for name, token in grants if name not in given_back} | granted

    def granted(self, session: SessionId, name: str, token: Token) -> None:
        if session in self._held:
            self._held[session][name] = token

    def given_back(self, session: SessionId, name: str) -> None:
        self._held.get(session, {}).pop(name, None)

    def revoked(self, session: SessionId, name: str, token: Token) -> None:
        """Tell the keeper that a grant was taken away."""
        self._held.get(session, {}).pop(name, None)
        keeper = self._keepers.get(session)
        if keeper is not None:
            keeper(name, token)

    def cut_off(self) -> list[tuple[str, Token]]:
        """Tell all keepers that what their sessions hold may have gone to others, and return what that is."""
        lost = [(session, *grant) for session, held in self._held.items() for grant in held.items()]
        for session, name, token in lost:
            self.revoked(session, name, token)
        return [(name, token) for _, name, token in lost]

    def over(self, session: SessionId) -> None:
        """Tell the keeper that all is lost, and forget the session."""
        for name, token in tuple(self._held.get(session, {}).items()):
            self.revoked(session, name, token)
        self.ended(session)

    def ended(self, session: SessionId) -> None:
        """Forget a session."""
        self._keepers.pop(session, None)
        self._held.pop(session, None)


class HandOver:
    """Who waits, what is held, and what has to be given back because this process was cut off."""

    def __init__(self, backend: str) -> None:
        self.backend = backend
        """Its name, for messages."""
        self.waiting = Waiting()
        self.grants = Grants()
        self.surrendered: dict[tuple[str, Token], None] = {}
        """Grants that were given up while nobody could be told; they are given back over the next line."""
        self.unanswered: set[Claim] = set()
        """Claims that were sent and not answered: they may arrive later than what withdraws them."""
        self.called: Callable[[SessionId, SessionId], object] = _nobody_answers
        """Told that one of the sessions here was asked by another whether it is there."""
        self._calls: dict[SessionId, set[asyncio.Future[None]]] = {}

    @contextmanager
    def calling(self, session: SessionId) -> Iterator[asyncio.Future[None]]:
        """Give the future of an answer: that another process's session is there."""
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        callers = self._calls.setdefault(session, set())
        callers.add(answered)
        try:
            yield answered
        finally:
            callers.discard(answered)
            if not callers:
                self._calls.pop(session, None)

    def heard(self, session: SessionId, message: str) -> None:
        """Take in what a session was told: `granted`, token, name and nonce; `revoked`, token and name; `over`; `there`
        with who wants to know whether it is; `here` with who answers that."""
        match message.split("\n", 3):
            case ["granted", token, name, nonce] if token.isdecimal():
                self.waiting.granted(Claim(session, name, nonce), Token(int(token)))
            case ["revoked", token, name] if token.isdecimal():
                self.grants.revoked(session, name, Token(int(token)))
            case ["over"]:
                self.over(session)
            case ["there", asker] if session in self.grants.sessions:
                self.called(session, SessionId(asker))
            case ["here", other]:
                for answered in self._calls.get(SessionId(other), ()):
                    if not answered.done():
                        answered.set_result(None)
            case _:  # nothing that this version knows of
                pass

    def over(self, session: SessionId) -> SessionLost:
        """Tell everybody concerned that a session is over, and return that as an error."""
        self.unanswered = {claim for claim in self.unanswered if claim.session != session}
        error = SessionLost(f"The session of this process lapsed, or was ended, at {self.backend}.")
        self.waiting.over(session, error)
        self.grants.over(session)
        return error

    def cut_off(self, error: CoordinationError) -> None:
        """Give up what is held, for others may have it by now; who waits hears why."""
        self.surrendered.update(dict.fromkeys(self.grants.cut_off()))
        self.waiting.broken(error)


def _nobody_answers(session: SessionId, asker: SessionId) -> None:
    """Before there is a line to answer on."""
