"""This host's clock against several servers at once: real ones for the truth, a double for the lie."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from adapters.clocks.host import HostClock
from adapters.clocks.ntp import NtpServer
from adapters.clocks.sources import time_sources
from engine.clock import SystemClock
from engine.coordination.clocks.timekeeping import Timekeeping
from engine.coordination.clocks.timing import HOST, ClockStanding
from engine.settings.coordination import ClockSettings
from tests.doubles.ntp_responder import Behaviour, off_by, responder, silent
from tests.servers.chrony import start_chrony
from tests.servers.server_process import ServerProcess

WAIT = timedelta(milliseconds=300)


@pytest.fixture(scope="module")
def honest_two() -> Iterator[tuple[ServerProcess, ServerProcess]]:
    with start_chrony(stratum=2) as first, start_chrony(stratum=9) as second:
        yield first, second


async def standing_with(*ports: int) -> ClockStanding:
    clock = SystemClock()
    servers = [NtpServer("127.0.0.1", port, clock, gap=timedelta(0), wait=WAIT) for port in ports]
    return await Timekeeping(clock, HostClock(clock), servers, tell=lambda topic: None).measure()


@pytest.mark.parametrize("lie", [timedelta(seconds=5), timedelta(days=-400)])
async def test_a_liar_among_honest_servers_is_named_and_changes_nothing(
    honest_two: tuple[ServerProcess, ServerProcess], lie: timedelta
) -> None:
    first, second = honest_two
    async with responder(off_by(lie)) as liar:
        standing = await standing_with(liar.port, first.port, second.port)
    assert standing.offset is not None
    assert standing.error is not None
    assert abs(standing.offset) <= standing.error
    assert standing.synchronised
    faults = {reading.source: reading.fault for reading in standing.readings if reading.source != HOST}
    assert faults[f"127.0.0.1:{liar.port}"].startswith("falseticker")
    assert faults[first.address] == faults[second.address] == ""


async def test_an_honest_server_alone_among_liars_that_differ_is_no_majority(
    honest_two: tuple[ServerProcess, ServerProcess],
) -> None:
    async with responder(off_by(timedelta(hours=1))) as one, responder(off_by(timedelta(hours=2))) as other:
        standing = await standing_with(one.port, honest_two[0].port, other.port)
    assert standing.offset is None


async def test_a_server_that_hangs_costs_only_its_own_voice(honest_two: tuple[ServerProcess, ServerProcess]) -> None:
    first, second = honest_two
    quiet: Behaviour = silent
    async with responder(quiet) as hung:
        standing = await standing_with(hung.port, first.port, second.port)
    assert standing.said.startswith("2 of 3 servers agree: this clock is right, to within ")


async def test_a_real_server_that_is_frozen_has_not_answered() -> None:
    with start_chrony() as server, server.paused():
        standing = await standing_with(server.port)
    assert standing.said == f"No server answered: {server.address} (no answer within 0.3 s)."


async def test_the_settings_name_the_servers_and_the_host_comes_first() -> None:
    sources = time_sources(ClockSettings(servers=("ntp.example:1123", "10.0.0.1")), SystemClock())
    assert [source.name for source in sources] == [HOST, "ntp.example:1123", "10.0.0.1"]


async def test_nobody_is_asked_unless_somebody_is_named() -> None:
    assert [source.name for source in time_sources(ClockSettings(), SystemClock())] == [HOST]
