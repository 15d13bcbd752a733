"""Schedules, and the moments at which they fired or should have. Values only.

A fire is unique by (schedule, nominal moment): however many nodes look at the clock, one of them takes it.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from engine.coordination.working.task import TaskId
from engine.settings.coordination import CronSettings, Missed, Overlap


class Outcome(StrEnum):
    """What became of a fire."""

    FIRED = "fired"
    LATE = "late"
    """Made up for after its time."""
    MISSED = "missed"
    SKIPPED = "skipped"
    """The task of the one before was not over."""


class Plan(Struct, frozen=True, kw_only=True):
    """A schedule: exactly one of `every` (seconds), `cron` and `at`."""

    name: str
    task: str
    """The command that each fire submits."""
    payload: Any = None
    every: float | None = None
    cron: str = ""
    at: datetime | None = None
    """Once; it ends with its fire."""
    timezone: str = "UTC"
    missed: Missed = Missed.LATEST
    overlap: Overlap = Overlap.FORBID
    paused: bool = False
    added_by: str = ""
    """Who added it by hand; empty for one of the settings."""
    node: str = ""
    """The node whose settings it stands in; empty for one that was added by hand."""

    @classmethod
    def of(cls, settings: CronSettings) -> Plan:
        """Return the schedule that the settings describe."""
        return cls(
            name=settings.name,
            task=settings.task,
            payload=settings.payload,
            every=settings.every.total_seconds() if settings.every is not None else None,
            cron=settings.cron,
            at=settings.moment(),
            timezone=settings.timezone,
            missed=settings.missed,
            overlap=settings.overlap,
            paused=settings.paused,
        )


class Fire(Struct, frozen=True, kw_only=True):
    """A moment of a schedule, and what became of it."""

    schedule: str
    nominal: datetime
    outcome: Outcome
    taken: datetime
    by: str
    """The leader that took it."""
    task: TaskId | None = None
    why: str = ""
    """Of one that was missed or skipped, or whose task waits to be submitted, in words."""
    by_hand: bool = False
    """Somebody fired it out of turn."""


class ScheduleStanding(Struct, frozen=True, kw_only=True):
    """A schedule with its past and its future."""

    plan: Plan
    next: datetime | None
    """None: it ended, or is paused."""
    fires: tuple[Fire, ...] = ()
    """The last ones, newest first."""
