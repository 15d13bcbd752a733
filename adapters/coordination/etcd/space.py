"""What the parts of an etcd store share: the cluster, the namespace, its watches, and this process's own sessions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import timedelta

from adapters.coordination.chores import Chores
from adapters.coordination.etcd.calls import EtcdCalls
from adapters.coordination.etcd.feed import EtcdFeed
from adapters.coordination.etcd.layout import Layout
from adapters.coordination.etcd.turns import Turns
from adapters.coordination.etcd.watch import EtcdWatch
from adapters.coordination.own_sessions import OwnSessions
from engine.clock import Clock
from engine.coordination.promises import Promises
from engine.errors import CoordinationError
from engine.together import together


class EtcdSpace:
    """One namespace in one cluster, and what this process has there."""

    def __init__(self, calls: EtcdCalls, layout: Layout, promises: Promises, clock: Clock, chores: Chores) -> None:
        self.calls = calls
        self.layout = layout
        self.promises = promises
        self.clock = clock
        self.chores = chores
        self.turns = Turns(layout, self._gone)
        self.watch = EtcdWatch(calls, layout.all, chores, self.turns)
        self.feed = EtcdFeed(calls, layout, chores)
        self.sessions: OwnSessions[bytes] = OwnSessions("etcd")

    async def drop(self, lease: int) -> None:
        """Take back a lease that nothing needs, if that can be done; else it runs out by itself."""
        with suppress(CoordinationError):
            await self.calls.revoke(lease)

    async def outlived(self, lease: int) -> None:
        """Take back the lease of a key that has another now, or is gone: if nothing else hangs on it. (Whoever gave
        that key its lease may have given it to others.)"""
        with suppress(CoordinationError):
            if await self.calls.bears_nothing(lease):
                await self.calls.revoke(lease)

    async def left(self, leases: Iterable[int]) -> Mapping[int, timedelta]:
        """Return what is left of each lease."""
        asked = [lease for lease in leases if lease]
        async with together() as group:
            tasks = [group.create_task(self.calls.left(lease)) for lease in asked]
        return {lease: timedelta(seconds=task.result()) for lease, task in zip(asked, tasks, strict=True)}

    def _gone(self, keys: frozenset[bytes]) -> None:
        """Learn from the watch which sessions are over and which grants were taken away."""
        for session in self.sessions:
            if self.layout.session(session) in keys:
                self.sessions.over(session)
        self.sessions.vanished(keys)
