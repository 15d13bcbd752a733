"""Freeze windows: when nothing may be applied. Pure; all times are aware."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from engine.settings.model import FreezeWindow


def next_allowed(windows: Sequence[FreezeWindow], now: datetime) -> datetime | None:
    """Return `now` when applying is allowed now, else the next moment at which it is; None when none comes within
    a year. Deny beats allow; with any `allow` window, only the inside of one is allowed."""
    raise RuntimeError("under construction")


def frozen(sync: str, windows: Sequence[FreezeWindow], now: datetime) -> str:
    """Return the sentence that refuses an apply now, or nothing."""
    raise RuntimeError("under construction")
