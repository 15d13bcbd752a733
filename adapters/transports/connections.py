"""A server's connections: how many there may be, and how long one may take to say what it wants.

uvicorn waits for ever for the head of a request, and for the rest of a body whose request was refused already. Here a
connection that keeps the server waiting is ended, or a few thousand of them would be all it has (Slowloris).
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from adapters.transports.gate import Patience


class PatientProtocol(H11Protocol):
    """One connection. Subclasses made by `patient` carry the limits."""

    patience: ClassVar[Patience] = Patience()

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._awaited = ""
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.patience.connections:
            transport.abort()
            return
        self._await("head")

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self._await("")
        super().connection_lost(exc)

    def _look(self) -> None:
        """Find out what the connection owes now: the rest of a head, of a body, or nothing."""
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            self._await("body")
        elif state is h11.IDLE and self.conn.trailing_data[0]:
            self._await("head")
        else:
            self._await("")

    def _await(self, what: str) -> None:
        if what == self._awaited:
            return
        self._awaited = what
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if what:
            # A body gets longer than its request: the request is refused in words first.
            seconds = self.patience.head if what == "head" else self.patience.request * 1.5
            self._deadline = self.loop.call_later(seconds, self.transport.abort)


def patient(patience: Patience) -> type[PatientProtocol]:
    """Return the protocol with these limits."""
    return type("PatientProtocol", (PatientProtocol,), {"patience": patience})
