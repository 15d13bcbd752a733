"""Changes told to any number of followers, each as slow as it likes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from engine.coordination.standing import Change, Kind
from engine.errors import CoordinationUnavailable


class Mailbox:
    """What one follower has not seen yet: of each thing the last change only, in the order of these."""

    def __init__(self) -> None:
        self._changes: dict[tuple[Kind, str], Change] = {}
        self._fault: CoordinationUnavailable | None = None
        self._news = asyncio.Event()

    def put(self, change: Change) -> None:
        self._changes.pop((change.kind, change.name), None)
        self._changes[change.kind, change.name] = change
        self._news.set()

    def fail(self, fault: CoordinationUnavailable) -> None:
        """Let the follower have what there is, and then this."""
        self._fault = fault
        self._news.set()

    async def changes(self) -> AsyncIterator[Change]:
        """Give each change as soon as it is here. Raises `CoordinationUnavailable` once the line broke."""
        while True:
            while self._changes:
                yield self._changes.pop(next(iter(self._changes)))
            if self._fault is not None:
                raise self._fault
            self._news.clear()
            await self._news.wait()


class Mailboxes:
    """The followers of one line."""

    def __init__(self) -> None:
        self._boxes: set[Mailbox] = set()

    def __len__(self) -> int:
        return len(self._boxes)

    @contextmanager
    def opened(self) -> Iterator[Mailbox]:
        """A mailbox that gets everything from now on, until the block ends."""
        box = Mailbox()
        self._boxes.add(box)
        try:
            yield box
        finally:
            self._boxes.discard(box)

    def tell(self, change: Change) -> None:
        for box in self._boxes:
            box.put(change)

    def fail(self, fault: CoordinationUnavailable) -> None:
        """Tell everybody that the line broke."""
        for box in self._boxes:
            box.fail(fault)
        self._boxes.clear()
