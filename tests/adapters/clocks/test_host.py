"""What the kernel says of its own clock, in a reading."""

from __future__ import annotations

import sys
from datetime import timedelta

import pytest

from adapters.clocks.host import Discipline, HostClock, ask_kernel
from engine.coordination.clocks.timing import HOST
from tests.doubles.clock import ManualClock

MILLISECOND = timedelta(milliseconds=1)
LARGEST_ERROR = timedelta(seconds=16)
"""The kernel counts no further."""


def test_this_kernel_says_how_wrong_its_clock_may_be() -> None:
    said = ask_kernel()
    assert timedelta(0) <= said.error <= LARGEST_ERROR
    assert abs(said.offset) < timedelta(seconds=1)


async def test_a_disciplined_clock_is_as_right_as_the_kernel_says() -> None:
    clock = ManualClock()
    host = HostClock(clock, lambda: Discipline(synchronised=True, offset=-2 * MILLISECOND, error=30 * MILLISECOND))
    reading = await host.read()
    assert reading.source == host.name == HOST
    assert (reading.offset, reading.error) == (-2 * MILLISECOND, 32 * MILLISECOND)
    assert (reading.at, reading.fault) == (clock.now(), "")


async def test_a_clock_that_nobody_disciplines_says_nothing_of_the_time() -> None:
    host = HostClock(ManualClock(), lambda: Discipline(synchronised=False, offset=timedelta(0), error=LARGEST_ERROR))
    reading = await host.read()
    assert reading.offset is None
    assert reading.fault.startswith("No time service disciplines this clock")


async def test_where_the_kernel_says_nothing_the_reading_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    reading = await HostClock(ManualClock()).read()
    assert reading.fault == (
        "How right this clock is cannot be learnt from the kernel: only Linux says how right its clock is."
    )
