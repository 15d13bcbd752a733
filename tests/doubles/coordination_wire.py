"""What the parts of the scripted coordination share: whether the backend is there, who follows, what was asked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from engine.clock import Clock
from engine.coordination.promises import Feature, Promises
from engine.coordination.standing import Change, Entry, Kind, SessionId, Who
from engine.errors import CoordinationUnavailable

OWN = SessionId("desk-1")
TTL = timedelta(seconds=10)
FAULT = "Redis at 127.0.0.1:6379 refused the connection. Start it, or mend coordination.url."


def who(node: str = "desk", pid: int = 4711, purpose: str = "serve", actor: str = "ann@desk") -> Who:
    """Return somebody."""
    return Who(node=node, actor=actor, pid=pid, purpose=purpose)


@dataclass
class Wire:
    """What the parts share: whether the backend is there, who follows, what was asked."""

    clock: Clock
    up: bool = True
    promises: Promises = field(
        default_factory=lambda: Promises(
            backend="Redis 7.0.15",
            reach="all processes that reach this server",
            shortest_ttl=timedelta(seconds=1),
            crash_seen="within 11.5 s",
            hang_seen="within 11.5 s",
            shortest_expiry=timedelta(seconds=1),
        )
    )
    asked: list[tuple[object, ...]] = field(default_factory=list)
    followers: list[tuple[asyncio.AbstractEventLoop, asyncio.Queue[Change]]] = field(default_factory=list)

    def ask(self, name: str, *details: object, needs: Feature | None = None) -> None:
        """Note what was asked; refuse what the backend cannot do, before anything is sent; fail while it is down."""
        if needs is not None:
            self.promises.require(needs)
        self.asked.append((name, *details))
        if not self.up:
            raise CoordinationUnavailable(FAULT)

    def tell(self, kind: Kind, name: str = "", entry: Entry | None = None) -> None:
        """Tell everybody who follows."""
        if self.up:
            for loop, queue in self.followers:
                loop.call_soon_threadsafe(queue.put_nowait, Change(kind=kind, name=name, entry=entry))

    def count(self, name: str) -> int:
        """Return how often something was asked."""
        return sum(each[0] == name for each in self.asked)
