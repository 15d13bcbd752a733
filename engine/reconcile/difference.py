"""What one target lacks, has too much and holds differently. Pure; the caller reads the target and hands its batches
in; they are streamed through, only the source's side is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from engine.reconcile.records import Batch
from engine.reconcile.wanted import Wanted
from engine.settings.model import SyncSettings


class Difference:
    """One target against what is wanted. Made by `Comparison`."""

    def to_resolve(self) -> Sequence[str]:
        """Return the spellings that the target must look up before additions are planned; empty when the mode adds
        nobody. The caller asks `Target.resolve` in chunks and hands the answers to `make_plan`."""
        raise RuntimeError("under construction")


class Comparison:
    """Takes a target's batches one by one."""

    def __init__(self, wanted: Wanted, sync: SyncSettings, target: str) -> None:
        raise RuntimeError("under construction")

    def add(self, batch: Batch) -> None:
        """Compare one batch. Raises `IncompleteRead` for a batch after the proof."""
        raise RuntimeError("under construction")

    def finish(self, read_at: datetime) -> Difference:
        """Return the difference. Raises `IncompleteRead` when no batch carried a proof."""
        raise RuntimeError("under construction")
