"""What coordination works with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from engine.clock import Clock
from engine.coordination.standing import Who
from engine.coordination.store import Backend
from engine.errors import ReadOnly
from engine.notices import Notice, Notices

Record = Callable[[str, str, Mapping[str, Any]], Awaitable[None]]
"""Writes an event (type, aggregate, data): what an operator did by hand is audited."""

TTL = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """The backend, the world, and whose process this is."""

    backend: Backend
    clock: Clock
    notices: Notices
    who: Who
    record: Record
    ttl: timedelta = TTL
    """Of the session that everything is held by for which no other was asked."""
    read_only: bool = False

    def must_write(self) -> None:
        """Raise `ReadOnly` on an engine opened to look only."""
        if self.read_only:
            raise ReadOnly

    def tell(self, topic: str, subject: str = "", detail: object = None) -> None:
        """Publish a notice."""
        self.notices.publish(Notice(topic=topic, subject=subject, detail=detail))
