"""What every act of the reconcile engine works with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.clock import Clock
from engine.errors import ReadOnly
from engine.notices import Notice, Notices
from engine.reconcile.acting.endpoints import Endpoints
from engine.reconcile.acting.pace import Chance
from engine.reconcile.journal import Journal
from engine.reconcile.ports import Locks
from engine.settings.model import Workspace

Record = Callable[[str, str, Mapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """The engine's memory, its endpoints, its clock, and whose engine it is. `chance` is injected so that a test
    can take it away; `holder` is how locks name this process; `record` writes an event (type, aggregate, data) for
    what leaves no other trace in the journal."""

    workspace: Workspace
    endpoints: Endpoints
    journal: Journal
    locks: Locks
    clock: Clock
    chance: Chance
    notices: Notices
    redact: Callable[[str], str]
    record: Record
    actor: str
    holder: str
    read_only: bool = False

    def now(self) -> datetime:
        """Return the wall time."""
        return self.clock.now()

    def tell(self, topic: str, subject: str, detail: object = None) -> None:
        """Publish a notice."""
        self.notices.publish(Notice(topic=topic, subject=subject, detail=detail))

    def must_write(self) -> None:
        """Raise `ReadOnly` on an engine opened to look only."""
        if self.read_only:
            raise ReadOnly
