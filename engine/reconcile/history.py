"""What is remembered of plans, approvals, runs and targets. Values; `journal.py` says who remembers them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

import msgspec

from engine.reconcile.plan import Action
from engine.reconcile.records import RecordKey

Digest = NewType("Digest", str)
"""BLAKE2b-256 of a plan's canonical bytes, in hexadecimal; people and commands may use any unambiguous prefix of 6+."""

RunId = NewType("RunId", int)
Token = NewType("Token", int)
"""Fencing token of a target's lock: whoever got the lock later has the greater one."""


class PlanState(StrEnum):
    """Where a plan stands; derived from its approvals and runs and the time."""

    OPEN = "open"
    """Nobody has decided; it may be applied if the sync's policy asks nobody."""
    WAITING = "waiting"
    """It needs an approval (or another one: four-eyes)."""
    REFUSED = "refused"
    """A guard refuses it, and nobody has overridden that guard."""
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    EMPTY = "empty"
    APPLIED = "applied"
    """A run of it exists."""


class Decision(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """What one person decided about one digest. `overrides` names the guards that the approver lifts for this plan."""

    digest: Digest
    decision: Decision
    approver: str
    at: datetime
    comment: str = ""
    overrides: tuple[str, ...] = ()


class PlanSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A stored plan without its changes, for lists. `counts` are changes by action over all targets."""

    digest: Digest
    sync: str
    created_at: datetime
    created_by: str
    expires_at: datetime
    state: PlanState
    counts: Mapping[str, int]
    parked: int
    refusals: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    parent: str = ""
    undoes: str = ""


class RunState(StrEnum):
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    """Its process is gone; `resume` reads back and goes on."""
    DONE = "done"
    PARTIAL = "partial"
    """Ended; some items were refused, failed or drifted."""
    CANCELLED = "cancelled"
    FAILED = "failed"
    """Ended without doing what it could: the target was away, the lock was lost."""


class ItemState(StrEnum):
    """Where one change of a run stands. `INTENT` without an outcome is *unknown* after a crash."""

    PENDING = "pending"
    INTENT = "intent"
    DONE = "done"
    ALREADY = "already"
    REFUSED = "refused"
    FAILED = "failed"
    DRIFTED = "drifted"
    CANCELLED = "cancelled"


class RunItem(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a run and how it stands. `item` is `plan.item_id`; `index` its place in the plan, from 0."""

    index: int
    item: str
    target: str
    action: Action
    key: RecordKey
    spelling: str
    state: ItemState
    reason: str = ""
    attempt: int = 0
    at: datetime | None = None


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A run without its items. `counts` are items by state. `verdict` is the sentence of the read-back, once made."""

    run: RunId
    digest: Digest
    sync: str
    state: RunState
    started_at: datetime
    started_by: str
    ended_at: datetime | None = None
    counts: Mapping[str, int] = {}
    verdict: str = ""
    verified: bool | None = None
    """True: every target was read back and holds what the plan wanted. None: not read back."""


class TargetRun(msgspec.Struct, frozen=True, kw_only=True):
    """Live state of one target within a run, as a notice's detail (`run.progress`)."""

    run: RunId
    target: str
    total: int
    finished: int
    failed: int
    per_second: float
    left: timedelta | None
    batch: str = ""
    """What is under way, in words: "adding 41-60 of 120", "service asks to wait 12 s", "reading back"."""


class Health(StrEnum):
    IN_STEP = "in step"
    OUT_OF_STEP = "out of step"
    QUARANTINED = "quarantined"
    UNKNOWN = "unknown"


class TargetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How one target of one sync stands, from its last plan or run. Never reads the target."""

    sync: str
    target: str
    health: Health
    as_of: datetime | None = None
    counts: Mapping[str, int] = {}
    parked: int = 0
    reason: str = ""
    """Why it is quarantined, or why its state is unknown."""
    failures: int = 0
    members: int | None = None


class SyncStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the overview. `waiting` and `refused` are the newest plan's digest in that state, if any."""

    sync: str
    source: str
    paused: bool
    targets: tuple[TargetStatus, ...]
    last_run: RunSummary | None = None
    next_run: datetime | None = None
    waiting: Digest | None = None
    refused: Digest | None = None
    refusals: tuple[str, ...] = ()
    running: RunId | None = None
    source_counts: tuple[int, ...] = ()
    """Sizes of the last good source reads, oldest first; for a sparkline."""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """The lock, held over all processes and nodes, under which a lease is taken."""

    space: str
    """Where the tokens are counted: those of one space can be compared."""
    token: int


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The right to write to a target until `expires_at` (the database's clock), renewed by the holder."""

    name: str
    holder: str
    token: Token
    since: datetime
    expires_at: datetime
