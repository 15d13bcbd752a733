"""What the parts of a Consul store share: the agent, the namespace, this process's own sessions."""

from __future__ import annotations

from contextlib import suppress

from adapters.coordination.chores import Chores
from adapters.coordination.consul.calls import ConsulCalls
from adapters.coordination.consul.layout import Layout
from adapters.coordination.own_sessions import OwnSessions
from engine.clock import Clock
from engine.coordination.promises import Promises
from engine.errors import CoordinationError


class ConsulSpace:
    """One namespace in one datacenter, and what this process has there."""

    def __init__(self, calls: ConsulCalls, layout: Layout, promises: Promises, clock: Clock, chores: Chores) -> None:
        self.calls = calls
        self.layout = layout
        self.promises = promises
        self.clock = clock
        self.chores = chores
        self.sessions: OwnSessions[str] = OwnSessions("Consul")

    async def drop(self, session: str) -> None:
        """Take back a session that nothing needs, if that can be done; else it runs out by itself."""
        with suppress(CoordinationError):
            await self.calls.destroy(session)
