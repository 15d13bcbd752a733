"""What is known about the time: readings of clocks with their error bounds. Values only."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

HOST = "host"
"""The source that stands for what the kernel knows of its own discipline."""


class Reading(Struct, frozen=True, kw_only=True):
    """What one source said of the time."""

    source: str
    """`HOST`, or a server's address."""
    offset: timedelta | None
    """To be added to this host's wall clock to get the source's time; None: it did not answer."""
    error: timedelta | None = None
    """The true offset is within plus or minus this, if the source is honest (RFC 5905: half the delay, root delay and
    dispersion)."""
    delay: timedelta | None = None
    """Of the round trip."""
    stratum: int = 0
    at: datetime
    fault: str = ""
    """Why it did not answer, or why it is not believed (`falseticker`), in words."""


class ClockStanding(Struct, frozen=True, kw_only=True):
    """This host's clock against the sources."""

    offset: timedelta | None
    """Of all sources that agree (Marzullo's intersection); None: nobody was asked, or too few agree."""
    error: timedelta | None
    synchronised: bool
    """A majority of the sources agree, or the kernel says that its clock is disciplined."""
    said: str
    """In a sentence."""
    readings: tuple[Reading, ...] = ()
    stepped: datetime | None = None
    """When the wall clock last jumped against the clock of elapsed time, as far as this process saw."""
    step: timedelta | None = None


class PeerSkew(Struct, frozen=True, kw_only=True):
    """How far a peer's clock is from this one's, from an answer of its."""

    peer: str
    skew: timedelta | None
    """Positive: the peer is ahead."""
    error: timedelta | None
    at: datetime | None
    fault: str = ""


class Step(Struct, frozen=True, kw_only=True):
    """The wall clock was set."""

    at: datetime
    """When that was seen, by the clock as it is since."""
    by: timedelta
    """Positive: it was set forward."""


def skew_of(reading: Reading) -> PeerSkew:
    """Return what a reading of a peer's clock says of it."""
    at = reading.at if reading.offset is not None else None
    return PeerSkew(peer=reading.source, skew=reading.offset, error=reading.error, at=at, fault=reading.fault)
