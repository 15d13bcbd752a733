"""Up to where everybody who may still write knows a log: what lies before may be compacted. Pure.

Everybody: this node, the peers it is configured with, and every other node that ever wrote something that is here. Of
those only what they said themselves counts. One that will never come back has to be retired by name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from engine.events.event import Origin
from engine.events.replicating.standing import PeerMemory
from engine.events.vector import Vector, lacking

SILENT = timedelta(days=30)
"""Whoever was not met for so long is pointed out."""


class Witness(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may still write, and what he is known to know."""

    name: str
    lacks: int
    """Events here that he does not know, as far as he said."""
    met_at: datetime | None
    advice: str = ""
    """What may be done about one who holds everything back; empty: nothing needs to be."""


class Frontier(msgspec.Struct, frozen=True, kw_only=True):
    """What everybody knows."""

    vector: Vector
    witnesses: tuple[Witness, ...] = ()


def frontier(
    vector: Vector,
    peers: Mapping[str, PeerMemory],
    writers: Iterable[str],
    retired: Collection[str],
    now: datetime,
) -> Frontier:
    """Return what all know of what is here.

    `writers` are the names of other nodes that wrote what is here; `retired` names peers or nodes that no longer count.
    """
    known = dict(vector)
    witnesses: list[Witness] = []
    live = {name: memory for name, memory in peers.items() if name not in retired and memory.node not in retired}
    for name, memory in live.items():
        witnesses.append(_witness(name, memory, vector, now))
        known = _least(known, memory.vector)
    met = {memory.node for memory in peers.values()}
    for name in sorted({*writers} - met - {*retired}):
        told = (
            f"{name} wrote events that are here, but is no peer of this node, so what it knows is not known. Make it a "
            f"peer, or --retire {name} if it will never write again."
        )
        witnesses.append(Witness(name=name, lacks=sum(vector.values()), met_at=None, advice=told))
        known = {}
    return Frontier(vector={origin: seq for origin, seq in known.items() if seq}, witnesses=tuple(witnesses))


def _witness(name: str, memory: PeerMemory, vector: Vector, now: datetime) -> Witness:
    behind = lacking(vector, memory.vector)
    advice = ""
    if memory.met_at is None:
        advice = f"{name} was never met: sync with it first, or --retire {name} if it will never come."
    elif behind and now - memory.met_at > SILENT:
        days = (now - memory.met_at).days
        advice = f"{name} was not met for {days} days: --retire {name} if it will never come back."
    return Witness(name=name, lacks=behind, met_at=memory.met_at, advice=advice)


def _least(one: Vector, other: Vector) -> dict[Origin, int]:
    return {origin: min(seq, other.get(origin, 0)) for origin, seq in one.items()}
