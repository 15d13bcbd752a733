"""How often something is done that others cause."""

from __future__ import annotations

EVERY = 0.05
"""Seconds between two times while others do not let go: nobody reads faster."""
CREDIT = 0.25
"""Seconds that calm times save up: so much of what is to come is done at once."""
FACTOR = 2
"""What took long is followed by a rest so many times as long."""


class Pace:
    """The first times after a calm while are due at once; in a storm one is due every so often, and the last of them
    when it is over. Times are on the clock of elapsed time (the generic cell rate algorithm, ITU-T I.371)."""

    def __init__(self, *, every: float = EVERY, credit: float = CREDIT) -> None:
        self._every = every
        self._credit = credit
        self._paid_until = float("-inf")

    def wait(self, now: float) -> float:
        """Return the seconds until the next time is due; 0: now."""
        return max(0.0, self._paid_until - self._credit - now)

    def did(self, now: float, took: float) -> None:
        """Note that it was done, and how long that took."""
        self._paid_until = max(self._paid_until, now) + max(self._every, FACTOR * took)
