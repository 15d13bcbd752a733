"""How fast a target is called, and how long a call that failed is tried again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from engine.clock import Clock
from engine.errors import RemoteUnavailable
from engine.reconcile.acting.stopping import Stop
from engine.reconcile.ports import DEFAULT_PATIENCE, Limits

T = TypeVar("T")

Chance = Callable[[], float]
"""A number from 0 up to 1; `random.random` in production."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long something is tried. Pauses double from `first` to `longest`, less up to half by chance, so that many
    nodes that were turned away together do not come back together (AWS, "Exponential Backoff And Jitter", 2015)."""

    total: timedelta = DEFAULT_PATIENCE
    attempts: int = 0
    """Most attempts when the service does not say how long to wait; 0: as many as fit into `total`."""
    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(seconds=60)


WRITE_PATIENCE = Patience()

READ_PATIENCE = Patience(total=timedelta(seconds=90), attempts=3)
"""A person waits for a preview: a dead service is reported after some three seconds, a busy one is obeyed."""


class Retry:
    """One thing that is tried until it works or patience ends."""

    def __init__(self, patience: Patience, clock: Clock, chance: Chance) -> None:
        self._patience = patience
        self._clock = clock
        self._chance = chance
        self._failures = 0
        self._began = clock.monotonic()

    def pause_after(self, error: RemoteUnavailable) -> timedelta | None:
        """Return how long to wait before the next attempt; None when it is time to give up.

        What the service asked for is never shortened (RFC 9110 §10.2.3); if it exceeds the patience left, that is
        the end.
        """
        self._failures += 1
        patience = self._patience
        if error.retry_after is None and patience.attempts and self._failures >= patience.attempts:
            return None
        doubled = min(patience.first * 2 ** min(self._failures - 1, 16), patience.longest)
        pause = doubled * (1 - self._chance() / 2) if error.retry_after is None else error.retry_after
        spent = timedelta(seconds=self._clock.monotonic() - self._began)
        return pause if spent + pause <= patience.total else None


class Pace:
    """Lets calls to one target through, no faster than its limits and its own requests to wait allow."""

    def __init__(self, limits: Limits, clock: Clock, stop: Stop) -> None:
        self._interval = 1 / limits.per_second if limits.per_second else 0.0
        self._clock = clock
        self._stop = stop
        self._not_before = clock.monotonic()

    def hold(self, pause: timedelta) -> None:
        """Let nobody through for this long: a service that is busy for one call is busy for all."""
        self._not_before = max(self._not_before, self._clock.monotonic() + pause.total_seconds())

    async def admit(self) -> bool:
        """Wait for one's turn; False when the run was asked to stop meanwhile."""
        while not self._stop.asked:
            wait = self._not_before - self._clock.monotonic()
            if wait <= 0:
                self._not_before = self._clock.monotonic() + self._interval
                return True
            await self._stop.rest(self._clock, timedelta(seconds=wait))
        return False


async def patiently(call: Callable[[], Awaitable[T]], retry: Retry, wait: Callable[[timedelta], Awaitable[None]]) -> T:
    """Return what the call returns, trying again while the other side is unavailable and patience lasts."""
    while True:
        try:
            return await call()
        except RemoteUnavailable as error:
            pause = retry.pause_after(error)
            if pause is None:
                raise
            await wait(pause)
