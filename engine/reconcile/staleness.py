"""What is left of a plan when the target is read again: needed, already so, drifted, and what nobody planned. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from engine.reconcile.plan import TargetPlan
from engine.reconcile.records import Batch, Carried, Fingerprint, RecordKey, Value
from engine.settings.model import SyncSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One record as the target holds it now."""

    spelling: str
    native_id: str
    attributes: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a target holds now, as far as a plan is concerned: `members` are those the plan names (also as new name of
    a rename), `doubled` those it holds more than once, `rest` the fingerprint of everybody else."""

    members: Mapping[RecordKey, Member]
    doubled: frozenset[RecordKey]
    rest: Fingerprint
    whole: Fingerprint
    proof: str
    read_at: datetime
    carried: tuple[Carried, ...] = ()


class HeldCollector:
    """Takes a target's batches on the second (or a later) reading, and keeps only what the plan names."""

    def __init__(self, target_plan: TargetPlan, sync: SyncSettings) -> None:
        raise RuntimeError("under construction")

    def add(self, batch: Batch) -> None:
        """Take one batch. Raises `IncompleteRead` for a batch after the proof."""
        raise RuntimeError("under construction")

    def finish(self, read_at: datetime) -> Held:
        """Return what was collected. Raises `IncompleteRead` when no batch carried a proof."""
        raise RuntimeError("under construction")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """Places (from 0) in `TargetPlan.changes` by what the re-read says, in the plan's order. `drifted` has a sentence
    each; `unplanned` are sentences about differences since planning that no change covers (reported, never applied)."""

    needed: tuple[int, ...]
    already: tuple[int, ...]
    drifted: Mapping[int, str]
    unplanned: tuple[str, ...] = ()
    drifted_removals: tuple[int, ...] = ()
    """Removals (and renames, which remove a name) among the drifted: if there is one, nothing may be applied."""


def sort_changes(target_plan: TargetPlan, held: Held) -> Sorted:
    """Sort every change by its precondition and its goal. Reading back is the same question: after a run everything
    that was done must be *already so*."""
    raise RuntimeError("under construction")


def drift_refusal(target_plan: TargetPlan, outcome: Sorted) -> str:
    """Return the sentence that refuses the whole apply because a removal drifted, or nothing."""
    raise RuntimeError("under construction")
