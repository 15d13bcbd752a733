"""One planning: the source is read once, every target is compared with that one read, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from engine.errors import SyncdeckError
from engine.reconcile.acting.draining import drain
from engine.reconcile.acting.means import Means
from engine.reconcile.acting.outset import RECENT_READS, REMOVAL_WINDOW
from engine.reconcile.acting.pace import READ_PATIENCE, Retry, patiently
from engine.reconcile.comparing.difference import Comparison, Difference
from engine.reconcile.comparing.wanted import Wanted, WantedCollector
from engine.reconcile.deciding.planning import Occasion, TargetReading, configuration_digest, make_plan
from engine.reconcile.plan import Plan
from engine.reconcile.ports import Found, Miss, Target
from engine.settings.model import SyncSettings
from engine.together import together

LOOK_UP_CHUNK = 1_000

SOURCE_MAX_AGE = timedelta(minutes=15)
"""A source read older than this when the last target has been read does not count any more: a plan is an answer about
one moment (a seed kept its source for the life of the process and removed who had been added meanwhile)."""


class Survey:
    """Reads both sides of one sync and makes the plan. Used once."""

    def __init__(self, means: Means, sync: SyncSettings, targets: Sequence[str]) -> None:
        self._means = means
        self._sync = sync
        self._targets = targets

    async def plan(self) -> Plan:
        """Return the judged plan; failed reads are sentences in it."""
        began = self._means.clock.monotonic()
        plan = await self._once()
        if self._means.clock.monotonic() - began > SOURCE_MAX_AGE.total_seconds():
            self._tell("the targets took long; the source is read again")
            plan = await self._once()
        return plan

    async def _once(self) -> Plan:
        wanted = await self._wanted()
        readings: Sequence[TargetReading] = ()
        if isinstance(wanted, Wanted):
            async with together() as group:
                tasks = [group.create_task(self._reading(name, wanted)) for name in self._targets]
            readings = [task.result() for task in tasks]
        else:
            readings = [TargetReading(target=name, error=wanted) for name in self._targets]
        recent = await self._means.journal.recent_source_counts(self._sync.name, RECENT_READS)
        adapters = self._means.endpoints.adapters_of(self._sync)
        occasion = Occasion(
            now=self._means.now(),
            actor=self._means.actor,
            config_digest=configuration_digest(self._sync, adapters),
        )
        return make_plan(self._sync, wanted, readings, occasion, recent)

    async def _wanted(self) -> Wanted | str:
        """Return what the source wants, or the sentence of why it could not be read."""
        name = self._sync.source

        async def once() -> Wanted:
            async with self._means.endpoints.source(name) as source:
                collector = await drain(source, WantedCollector(self._sync), self._counting(name))
            return collector.finish(self._means.now())

        try:
            return await patiently(once, self._retry(), self._means.clock.sleep)
        except SyncdeckError as error:
            return self._means.redact(str(error))

    async def _reading(self, name: str, wanted: Wanted) -> TargetReading:
        async def once() -> TargetReading:
            return await self._read_target(name, wanted)

        try:
            return await patiently(once, self._retry(), self._means.clock.sleep)
        except SyncdeckError as error:
            sentence = self._means.redact(str(error))
            self._tell(f"{name} cannot be read: {sentence}")
            return TargetReading(target=name, error=sentence)

    async def _read_target(self, name: str, wanted: Wanted) -> TargetReading:
        async with self._means.endpoints.target(name) as target:
            comparison = await drain(target, Comparison(wanted, self._sync, name), self._counting(name))
            difference = comparison.finish(self._means.now())
            answers = await self._look_up(name, target, difference)
            journal = self._means.journal
            return TargetReading(
                target=name,
                difference=difference,
                answers=answers,
                limits=target.limits,
                owned=await journal.owned(name),
                removed_lately=await journal.removals_since(self._sync.name, name, self._means.now() - REMOVAL_WINDOW),
            )

    async def _look_up(self, name: str, target: Target, difference: Difference) -> Mapping[str, Found | Miss]:
        spellings = difference.to_resolve()
        answers: dict[str, Found | Miss] = {}
        for start in range(0, len(spellings), LOOK_UP_CHUNK):
            self._tell(f"{name}: looking up {start + 1:,} of {len(spellings):,}")
            answers.update(await target.resolve(spellings[start : start + LOOK_UP_CHUNK]))
        return answers

    def _retry(self) -> Retry:
        return Retry(READ_PATIENCE, self._means.clock, self._means.chance)

    def _counting(self, name: str) -> Callable[[int], None]:
        """Return what tells the watchers how far a read is, twice a second at most."""
        told = self._means.clock.monotonic()

        def count(records: int) -> None:
            nonlocal told
            now = self._means.clock.monotonic()
            if now - told >= 0.5:
                told = now
                self._tell(f"{name}: {records:,} records read")

        self._tell(f"reading {name}")
        return count

    def _tell(self, sentence: str) -> None:
        self._means.tell("plan.progress", self._sync.name, sentence)
