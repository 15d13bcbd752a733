"""The inverse of what a run did, as a plan like any other. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from engine.reconcile.history import RunId, RunItem
from engine.reconcile.plan import Plan
from engine.settings.model import SyncSettings


def inverse(plan: Plan, run: RunId, items: Sequence[RunItem], sync: SyncSettings, now: datetime, actor: str) -> Plan:
    """Return the plan that takes back the DONE items of a run of `plan`; each change's precondition is the state the
    run left. Not judged yet: hand it to `guards.judge`."""
    raise RuntimeError("under construction")
