"""The façade: what the console, the commands and the server ask of replication."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from engine.errors import NothingFound, ReadOnly
from engine.events.event import Dot
from engine.events.replicating import syncing
from engine.events.replicating.automatic import Automatic
from engine.events.replicating.checked import CheckedRemote
from engine.events.replicating.compare import compare
from engine.events.replicating.line import Line, kept_line
from engine.events.replicating.means import Means
from engine.events.replicating.measures import Measures
from engine.events.replicating.messages import Identity
from engine.events.replicating.standing import Comparison, Connection, PeerMemory, PeerStatus, SyncResult
from engine.events.replicating.trying import Step, try_out
from engine.events.vector import Vector, lacking
from engine.notices import Notice
from engine.settings.replication import Direction, PeerSettings
from engine.settings.spelling import did_you_mean

MOST_ASKED = 64
"""Origins of which the oldest event that a peer lacks is looked up; more cannot change the lag by much."""


class Replication:
    """This node among its peers. What a peer or the network does is in results, never raised."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._automatic = Automatic(means, self._sync_by_itself, self._follow_stands)

    @property
    def measures(self) -> Measures:
        return self._means.measures

    async def identity(self) -> Identity:
        """Return this node's name and the origin it writes under now."""
        return await self._means.replica.identity()

    async def vector(self) -> Vector:
        """Return how far this node knows every origin."""
        return {origin: head.seq for origin, head in (await self._means.replica.heads()).items()}

    async def peers(self) -> Sequence[PeerStatus]:
        """Return how every configured peer stands, in the order of the settings."""
        mine = await self.vector()
        return [await self._status(settings, mine) for settings in self._means.peers.values()]

    async def peer(self, name: str) -> PeerStatus:
        """Return how one peer stands. Raises `NothingFound`."""
        return await self._status(self._settings(name), await self.vector())

    async def sync(self, name: str, direction: Direction | None = None) -> SyncResult:
        """Exchange events now, in the configured or another direction. Raises `NothingFound` and `ReadOnly` only."""
        settings = self._settings(name)
        self._must_write(f"sync with {name}")
        async with kept_line(self._means.transports, settings) as line:
            occasion = syncing.Occasion(direction=direction or settings.direction, by_hand=True)
            result = await syncing.sync(self._means, settings, line, occasion)
        await self._tell(settings)
        return result

    async def sync_all(self) -> Sequence[SyncResult]:
        """Sync with all peers that are not paused, one after the other."""
        self._must_write("sync")
        due = [status for status in await self.peers() if status.connection is not Connection.PAUSED]
        return [await self.sync(status.name) for status in due]

    async def compare(self, name: str) -> Comparison:
        """Prove that a peer has the same, or say what differs. Changes nothing. Raises what keeps it from looking."""
        settings = self._settings(name)
        async with self._means.transports(settings).connect() as remote:
            return await compare(
                name, CheckedRemote(remote), self._means.replica, self._means.clock.now(), syncing.selection(settings)
            )

    async def pause(self, name: str) -> None:
        """Do not sync with a peer until it is resumed, also in other processes; a sync under way is finished."""
        await self._set_paused(name, paused=True)

    async def resume(self, name: str) -> None:
        """Sync with a peer again. Raises `NothingFound`."""
        await self._set_paused(name, paused=False)
        self._automatic.ring(name)

    async def test(self, settings: PeerSettings) -> Sequence[Step]:
        """Try a connection with these settings, which need not be kept anywhere; return step by step what was found.

        Nothing is exchanged, nothing is remembered.
        """
        return await try_out(self._means, settings)

    async def run(self) -> None:
        """Sync automatically, until cancelled."""
        self._must_write("sync by itself")
        try:
            await self._automatic.run()
        finally:
            await self._means.recording.flush()

    async def _sync_by_itself(self, settings: PeerSettings, line: Line, known: Vector | None) -> SyncResult:
        occasion = syncing.Occasion(direction=settings.direction, by_hand=False, known=known)
        result = await syncing.sync(self._means, settings, line, occasion)
        await self._tell(settings)
        return result

    async def _set_paused(self, name: str, *, paused: bool) -> None:
        settings = self._settings(name)
        self._must_write(f"{'pause' if paused else 'resume'} {name}")
        await self._means.book.amend(name, lambda memory: replace(memory, paused=paused))
        await self._tell(settings)

    async def _follow_stands(self, name: str, lost: str) -> None:
        """Remember that a followed line stands, or why it does not."""

        def change(memory: PeerMemory) -> PeerMemory:
            if not lost:
                return replace(memory, connection=Connection.CONNECTED, met_at=self._means.clock.now(), error="")
            return replace(memory, connection=Connection.LOST, tried_at=self._means.clock.now(), error=lost)

        await self._means.book.amend(name, change)
        await self._tell(self._means.peers[name])

    async def _tell(self, settings: PeerSettings) -> None:
        status = await self._status(settings, await self.vector())
        self._means.measures.stand(status)
        self._means.notices.publish(Notice(topic="peer.changed", subject=settings.name, detail=status))

    async def _status(self, settings: PeerSettings, mine: Vector) -> PeerStatus:
        memory = await self._means.book.recall(settings.name)
        met = memory.met_at is not None
        pushes, pulls = settings.direction is not Direction.PULL, settings.direction is not Direction.PUSH
        paused = settings.paused or memory.paused
        return PeerStatus(
            name=settings.name,
            url=settings.url,
            direction=settings.direction,
            memory=memory,
            connection=Connection.PAUSED if paused else memory.connection,
            to_push=lacking(mine, memory.vector) if met and pushes else 0,
            to_pull=lacking(memory.vector, mine) if met and pulls else 0,
            lag_seconds=await self._lag(mine, memory.vector) if met and pushes else None,
            next_at=None if paused else self._automatic.next_at(settings.name),
        )

    async def _lag(self, mine: Vector, theirs: Vector) -> float | None:
        """Return the age of the oldest event here that the peer lacks."""
        lagging = [
            Dot(origin, theirs.get(origin, 0) + 1) for origin, seq in mine.items() if seq > theirs.get(origin, 0)
        ]
        events = [await self._means.log.at_dot(dot) for dot in lagging[:MOST_ASKED]]
        stamps = [event.milliseconds for event in events if event is not None]
        now_ms = self._means.clock.now().timestamp() * 1000
        return max(0.0, (now_ms - min(stamps)) / 1000) if stamps else None

    def _settings(self, name: str) -> PeerSettings:
        if name in self._means.peers:
            return self._means.peers[name]
        guess = did_you_mean(name, dict.fromkeys(self._means.peers, ""))
        raise NothingFound(f"There is no peer {name}. {guess or 'Add one under peers in syncdeck.yaml.'}")

    def _must_write(self, what: str) -> None:
        if self._means.read_only:
            raise ReadOnly(f"This console or command may only look; to {what}, open it without --read-only.")
