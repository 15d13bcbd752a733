"""Syncs by themselves: at an interval, and as soon as one side has something new. Ends when cancelled, never before.

For each peer one task syncs and one follows. Following only says that the peer's vector advanced; without it (the peer
does not offer it, the line is cut) the interval goes on alone. However much rings, there is one sync at a time, and one
more after it when something came meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from engine.errors import RemoteUnavailable, SyncdeckError
from engine.events.replicating.checked import CheckedRemote
from engine.events.replicating.line import Line, kept_line
from engine.events.replicating.means import Means
from engine.events.replicating.patience import Patience, jittered
from engine.events.replicating.standing import SyncResult
from engine.events.vector import Vector, lacking, merge
from engine.settings.replication import Direction, PeerSettings

logger = logging.getLogger("syncdeck.replication")

AFTER_FAILURE = Patience(shortest=timedelta(seconds=1), longest=timedelta(minutes=1))
AFTER_REFUSAL = Patience(shortest=timedelta(seconds=30), longest=timedelta(minutes=5))
"""Pauses after a sync that failed: the peer is away, or it said no and somebody has to do something first."""

WHILE_BUSY = timedelta(seconds=5)
"""Until another process of the workspace is asked again whether it still syncs with a peer."""


@dataclass(slots=True)
class _Watched:
    """A peer, and what was heard since its last sync began."""

    settings: PeerSettings
    rung: asyncio.Event = field(default_factory=asyncio.Event)
    heard: Vector = field(default_factory=dict)
    """The peer's vector, as it was told while following."""
    known: Vector = field(default_factory=dict)
    """The peer's vector, as the last sync left it."""
    mine: Vector = field(default_factory=dict)
    seen: tuple[Vector, Vector] = ({}, {})
    """`heard` and `mine` as they were when the last sync began: what did not change since cannot be a reason."""
    pause: timedelta = timedelta()
    backing_off: bool = False
    asked: bool = False
    """Somebody wants a sync, whatever is known."""
    next_at: datetime | None = None

    @property
    def behind(self) -> Vector | None:
        """What this node knows, if the peer said that it has more, and syncs with it go well."""
        well = self.next_at is not None and not self.backing_off
        pulls = well and self.settings.direction is not Direction.PUSH
        return self.mine if pulls and lacking(self.heard, self.mine) > 0 else None

    def due(self) -> bool:
        """Tell whether something new makes a sync worth while."""
        heard, mine = self.seen
        direction = self.settings.direction
        to_pull = direction is not Direction.PUSH and lacking(self.heard, merge(heard, self.mine)) > 0
        to_push = direction is not Direction.PULL and lacking(self.mine, merge(mine, self.heard, self.known)) > 0
        back = self.backing_off and self.heard != heard  # it speaks again
        return self.asked or back or (not self.backing_off and (to_pull or to_push))


class Automatic:
    """Keeps this node in step with its peers."""

    def __init__(
        self,
        means: Means,
        sync: Callable[[PeerSettings, Line, Vector | None], Awaitable[SyncResult]],
        standing: Callable[[str, str], Awaitable[None]],
    ) -> None:
        """`sync` is given what this node knows when the peer is known to have more; `standing` is told when a followed
        line begins (empty words) or is lost (why)."""
        self._means = means
        self._sync = sync
        self._standing = standing
        self._watched = {
            name: _Watched(settings) for name, settings in means.peers.items() if settings.every and not settings.paused
        }

    def next_at(self, peer: str) -> datetime | None:
        """Return when the next sync is due at the latest; None when none is planned in this process."""
        watched = self._watched.get(peer)
        return watched.next_at if watched else None

    def ring(self, peer: str) -> None:
        """Sync soon, whatever is known."""
        if (watched := self._watched.get(peer)) is not None:
            watched.asked = True
            watched.rung.set()

    async def run(self) -> None:
        """Go on until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            for watched in self._watched.values():
                group.create_task(self._keep_in_step(watched))
                if watched.settings.follow and watched.settings.direction is not Direction.PUSH:
                    group.create_task(self._follow(watched))

    async def _listen(self) -> None:
        """Hear what is new here, whoever wrote it."""
        async for vector in self._means.advances():
            for watched in self._watched.values():
                watched.mine = vector
                watched.rung.set()

    async def _keep_in_step(self, watched: _Watched) -> None:
        async with kept_line(self._means.transports, watched.settings) as line:
            while True:
                watched.seen, watched.asked = (watched.heard, watched.mine), False
                self._plan_next(watched, await self._survived(watched, line))
                await self._until_due(watched)

    async def _survived(self, watched: _Watched, line: Line) -> SyncResult | None:
        """Sync. Whatever goes wrong that nobody foresaw is told, and the next sync comes all the same."""
        name = watched.settings.name
        try:
            result = await self._sync(watched.settings, line, watched.behind)
            watched.known = (await self._means.book.recall(name)).vector
        except Exception:  # one peer's trouble must end neither its own syncs nor those of others
            logger.exception("sync with %s failed in a way that nobody foresaw", name)
            await line.drop()
            return None
        return result

    def _plan_next(self, watched: _Watched, result: SyncResult | None) -> None:
        every = watched.settings.every or timedelta()
        kind = result.error_kind if result is not None else "unforeseen"
        if kind in ("", "paused"):
            watched.backing_off, watched.pause = False, every
        elif kind == "busy":
            watched.backing_off, watched.pause = True, min(every, WHILE_BUSY)
        else:
            patience = AFTER_FAILURE if kind == "unavailable" else AFTER_REFUSAL
            before = watched.pause if watched.backing_off else patience.shortest
            watched.backing_off, watched.pause = True, jittered(before, self._means.chance(), patience)
        watched.next_at = self._means.clock.now() + watched.pause

    async def _until_due(self, watched: _Watched) -> None:
        """Wait until the pause is over or something new makes a sync worth while."""
        async with asyncio.TaskGroup() as group:
            timer = group.create_task(self._means.clock.sleep(watched.pause))
            timer.add_done_callback(lambda _: watched.rung.set())
            while not timer.done():
                watched.rung.clear()
                if watched.due():
                    break
                await watched.rung.wait()
            timer.cancel()

    async def _follow(self, watched: _Watched) -> None:
        """Hear what is new at the peer; come back with growing pauses when the line is cut or refused."""
        name, pause = watched.settings.name, AFTER_FAILURE.shortest
        while True:
            patience, lost = AFTER_FAILURE, f"{name} ended the line that was followed."
            try:
                async with self._means.transports(watched.settings).connect() as remote:
                    async for vector in CheckedRemote(remote).follow():
                        if not watched.heard or lost:
                            await self._standing(name, "")
                        pause, lost = AFTER_FAILURE.shortest, ""
                        watched.heard = vector
                        watched.rung.set()
            except RemoteUnavailable as failure:
                lost = str(failure)
                await self._standing(name, lost)
            except SyncdeckError:  # it offers no following, or takes no token: the interval's syncs tell
                patience = AFTER_REFUSAL
            except Exception:  # as above
                logger.exception("following %s failed in a way that nobody foresaw", name)
                patience = AFTER_REFUSAL
            pause = jittered(pause, self._means.chance(), patience)
            await self._means.clock.sleep(pause)
