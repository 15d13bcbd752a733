"""Where Syncdeck's things lie in Consul. Pure."""

from __future__ import annotations

from urllib.parse import quote, unquote

from engine.coordination.standing import Claim, SessionId

SEPARATOR = "="
"""Between the name of a claim and whose it is: in what stands before, it is escaped."""


class Layout:
    """`<namespace>/keys/<key>`, `<namespace>/sessions/<session>`, `<namespace>/claims/<name>=<session>/<nonce>`; and
    `<namespace>/withdrawn/<session>/<nonce>`, which forbids a claim that is still on its way to take a place.

    Keys are kept as they are; Consul orders them by their UTF-8 bytes, which is the order of code points. Names of
    claims are percent-escaped: they are watched by an address, and Consul takes no address with `//` or with what
    cannot be printed.
    """

    def __init__(self, namespace: str) -> None:
        self.all = f"{namespace}/"
        self.keys = f"{namespace}/keys/"
        self.sessions = f"{namespace}/sessions/"
        self.claims = f"{namespace}/claims/"
        self.gone = f"{namespace}/withdrawn/"

    def key(self, key: str) -> str:
        return self.keys + key

    def key_of(self, place: str) -> str:
        return place.removeprefix(self.keys)

    def session(self, session: SessionId) -> str:
        return self.sessions + session

    def session_of(self, place: str) -> SessionId:
        """Of a session's own key."""
        return SessionId(place.removeprefix(self.sessions))

    def names(self, prefix: str) -> str:
        """Return the prefix of all places of all queues whose names have a prefix."""
        return self.claims + quote(prefix, safe="")

    def queue(self, name: str) -> str:
        """Return the prefix of all places of a queue."""
        return self.names(name) + SEPARATOR

    def place(self, claim: Claim) -> str:
        return f"{self.queue(claim.name)}{claim.session}/{quote(claim.nonce, safe='')}"

    def withdrawn(self, claim: Claim) -> str:
        return f"{self.gone}{claim.session}/{claim.nonce}"

    def name_of(self, place: str) -> str:
        return unquote(place.removeprefix(self.claims).partition(SEPARATOR)[0])
