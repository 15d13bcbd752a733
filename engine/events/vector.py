"""Version vectors: how much of each origin somebody knows (Parker et al. 1983; as dots and contexts, Almeida 2010)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from engine.events.event import Dot, Origin

Vector = Mapping[Origin, int]
"""The newest seq known of each origin, all before it included. An origin that is missing counts as 0."""

LARGEST_SEQ = 2**63 - 1
MOST_ORIGINS = 4_096
LONGEST_ORIGIN = 128
"""Limits of what is taken from outside; a vector of this size still fits into a cursor of 64 KiB only if names are
short, which is what is refused first."""


class Order(Enum):
    """How one version stands to another: four answers, never three."""

    EQUAL = "equal"
    BEFORE = "before"
    AFTER = "after"
    CONCURRENT = "concurrent"


def compare(one: Vector, other: Vector) -> Order:
    """Return how `one` stands to `other`."""
    less = any(seq > other.get(origin, 0) for origin, seq in one.items())
    more = any(seq > one.get(origin, 0) for origin, seq in other.items())
    if less and more:
        return Order.CONCURRENT
    if less:
        return Order.AFTER
    return Order.BEFORE if more else Order.EQUAL


def merge(*vectors: Vector) -> dict[Origin, int]:
    """Return what all of them know together."""
    merged: dict[Origin, int] = {}
    for vector in vectors:
        for origin, seq in vector.items():
            if seq > merged.get(origin, 0):
                merged[origin] = seq
    return merged


def covers(vector: Vector, dot: Dot) -> bool:
    """Tell whether whoever has this vector knows the event at this dot."""
    return vector.get(dot.origin, 0) >= dot.seq


def lacking(mine: Vector, theirs: Vector) -> int:
    """Return how many events `mine` knows that `theirs` does not."""
    return sum(max(0, seq - theirs.get(origin, 0)) for origin, seq in mine.items())
