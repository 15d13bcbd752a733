"""Who stopped living, told from one observer's own clock alone: no server's clock is asked, no wall clock read. Pure.

Every session has a heart-beat counter that each renewal raises. Whoever saw the same count for longer than the
session's ttl and a margin knows that its holder gave up at its own deadline before that (DynamoDB's lock client and
Kubernetes' LeaseLock do so). Where its process keeps a line open as a sign of life, a crash shows much sooner.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from engine.coordination.standing import SessionId

DEAF_PATIENCE = timedelta(seconds=1)
"""A session without its line for so long is taken for crashed: to come back after a break takes less."""

CUT_OFF_PATIENCE = timedelta(milliseconds=800)
"""After which a process whose own line broke, and is not back, gives up what it holds: before others may take it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A session as the backend had it at one look."""

    session: SessionId
    heartbeat: int
    ttl: timedelta
    listening: bool = True
    """Whether its line is open, where the backend can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What one observer knows of a session."""

    heartbeat: int
    ttl: timedelta
    since: float
    """When the first answer with this count had arrived, on the observer's clock."""
    deaf_since: float | None = None
    """When the first answer without its line had arrived; None: it listens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A session that is over if its counter is still the same; comparing and ending it has to be one step."""

    session: SessionId
    heartbeat: int
    crashed: bool
    """Its line is gone; otherwise it lapsed."""


def margin(ttl: timedelta) -> timedelta:
    """Return what holders keep off their deadline, and observers add to it, for clocks that do not run alike."""
    return max(timedelta(milliseconds=100), ttl * 0.05)


def observe(
    seen: Mapping[SessionId, Sighting], samples: Iterable[Sample], answered: float
) -> dict[SessionId, Sighting]:
    """Return what is known after a look whose answer had arrived at `answered`. Sessions not in it are forgotten."""
    return {sample.session: _sighting(seen.get(sample.session), sample, answered) for sample in samples}


def gone(seen: Mapping[SessionId, Sighting], asked: float) -> tuple[Gone, ...]:
    """Return who is over by a look that was asked for at `asked`, and has been taken in by `observe`.

    The time between the first answer and the last question is the shortest that may lie between what the server
    counted for them.
    """
    found = []
    for session, sighting in seen.items():
        lapsed = asked - sighting.since >= (sighting.ttl + margin(sighting.ttl)).total_seconds()
        deaf = sighting.deaf_since
        crashed = deaf is not None and asked - deaf >= DEAF_PATIENCE.total_seconds()
        if lapsed or crashed:
            found.append(Gone(session=session, heartbeat=sighting.heartbeat, crashed=not lapsed))
    return tuple(found)


def left(sighting: Sighting | None, now: float) -> timedelta | None:
    """Return how long a session lives unless renewed, as far as this observer can say."""
    if sighting is None:
        return None
    return max(timedelta(0), sighting.ttl - timedelta(seconds=now - sighting.since))


def _sighting(before: Sighting | None, sample: Sample, answered: float) -> Sighting:
    since, deaf_since = answered, None if sample.listening else answered
    if before is not None:
        if before.heartbeat == sample.heartbeat:
            since = before.since
        if not sample.listening and before.deaf_since is not None:
            deaf_since = before.deaf_since
    return Sighting(heartbeat=sample.heartbeat, ttl=sample.ttl, since=since, deaf_since=deaf_since)
