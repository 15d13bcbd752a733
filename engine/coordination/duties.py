"""What tasks, schedules and the clock need beside the backend, as the settings of this node say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from engine.coordination.clocks.timekeeping import TimeSource
from engine.coordination.clocks.timing import PeerSkew
from engine.coordination.scheduling.fires import Plan
from engine.coordination.scheduling.publishing import Home
from engine.coordination.working.tasks import Terms
from engine.redaction import Redactor
from engine.settings.coordination import ClockSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Duties:
    """`chance` draws from [0, 1); `host` is what the kernel knows of this host's clock, `servers` what it is compared
    with, `skews` how far peers' clocks are from it."""

    chance: Callable[[], float]
    redactor: Redactor
    host: TimeSource
    servers: Sequence[TimeSource] = ()
    clock: ClockSettings
    skews: Callable[[], Awaitable[Sequence[PeerSkew]]]
    terms: Mapping[str, Terms] = field(default_factory=dict)
    """Of tasks by their names."""
    plans: Sequence[Plan] = ()
    """The schedules of the settings."""
    home: Callable[[], Awaitable[Home]]
    """Which workspace this is."""
