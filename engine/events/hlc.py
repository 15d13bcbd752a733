"""Hybrid logical clock: time stamps that never go back and stay near the wall clock (Kulkarni et al. 2014).

A stamp is one integer: 48 bits of milliseconds since 1970 above 16 bits of counter. Stamps of one log only grow, also
when the machine's clock is set back: the counter goes on (and carries into the milliseconds after 65,536 events) until
the wall clock has caught up.
"""

from __future__ import annotations

COUNTER_BITS = 16


def at_milliseconds(milliseconds: int) -> int:
    """Return the smallest stamp of a millisecond; use it to turn limits in wall time into limits in stamps."""
    return milliseconds << COUNTER_BITS


def tick(latest: int, now_ms: int) -> int:
    """Return the stamp of a new event, given the latest stamp this log holds (its own or received) and the time."""
    return max(latest + 1, now_ms << COUNTER_BITS)
