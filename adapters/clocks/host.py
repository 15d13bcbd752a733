"""What the kernel knows of its own clock: whether somebody disciplines it, and how wrong it may be by now.

NTP daemons tell the kernel so; asking costs a system call (adjtimex(2)) and needs no rights.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

from engine.clock import Clock
from engine.coordination.clocks.timekeeping import TimeSource
from engine.coordination.clocks.timing import HOST, Reading

UNSYNCHRONISED = 0x0040
"""STA_UNSYNC."""
IN_NANOSECONDS = 0x2000
"""STA_NANO, of `offset`."""
ERROR = -1


class Discipline(NamedTuple):
    """What the kernel said."""

    synchronised: bool
    offset: timedelta
    """What is left to be slewed."""
    error: timedelta
    """The most it may be wrong."""


class _Timex(ctypes.Structure):
    """struct timex; the kernel writes no more than this on any architecture."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        *((name, ctypes.c_long) for name in ("offset", "freq", "maxerror", "esterror")),
        ("status", ctypes.c_int),
        *((name, ctypes.c_long) for name in ("constant", "precision", "tolerance", "seconds", "microseconds", "tick")),
        *((name, ctypes.c_long) for name in ("ppsfreq", "jitter")),
        ("shift", ctypes.c_int),
        *((name, ctypes.c_long) for name in ("stabil", "jitcnt", "calcnt", "errcnt", "stbcnt")),
        ("tai", ctypes.c_int),
        ("reserved", ctypes.c_int * 11),
    )


def ask_kernel() -> Discipline:
    """Return what the kernel says. Raises `OSError` where it does not say such things."""
    if not sys.platform.startswith("linux"):
        raise OSError("only Linux says how right its clock is")
    asked = _Timex()  # modes 0: nothing is changed
    if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(asked)) == ERROR:
        raise OSError(ctypes.get_errno(), "adjtimex failed")
    unit = 1e-9 if asked.status & IN_NANOSECONDS else 1e-6
    return Discipline(
        synchronised=not asked.status & UNSYNCHRONISED,
        offset=timedelta(seconds=asked.offset * unit),
        error=timedelta(microseconds=asked.maxerror),
    )


class HostClock(TimeSource):
    """The kernel's own opinion of its clock."""

    def __init__(self, clock: Clock, ask: Callable[[], Discipline] = ask_kernel) -> None:
        self._clock = clock
        self._ask = ask

    @property
    def name(self) -> str:
        return HOST

    async def read(self) -> Reading:
        try:
            said = self._ask()
        except OSError as error:
            return self._nothing(
                f"How right this clock is cannot be learnt from the kernel: {error.strerror or error}."
            )
        if not said.synchronised:
            return self._nothing(
                "No time service disciplines this clock, or it does not tell the kernel (chrony does with rtcsync)."
            )
        return Reading(source=HOST, offset=said.offset, error=said.error + abs(said.offset), at=self._clock.now())

    def _nothing(self, fault: str) -> Reading:
        return Reading(source=HOST, offset=None, at=self._clock.now(), fault=fault)
