"""The source's side of a comparison: batches in, what the targets should hold out. Pure; the caller reads."""

from __future__ import annotations

from datetime import datetime

from engine.reconcile.records import Batch
from engine.settings.model import SyncSettings


class Wanted:
    """What a source wants at its targets, on one read. Made by `WantedCollector`; serves any number of targets."""


class WantedCollector:
    """Takes a source's batches one by one. `async for batch in source.read(): collector.add(batch)`, then `finish`."""

    def __init__(self, sync: SyncSettings) -> None:
        """Compile the sync's `where` and `attributes`. Raises `SettingsError`."""
        raise RuntimeError("under construction")

    def add(self, batch: Batch) -> None:
        """Take one batch. Raises `SettingsError` when an expression names a field that the source does not have, and
        `IncompleteRead` for a batch after the proof."""
        raise RuntimeError("under construction")

    def finish(self, read_at: datetime) -> Wanted:
        """Return what was collected. Raises `IncompleteRead` when no batch carried a proof."""
        raise RuntimeError("under construction")
