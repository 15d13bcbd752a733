"""Replication without a network: peers whose standing a test arranges, and which answer as the façade promises."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from engine.clock import Clock
from engine.errors import NothingFound, SyncdeckError
from engine.events.event import Origin
from engine.events.merging.values import ABSENT, View
from engine.events.replicating.messages import Identity
from engine.events.replicating.replication import Replication
from engine.events.replicating.standing import Comparison, Connection, PeerMemory, PeerStatus, SyncResult
from engine.events.vector import Vector
from engine.notices import Notice, Notices
from engine.settings.replication import Direction, PeerSettings
from tests.doubles.event_pages import MemoryEventPages

OWN = Origin("desk~00000001")
Step = tuple[str, bool, str]


def status(name: str, connection: Connection = Connection.CONNECTED, **changes: Any) -> PeerStatus:
    """Return how a peer stands: `memory` and other fields given by name go where they belong."""
    memory = {key: changes.pop(key) for key in list(changes) if key in PeerMemory.__struct_fields__}
    return PeerStatus(
        name=name,
        url=changes.pop("url", f"https://{name}.example:8470"),
        direction=changes.pop("direction", Direction.BOTH),
        memory=PeerMemory(node=name, origin=Origin(f"{name}~0000000a"), connection=connection, **memory),
        connection=connection,
        **changes,
    )


@dataclass
class ScriptedReplication(Replication):
    """What is asked stands in `asked`. A sync waits for `hold`, if there is one, and then brings all in step."""

    clock: Clock
    notices: Notices
    standing: dict[str, PeerStatus] = field(default_factory=dict)
    known: dict[Origin, int] = field(default_factory=lambda: {OWN: 12})
    results: list[SyncResult] = field(default_factory=list)
    """What the next syncs come to; without any: everything went over."""
    comparisons: list[Comparison] = field(default_factory=list)
    steps: Sequence[Step] = (("address", True, "hamburg.example is 192.0.2.7."), ("token", True, "It is taken."))
    asked: list[tuple[object, ...]] = field(default_factory=list)
    fail: dict[str, SyncdeckError] = field(default_factory=dict)
    hold: asyncio.Event | None = None

    def add(self, *peers: PeerStatus) -> None:
        """Know these peers."""
        self.standing |= {peer.name: peer for peer in peers}

    async def _asked(self, name: str, *details: object) -> None:
        self.asked.append((name, *details))
        if self.hold is not None and name in {"sync", "compare", "test"}:
            await self.hold.wait()
        if name in self.fail:
            raise self.fail.pop(name)

    async def identity(self) -> Identity:
        return Identity(node="desk", origin=OWN)

    async def vector(self) -> Vector:
        return dict(self.known)

    async def peers(self) -> Sequence[PeerStatus]:
        await self._asked("peers")
        return list(self.standing.values())

    async def peer(self, name: str) -> PeerStatus:
        if name not in self.standing:
            raise NothingFound(f"There is no peer {name}.")
        return self.standing[name]

    async def sync(self, name: str, direction: Direction | None = None) -> SyncResult:
        await self._asked("sync", name)
        before = await self.peer(name)
        now = self.clock.now()
        full = SyncResult(
            peer=name,
            direction=direction or before.direction,
            started_at=now - timedelta(milliseconds=84),
            ended_at=now,
            pulled=before.to_pull,
            pushed=before.to_push,
        )
        result = self.results.pop(0) if self.results else full
        memory = replace(before.memory, last=result, tried_at=now, error=result.error)
        if result.complete:
            self.known |= {origin: max(seq, self.known.get(origin, 0)) for origin, seq in memory.vector.items()}
            memory = replace(memory, met_at=now, vector=dict(self.known), failures=0)
        connection = Connection.CONNECTED if result.complete else Connection.LOST
        changed = replace(before, memory=memory, connection=connection)
        if result.complete:
            changed = replace(changed, to_pull=0, to_push=0, lag_seconds=None)
        self._change(changed)
        self.notices.publish(Notice(topic="peer.synced", subject=name, detail=result))
        return result

    async def sync_all(self) -> Sequence[SyncResult]:
        return [await self.sync(name) for name in self.standing]

    async def compare(self, name: str) -> Comparison:
        await self._asked("compare", name)
        if self.comparisons:
            return self.comparisons.pop(0)
        return Comparison(peer=name, at=self.clock.now(), order="equal", states_equal=True)

    async def pause(self, name: str) -> None:
        await self._asked("pause", name)
        peer = await self.peer(name)
        memory = replace(peer.memory, paused=True)
        self._change(replace(peer, memory=memory, connection=Connection.PAUSED))

    async def resume(self, name: str) -> None:
        await self._asked("resume", name)
        peer = await self.peer(name)
        memory = replace(peer.memory, paused=False)
        self._change(replace(peer, memory=memory, connection=memory.connection))

    async def test(self, settings: PeerSettings) -> Sequence[Step]:
        await self._asked("test", settings)
        return self.steps

    def _change(self, peer: PeerStatus) -> None:
        self.standing[peer.name] = peer
        self.notices.publish(Notice(topic="peer.changed", subject=peer.name, detail=peer))


@dataclass
class FoldedViews:
    """Views of aggregates that nobody contests: patches folded one after the other (RFC 7396)."""

    pages: MemoryEventPages
    views: dict[tuple[str, int], View] = field(default_factory=dict)
    """What a test wants to be seen instead, by aggregate and position; 0 stands for now."""
    asked: list[tuple[object, ...]] = field(default_factory=list)

    async def count(self) -> int:
        return sum(len(view.open) for (_, position), view in self.views.items() if position == 0)

    async def view(self, aggregate: str, *, until: int | None = None) -> View:
        self.asked.append(("view", aggregate, until))
        if (aggregate, until or 0) in self.views:
            return self.views[aggregate, until or 0]
        value: Any = ABSENT
        events = [each for each in self.pages.events if each.aggregate_id == aggregate]
        known = [each for each in events if until is None or each.position <= until]
        for each in known:
            value = ABSENT if each.data is None else patched(value, each.data)
        return View(aggregate_id=aggregate, value=value, heads=tuple(each.dot for each in known[-1:]))


def patched(value: Any, patch: Any) -> Any:
    """Return what a merge patch makes of a value."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for name, each in patch.items():
        if each is None:
            result.pop(name, None)
        else:
            result[name] = patched(result.get(name), each)
    return result
