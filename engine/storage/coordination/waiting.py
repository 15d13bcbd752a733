"""Claims of this process that wait for their grant."""

from __future__ import annotations

import asyncio
import sqlite3
from functools import partial

from engine.coordination.standing import Claim, Token
from engine.errors import CoordinationError, StorageError, SyncdeckError
from engine.storage.coordination.claims import lost
from engine.storage.coordination.reading import Reading

Grant = asyncio.Future[Token]

_GONE: tuple[Token | None, bool] = (None, False)
_GRANTED = "SELECT token FROM claim WHERE namespace = ? AND name = ? AND session = ? AND nonce = ?"
_WAITING = "SELECT 1 FROM waiter WHERE namespace = ? AND name = ? AND session = ? AND nonce = ?"


class Waiting:
    """Futures of tokens by claim. Whoever says that a claim was granted is not believed: the file is asked."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._grants: dict[Claim, list[Grant]] = {}
        self.looks = 0
        """How often somebody looked, whether or not anybody waited."""

    async def wait(self, claim: Claim, looks: int) -> Token:
        """Wait until a claim that stands in its queue is granted; `looks` is how many there had been when it was asked
        for: there may have been news while the answer was on its way. Raises `SessionLost`."""
        grant: Grant = asyncio.get_running_loop().create_future()
        self._grants.setdefault(claim, []).append(grant)
        try:
            if looks != self.looks:
                self.look(claim)
            return await grant
        finally:
            left = self._grants[claim]
            left.remove(grant)
            if not left:
                del self._grants[claim]

    def close(self, error: CoordinationError) -> None:
        """Let nobody wait any more."""
        for claim in self._grants:
            self._fail(claim, error)

    def look(self, claim: Claim) -> None:
        """See how a claim stands, if it waits here, and end its waiting if that is over."""
        self.looks += 1
        if claim not in self._grants:
            return
        try:
            token, queued = self._reading.now(partial(_standing, claim=claim), _GONE)
        except StorageError as error:
            self._fail(claim, error)
        except CoordinationError:  # held up: the next look is not far
            return
        else:
            self._end(claim, token, queued)

    def look_at_all(self) -> None:
        """See how every claim stands."""
        self.looks += 1
        for claim in list(self._grants):
            self.look(claim)

    def _end(self, claim: Claim, token: Token | None, queued: bool) -> None:
        if token is not None:
            for grant in self._unanswered(claim):
                grant.set_result(token)
        elif not queued:
            self._fail(claim, lost(claim.session))

    def _fail(self, claim: Claim, error: SyncdeckError) -> None:
        for grant in self._unanswered(claim):
            grant.set_exception(error)

    def _unanswered(self, claim: Claim) -> list[Grant]:
        return [grant for grant in self._grants[claim] if not grant.done()]


def _standing(reading: sqlite3.Connection, namespace: int, claim: Claim) -> tuple[Token | None, bool]:
    """Return the token of a claim, or whether it is in the queue."""
    key = (namespace, claim.name, claim.session, claim.nonce)
    granted = reading.execute(_GRANTED, key).fetchone()
    if granted is None:
        if reading.execute(_WAITING, key).fetchone() is not None:
            return None, True
        granted = reading.execute(_GRANTED, key).fetchone()  # it may have left the queue for that, in between
    return (None if granted is None else Token(granted[0])), False
