"""What the engine tells its watchers: frozen notices through bounded subscriptions.

A watcher that does not keep up loses the *oldest* notices, never the newest. Notices are
hints to look again; the truth is always in the event log.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something happened; `topic` is dotted as event types are (`run.progress`), `subject` names the thing."""

    topic: str
    subject: str = ""
    detail: object = None


class Subscription:
    """One watcher's queue of at most `limit` notices."""

    def __init__(self, prefix: str, limit: int) -> None:
        self.prefix = prefix
        self._notices: deque[Notice] = deque(maxlen=limit)
        self._arrived = asyncio.Event()

    def offer(self, notice: Notice) -> None:
        """Queue a notice; drop the oldest when full."""
        if not notice.topic.startswith(self.prefix):
            return
        self._notices.append(notice)
        self._arrived.set()

    async def __aiter__(self) -> AsyncIterator[Notice]:
        while True:
            while self._notices:
                yield self._notices.popleft()
            self._arrived.clear()
            await self._arrived.wait()


class Notices:
    """The engine's bulletin board. All use is from one event loop."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription] = []

    def publish(self, notice: Notice) -> None:
        """Hand the notice to every subscription whose prefix fits; never waits."""
        for subscription in self._subscriptions:
            subscription.offer(notice)

    @contextmanager
    def subscribe(self, prefix: str = "", *, limit: int = 1_000) -> Iterator[Subscription]:
        """Watch topics that start with `prefix` until the block ends."""
        subscription = Subscription(prefix, limit)
        self._subscriptions.append(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.remove(subscription)
