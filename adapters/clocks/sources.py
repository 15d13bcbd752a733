"""The sources of time that the settings name."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.clocks.host import HostClock
from adapters.clocks.ntp import NtpServer
from engine.clock import Clock
from engine.coordination.clocks.timekeeping import TimeSource
from engine.settings.coordination import ClockSettings
from engine.settings.time_servers import host_and_port


def time_sources(settings: ClockSettings, clock: Clock) -> Sequence[TimeSource]:
    """Return the host's own clock, and every server that is named; nobody is asked yet."""
    return (HostClock(clock), *(NtpServer(*host_and_port(server), clock) for server in settings.servers))
