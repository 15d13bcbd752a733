"""The time of a block in which something is held."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, suppress
from types import TracebackType
from typing import Generic, TypeVar

from engine.coordination.holding.claiming import Claiming, MakeLease, Wanted
from engine.coordination.holding.keeper import Keeper
from engine.coordination.holding.lease import Lease
from engine.coordination.interruption import Interruption
from engine.coordination.means import Means
from engine.errors import CoordinationError, CoordinationUnavailable

L = TypeVar("L", bound=Lease)


class Holding(AbstractAsyncContextManager[L], Generic[L]):
    """Holds what is wanted from entering to leaving, or until it is lost: then the block is cancelled, if that was
    asked for, and ends in `LeaseLost`. One block at a time."""

    def __init__(
        self, sessions: Keeper, means: Means, wanted: Wanted, make: MakeLease[L], *, cancel_on_loss: bool
    ) -> None:
        self._sessions = sessions
        self._means = means
        self._wanted = wanted
        self._make = make
        self._cancel_on_loss = cancel_on_loss
        self._body: Interruption | None = None
        self._entered = False
        self._lease: L | None = None

    async def __aenter__(self) -> L:
        self._means.must_write()
        if self._entered:
            raise CoordinationError(f"This hold on {self._wanted.name} is in use. Ask for another one for each block.")
        self._entered = True
        try:
            lease = await Claiming(self._sessions, self._means, self._wanted).obtain(self._make)
        except BaseException:
            self._entered = False
            raise
        self._lease = lease
        if self._cancel_on_loss:
            self._body = Interruption()
            self._body.enter()
            lease.stop_on_loss(self._body)
        return lease

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        lease, self._lease = self._lease, None
        stopped = self._body is not None and self._body.leave(kind)
        self._entered, self._body = False, None
        if lease is not None:
            with suppress(CoordinationUnavailable):  # it hears of it later; the work is done, so nothing is at risk
                await lease.release()
            if lease.lost is not None and (stopped or error is None):
                raise lease.lost from error


def lock(sessions: Keeper, means: Means, wanted: Wanted, *, cancel_on_loss: bool) -> Holding[Lease]:
    """Return a lock."""
    return Holding(sessions, means, wanted, Lease, cancel_on_loss=cancel_on_loss)
