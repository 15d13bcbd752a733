"""Which sources agree on the time, and what they say together. Pure.

Nothing is believed because it is precise: the true offset is where a majority's error bounds overlap, so that it is
within the result as long as a majority is honest, whatever the others say (Marzullo 1984; NTP selects by it too,
RFC 5905 §11.2.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from msgspec import Struct
from msgspec.structs import replace

from engine.coordination.clocks.timing import Reading

DRIFT = 15e-6
"""How fast a clock may go wrong after it was compared (PHI of RFC 5905)."""

ROUNDING = timedelta(microseconds=1)


class Agreement(Struct, frozen=True, kw_only=True):
    """What a majority says: the true offset is within plus or minus `error`."""

    offset: timedelta
    error: timedelta
    agreeing: tuple[str, ...]
    """Names of the sources whose bounds allow it."""
    false: tuple[str, ...]
    """Names of those whose bounds exclude it: they, or a majority, are wrong."""


def aged(reading: Reading, age: timedelta) -> Reading:
    """Return a reading as it is worth some time after it was made."""
    if reading.error is None:
        return reading
    return replace(reading, error=reading.error + age * DRIFT)


def agree(readings: Sequence[Reading]) -> Agreement | None:
    """Return what a majority of these sources agrees on; None if no majority does. Who did not answer counts against
    it: two of three must agree, also when one is silent."""
    needed = len(readings) // 2 + 1
    bounds = {reading.source: _bounds(reading) for reading in readings if reading.offset is not None}
    overlap = _overlap([bound for bound in bounds.values() if bound is not None], needed)
    if overlap is None:
        return None
    low, high = overlap
    false = tuple(source for source, bound in bounds.items() if bound and (bound[1] < low or bound[0] > high))
    return Agreement(
        offset=(low + high) / 2,
        error=(high - low) / 2 + ROUNDING,
        agreeing=tuple(source for source in bounds if source not in false),
        false=false,
    )


Bounds = tuple[timedelta, timedelta]


def _bounds(reading: Reading) -> Bounds | None:
    if reading.offset is None or reading.error is None:
        return None
    return reading.offset - reading.error, reading.offset + reading.error


def _overlap(bounds: Sequence[Bounds], needed: int) -> Bounds | None:
    """Return from the first to the last point that so many of the intervals cover."""
    if len(bounds) < needed:
        return None
    # At the same point intervals begin before others end: touching is agreeing.
    edges = sorted([(low, 0) for low, _ in bounds] + [(high, 1) for _, high in bounds])
    first = last = None
    covering = 0
    for point, is_end in edges:
        if is_end:
            if covering == needed:
                last = point
            covering -= 1
        else:
            covering += 1
            if covering == needed and first is None:
                first = point
    return None if first is None or last is None else (first, last)
