"""What is remembered of plans, approvals and runs, and the journal that remembers it. Values and one protocol."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType, Protocol

import msgspec

from engine.reconcile.plan import Action, Plan, TargetPlan
from engine.reconcile.records import Fingerprint, RecordKey

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


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The right to write to a target until `expires_at` (the database's clock), renewed by the holder."""

    name: str
    holder: str
    token: Token
    since: datetime
    expires_at: datetime


class Owned(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the ownership ledger: this member of this target is Syncdeck's to remove."""

    target: str
    key: RecordKey
    since: datetime
    how: str
    """`added` by a run, or `adopted` by a person."""


class Journal(Protocol):
    """Memory of the reconcile engine. Every method that writes is durable when it returns, and writes the event that
    tells of it in the same transaction."""

    @abstractmethod
    async def keep_plan(self, digest: Digest, plan: Plan, body: bytes) -> None:
        """Keep a plan's bytes under its digest; keeping it again changes nothing."""

    @abstractmethod
    async def plan_body(self, digest_prefix: str) -> tuple[Digest, bytes]:
        """Return a kept plan. Raises `NothingFound` for none, or for a prefix that fits several."""

    @abstractmethod
    async def plans(self, *, sync: str | None, limit: int) -> Sequence[tuple[PlanSummary, Sequence[Approval]]]:
        """Return kept plans, newest first, with their decisions; `state` is only APPLIED or OPEN here."""

    @abstractmethod
    async def decide(self, approval: Approval) -> None:
        """Keep an approval or a rejection."""

    @abstractmethod
    async def approvals(self, digest: Digest) -> Sequence[Approval]:
        """Return every decision about a digest, oldest first."""

    @abstractmethod
    async def start_run(self, digest: Digest, plan: Plan, actor: str, at: datetime) -> RunId:
        """Open a run with every change of the plan as a pending item."""

    @abstractmethod
    async def intend(self, run: RunId, indexes: Sequence[int], lease: Lease, at: datetime) -> None:
        """Write the intent for these items. Raises `Locked` when the lease's token is no longer the newest."""

    @abstractmethod
    async def conclude(self, run: RunId, items: Sequence[RunItem], at: datetime) -> None:
        """Write how these items ended (or that they are pending again). Ownership follows from DONE additions and
        removals."""

    @abstractmethod
    async def end_run(self, run: RunId, state: RunState, verdict: str, verified: bool | None, at: datetime) -> None:
        """Close a run."""

    @abstractmethod
    async def runs(self, *, sync: str | None, limit: int) -> Sequence[RunSummary]:
        """Return runs, newest first. A RUNNING one whose lease has lapsed or whose process is gone is INTERRUPTED."""

    @abstractmethod
    async def run(self, run: RunId) -> RunSummary:
        """Return one run. Raises `NothingFound`."""

    @abstractmethod
    async def run_items(
        self, run: RunId, *, states: Sequence[ItemState] = (), offset_index: int = 0, limit: int = 0
    ) -> Sequence[RunItem]:
        """Return items from `offset_index` on in the plan's order, of these states (none named: all), at most
        `limit` (0: all)."""

    @abstractmethod
    async def take_lease(self, name: str, holder: str, ttl: timedelta, at: datetime) -> Lease:
        """Take a free or lapsed lease with a new token. Raises `Locked`, naming the holder and since when."""

    @abstractmethod
    async def renew_lease(self, lease: Lease, ttl: timedelta, at: datetime) -> Lease:
        """Prolong it. Raises `Locked` when it was taken over."""

    @abstractmethod
    async def release_lease(self, lease: Lease) -> None:
        """Give it back; nothing happens when it is no longer ours."""

    @abstractmethod
    async def source_read(self, sync: str, fingerprint: Fingerprint, at: datetime) -> None:
        """Remember a good read of the source."""

    @abstractmethod
    async def recent_source_counts(self, sync: str, limit: int) -> Sequence[int]:
        """Return the sizes of the last good reads, oldest first."""

    @abstractmethod
    async def removals_since(self, sync: str, target: str, since: datetime) -> int:
        """Return how many members runs have removed from the target since then."""

    @abstractmethod
    async def owned(self, target: str) -> frozenset[RecordKey]:
        """Return the keys of the ownership ledger of a target."""

    @abstractmethod
    async def adopt(self, target: str, keys: Sequence[RecordKey], actor: str, at: datetime) -> None:
        """Add members to the ownership ledger by a person's decision."""

    @abstractmethod
    async def note_target(self, sync: str, target_plan: TargetPlan, failure: str, at: datetime) -> TargetStatus:
        """Remember how a target stood after a plan or run; `failure` is a sentence or empty (which ends the row of
        failures)."""

    @abstractmethod
    async def target_statuses(self) -> Sequence[TargetStatus]:
        """Return what is known of every target of every sync that was ever planned."""

    @abstractmethod
    async def quarantine(self, sync: str, target: str, reason: str, actor: str, at: datetime) -> None:
        """Put a target into quarantine; with an empty reason, let it out."""
