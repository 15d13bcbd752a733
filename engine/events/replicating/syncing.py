"""One sync with one peer: alone among all processes, remembered, told, and recorded when it is worth a word."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec.structs import replace

from engine.errors import SyncdeckError
from engine.events.replicating.line import Line
from engine.events.replicating.means import Means
from engine.events.replicating.messages import Limits, Selection
from engine.events.replicating.recording import SYNCED
from engine.events.replicating.replicate import Exchange, Exchanged, error_kind
from engine.events.replicating.session import Terms
from engine.events.replicating.standing import Connection, PeerMemory, SyncResult
from engine.events.vector import Vector
from engine.notices import Notice
from engine.settings.replication import Direction, PeerSettings

BATCH_BYTES = 4 * 1024 * 1024


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is a sync, and what for."""

    direction: Direction
    by_hand: bool
    known: Vector | None = None
    """What this node knows, when the peer is known to have more: see `Terms.known`."""


async def sync(means: Means, settings: PeerSettings, line: Line, occasion: Occasion) -> SyncResult:
    """Exchange events with a peer. What the peer, the network or the disk do is in the result; nothing is raised.

    The line is dropped when anything goes wrong.
    """
    direction = occasion.direction
    started = means.clock.now()
    nothing = SyncResult(peer=settings.name, direction=direction, started_at=started, ended_at=started, attempts=0)
    before = await means.book.recall(settings.name)
    if settings.paused or before.paused:
        where = "in syncdeck.yaml" if settings.paused else f"until syncdeck peers resume {settings.name}"
        return replace(nothing, error=f"Syncs with {settings.name} are paused {where}.", error_kind="paused")
    async with means.book.turn(settings.name) as mine:
        if not mine:
            sentence = f"Another process of this workspace is syncing with {settings.name} just now. Its result counts."
            return replace(nothing, error=sentence, error_kind="busy")
        exchanged = await _exchange(means, settings, line, (occasion, before))
        result = _result(settings, direction, exchanged, (started, means.clock.now()))
        await means.book.amend(settings.name, lambda kept: _remembered(kept, exchanged, result))
        await means.recording.note(result, before.last, news=exchanged.news > 0, by_hand=occasion.by_hand)
    means.measures.note(result)
    means.notices.publish(Notice(topic=SYNCED, subject=settings.name, detail=result))
    return result


async def _exchange(
    means: Means, settings: PeerSettings, line: Line, standing: tuple[Occasion, PeerMemory]
) -> Exchanged:
    occasion, before = standing
    terms = Terms(
        peer=settings.name,
        direction=occasion.direction,
        known=occasion.known,
        wanted=selection(settings),
        limits=Limits(items=settings.batch, bytes=BATCH_BYTES),
        filled=before.filled,
    )
    try:
        exchange = Exchange(
            await line.remote(), means.replica, clock=means.clock, chance=means.chance, patience=means.patience
        )
        exchanged = await exchange.run(terms)
    except SyncdeckError as failure:  # no connection could even be prepared
        exchanged = Exchanged(error=str(failure), error_kind=error_kind(failure), filled=before.filled)
    if exchanged.error:
        await line.drop()
    return exchanged


def selection(settings: PeerSettings) -> Selection:
    """Return which events are exchanged with a peer, both ways."""
    return Selection(types=settings.types, aggregates=settings.aggregates)


def _result(
    settings: PeerSettings, direction: Direction, exchanged: Exchanged, span: tuple[datetime, datetime]
) -> SyncResult:
    return SyncResult(
        peer=settings.name,
        direction=direction,
        started_at=span[0],
        ended_at=span[1],
        pulled=exchanged.pulled,
        pushed=exchanged.pushed,
        conflicts=exchanged.conflicts,
        batches=exchanged.batches,
        attempts=exchanged.attempts,
        refusals=exchanged.refusals,
        recovered=exchanged.recovered,
        error=exchanged.error,
        error_kind=exchanged.error_kind,
    )


def _remembered(kept: PeerMemory, exchanged: Exchanged, result: SyncResult) -> PeerMemory:
    """Return what is kept of a peer after a session; what others changed meanwhile (a pause) stays."""
    failed = bool(result.error)
    met = bool(exchanged.node)
    own_fault = Connection.CONNECTED if met else kept.connection
    connection = {"": Connection.CONNECTED, "unavailable": Connection.LOST, "storage": own_fault}.get(
        result.error_kind, Connection.REFUSED
    )
    return replace(
        kept,
        node=exchanged.node or kept.node,
        origin=exchanged.origin or kept.origin,
        vector=exchanged.vector if met else kept.vector,
        met_at=result.ended_at if met else kept.met_at,
        tried_at=result.ended_at,
        failures=kept.failures + 1 if failed else 0,
        error=result.error,
        connection=connection,
        last=result,
        filled=exchanged.filled,
    )
