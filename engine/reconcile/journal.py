"""The journal: the memory of the reconcile engine, as a protocol."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from engine.reconcile.history import (
    Approval,
    Digest,
    Grant,
    ItemState,
    Lease,
    PlanSummary,
    RunId,
    RunItem,
    RunState,
    RunSummary,
    TargetStatus,
)
from engine.reconcile.plan import Plan, TargetPlan
from engine.reconcile.records import Fingerprint, RecordKey


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
        """Close a run of this process. Nothing happens to one that another process has resumed since: it is that one's
        to close. Raises `NothingFound`."""

    @abstractmethod
    async def reopen_run(self, run: RunId, actor: str, at: datetime) -> None:
        """Set an ended or interrupted run RUNNING again, as this process's; forget an earlier wish to stop it."""

    @abstractmethod
    async def ask_to_stop(self, run: RunId, actor: str, at: datetime) -> None:
        """Leave the wish that the run, of whichever process, stops after its batches under way. Nothing happens to a
        run that has ended. Raises `NothingFound`."""

    @abstractmethod
    async def asked_to_stop(self, run: RunId) -> bool:
        """Tell whether somebody wishes the run to stop."""

    @abstractmethod
    async def runs(self, *, sync: str | None, limit: int) -> Sequence[RunSummary]:
        """Return runs, newest first. A RUNNING one whose lease has lapsed or whose process is gone is INTERRUPTED."""

    @abstractmethod
    async def run_of(self, digest: Digest) -> RunId | None:
        """Return the newest run of a plan, if it was ever carried out."""

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
    async def take_lease(
        self, name: str, holder: str, ttl: timedelta, at: datetime, grant: Grant | None = None
    ) -> Lease:
        """Take a lease with a new token, if it is free or lapsed, or taken under an older grant of the same space.

        Raises `Locked`, naming the holder and since when; also when it was taken under a newer grant, free or not: then
        this one is outdated.
        """

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
        """Return how many members runs have removed from the target since then, or may have: an intent without
        outcome counts until it is known to have come to nothing, and so does one whose member somebody brought back."""

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
