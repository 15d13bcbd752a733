"""How far one target of a run is, told to watchers at a pace they can follow."""

from __future__ import annotations

from datetime import timedelta

from engine.reconcile.acting.means import Means
from engine.reconcile.history import RunId, TargetRun

NOTICES_PER_SECOND = 10


class Progress:
    """Counts one target's items as they end and publishes `run.progress`, at most ten times a second."""

    def __init__(self, means: Means, run: RunId, target: str, total: int) -> None:
        self._means = means
        self._run = run
        self._target = target
        self._total = total
        self._finished = 0
        self._failed = 0
        self._batch = ""
        self._began = means.clock.monotonic()
        self._told = float("-inf")

    def ended(self, count: int, *, failed: int) -> None:
        """Count items that ended, of which so many were not done."""
        self._finished += count
        self._failed += failed
        self._tell()

    def doing(self, batch: str) -> None:
        """Say in words what is under way."""
        self._batch = batch
        self._tell()

    def last_word(self, batch: str) -> None:
        """Publish how the target stands at the end, whatever was published just before."""
        self._batch = batch
        self._told = float("-inf")
        self._tell()

    def _tell(self) -> None:
        now = self._means.clock.monotonic()
        if now - self._told < 1 / NOTICES_PER_SECOND:
            return
        self._told = now
        rate = self._finished / (now - self._began) if now > self._began else 0.0
        self._means.tell(
            "run.progress",
            str(self._run),
            TargetRun(
                run=self._run,
                target=self._target,
                total=self._total,
                finished=self._finished,
                failed=self._failed,
                per_second=rate,
                left=timedelta(seconds=(self._total - self._finished) / rate) if rate else None,
                batch=self._batch,
            ),
        )
