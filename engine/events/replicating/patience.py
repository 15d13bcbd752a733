"""When to try again, and when to give up. Pure: chance is passed in, waiting is somebody else's."""

from __future__ import annotations

from datetime import timedelta

import msgspec


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait between tries, and how many there are.

    Pauses are drawn between `shortest` and three times the pause before ("decorrelated jitter", M. Brooker, AWS
    Architecture Blog 2015), so that nodes that failed together do not come back together. A budget keeps a bad line
    from doubling the load: every try again costs one, every success gives back `earned` (as gRPC's retry throttling).
    """

    shortest: timedelta = timedelta(milliseconds=200)
    longest: timedelta = timedelta(seconds=5)
    at_first: float = 2.0
    """The budget until the first success: whether a peer is there at all is seen soon, and somebody may be waiting."""
    budget: float = 5.0
    earned: float = 0.1


class Tries:
    """The tries of one session."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._left = patience.at_first
        self._met = False
        self._pause = patience.shortest

    def succeeded(self) -> None:
        """Note a call that succeeded."""
        self._left = (
            min(self._patience.budget, self._left + self._patience.earned) if self._met else self._patience.budget
        )
        self._met = True
        self._pause = self._patience.shortest

    def again(self, chance: float, asked: timedelta | None = None) -> timedelta | None:
        """Return how long to wait before the next try; None: the budget is spent.

        `chance` is in [0, 1); `asked` is the pause that the other side asked for (RFC 9110 §10.2.3): never less than
        that, and none at all when it asks for more than the longest pause.
        """
        if self._left < 1 or (asked is not None and asked > self._patience.longest):
            return None
        self._left -= 1
        self._pause = jittered(self._pause, chance, self._patience)
        return max(self._pause, asked) if asked is not None else self._pause


def jittered(before: timedelta, chance: float, patience: Patience) -> timedelta:
    """Return the pause after a pause."""
    span = max(before * 3, patience.shortest) - patience.shortest
    return min(patience.longest, patience.shortest + span * chance)
