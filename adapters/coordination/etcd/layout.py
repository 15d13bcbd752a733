"""Where Syncdeck's things lie in etcd. Pure."""

from __future__ import annotations

from engine.coordination.standing import Claim, SessionId
from engine.errors import SessionLost

SEPARATOR = "\t"
"""Between the name of a claim and whose it is: no name holds a control character."""


class Layout:
    """Keys are UTF-8, whose order is that of code points.

    `<namespace>/keys/<key>`, `<namespace>/sessions/<lease>`, `<namespace>/claims/<name> <tab> <lease>/<nonce>`: all
    places of one queue have a prefix that no other queue has, and go with their session's lease.
    `<namespace>/withdrawn/<lease>/<nonce>` forbids a claim that is still on its way to take a place.
    """

    def __init__(self, namespace: str) -> None:
        self.all = f"{namespace}/".encode()
        self.keys = self.all + b"keys/"
        self.sessions = self.all + b"sessions/"
        self.claims = self.all + b"claims/"
        self.gone = self.all + b"withdrawn/"

    def key(self, key: str) -> bytes:
        return self.keys + key.encode()

    def key_of(self, place: bytes) -> str:
        return place[len(self.keys) :].decode()

    def session(self, session: SessionId) -> bytes:
        return self.sessions + session.encode()

    def session_of(self, place: bytes) -> SessionId:
        """Of a session's own key."""
        return SessionId(place[len(self.sessions) :].decode())

    def queue(self, name: str) -> bytes:
        """Return the prefix of all places of a queue."""
        return self.claims + f"{name}{SEPARATOR}".encode()

    def place(self, claim: Claim) -> bytes:
        return self.queue(claim.name) + f"{claim.session}/{claim.nonce}".encode()

    def withdrawn(self, claim: Claim) -> bytes:
        return self.gone + f"{claim.session}/{claim.nonce}".encode()

    def queue_of(self, place: bytes) -> bytes:
        return place[: place.rindex(SEPARATOR.encode()) + 1]

    def name_of(self, place: bytes) -> str:
        return place[len(self.claims) :].decode().partition(SEPARATOR)[0]

    def claimant_of(self, place: bytes) -> SessionId:
        return SessionId(place.decode().rpartition(SEPARATOR)[2].partition("/")[0])


def session_of(lease: int) -> SessionId:
    return SessionId(f"{lease:016x}")


def lease_of(session: SessionId) -> int:
    """Raises `SessionLost` for what was never a session of this backend."""
    try:
        return int(session, 16)
    except ValueError as error:
        raise SessionLost(f"etcd knows no session {session!r}.") from error
