"""The one reader of time: deadlines go by elapsed time, also while a machine sleeps, never by the wall clock."""

from __future__ import annotations

import sys
import time
from datetime import UTC

from engine.clock import ELAPSED, SystemClock


def test_deadlines_are_counted_by_the_clock_that_goes_on_while_the_machine_sleeps_and_that_nobody_sets() -> None:
    best = {"linux": "CLOCK_BOOTTIME"}.get(sys.platform, "CLOCK_MONOTONIC")

    assert getattr(time, best) == ELAPSED


def test_elapsed_time_is_read_from_that_clock() -> None:
    before = time.clock_gettime(ELAPSED)
    between = SystemClock().monotonic()

    assert before <= between <= time.clock_gettime(ELAPSED)


def test_the_wall_time_is_in_utc() -> None:
    assert SystemClock().now().tzinfo is UTC
