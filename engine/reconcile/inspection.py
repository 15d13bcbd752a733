"""Looking at endpoints without planning: connection tests, samples, scope counts, mapping previews."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import msgspec

from engine.errors import RemoteError, SecretUnavailable, SettingsError, SyncdeckError
from engine.reconcile.acting.draining import drain
from engine.reconcile.acting.means import Means
from engine.reconcile.comparing.expressions import Unusable
from engine.reconcile.comparing.mapping import SyncMapping
from engine.reconcile.comparing.reading import Reading
from engine.reconcile.ports import Source
from engine.reconcile.records import Batch, Value, fold, keep_case
from engine.settings.model import AdapterSettings, SyncSettings

SAMPLE = 5
"""How many records a sample, a preview or a list of examples shows."""

SCOPE_AGE = timedelta(minutes=1)
"""How old a source read may be for live counts in a form: one read serves the keystrokes of a minute."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a connection test and how it went, with the time it took in milliseconds."""

    name: str
    passed: bool
    detail: str
    milliseconds: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A connection test: its steps, how many records there are, and the first few as they were read."""

    adapter: str
    passed: bool
    steps: tuple[Step, ...]
    count: int = 0
    names: tuple[str, ...] = ()
    sample: tuple[tuple[str, tuple[Value, ...]], ...] = ()
    """(spelling, values in the order of `names`) of the first records."""
    carried: int = 0


class ScopeCount(msgspec.Struct, frozen=True, kw_only=True):
    """What a sync's scope selects: of `total` source records `selected` are wanted; the first few of both kinds."""

    total: int
    selected: int
    examples_in: tuple[str, ...] = ()
    examples_out: tuple[str, ...] = ()
    problem: str = ""
    """A sentence when the expression cannot be used."""


class Mapped(msgspec.Struct, frozen=True, kw_only=True):
    """One real record before and after the sync's mapping."""

    spelling: str
    record: Mapping[str, Value]
    attributes: Mapping[str, Value]
    in_scope: bool
    problem: str = ""


class _Batches:
    """Collects what was read as it was read."""

    def __init__(self, adapter: str) -> None:
        self.reading = Reading(adapter)
        self.batches: list[Batch] = []

    def add(self, batch: Batch) -> None:
        self.reading.take(batch)
        self.batches.append(batch)

    @property
    def count(self) -> int:
        return sum(len(batch.spellings) for batch in self.batches)

    def sample(self) -> tuple[tuple[str, tuple[Value, ...]], ...]:
        rows: list[tuple[str, tuple[Value, ...]]] = []
        for batch in self.batches:
            values = batch.rows or [()] * len(batch.spellings)
            rows.extend(zip(batch.spellings[:SAMPLE], values[:SAMPLE], strict=True))
            if len(rows) >= SAMPLE:
                break
        return tuple(rows[:SAMPLE])


class _Stopwatch:
    """Steps of one test, each with its time."""

    def __init__(self, means: Means) -> None:
        self.steps: list[Step] = []
        self._means = means
        self._began = means.clock.monotonic()

    def note(self, name: str, detail: str, *, passed: bool = True) -> None:
        now = self._means.clock.monotonic()
        shown = self._means.redact(detail)
        self.steps.append(Step(name=name, passed=passed, detail=shown, milliseconds=(now - self._began) * 1_000))
        self._began = now


class Inspection:
    """Reads endpoints to show, never to change."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._recent: dict[str, tuple[float, AdapterSettings, _Batches]] = {}
        """The last read for live counts: one at most, for it may hold a million records."""

    async def check(self, adapter: str) -> Report:
        """Test a configured adapter: connect, read all pages, show a sample. Never raises for a remote failure: the
        failing step says it. Raises `NothingFound`. Writes an `adapter.checked` event."""
        settings = self._means.endpoints.adapter(adapter)
        report = await self.check_settings(settings.name, settings.type, settings.settings)
        failed = [f"{step.name}: {step.detail}" for step in report.steps if not step.passed]
        outcome = {"passed": report.passed, "count": report.count, "failed": failed}
        await self._means.record("adapter.checked", f"adapter:{adapter}", outcome)
        return report

    async def check_settings(self, name: str, type_name: str, settings: msgspec.Struct) -> Report:
        """The same for settings that are not saved yet. Nothing is written."""
        watch = _Stopwatch(self._means)
        read = _Batches(name)
        try:
            endpoint = self._means.endpoints.open(AdapterSettings(name=name, type=type_name, settings=settings))
            watch.note("settings", f"The settings of {name} are valid.")
            await self._connect_and_read(endpoint, read, watch)
        except SyncdeckError as error:
            names = ("settings", "connect", "read", "completeness")
            watch.note(names[min(len(watch.steps), 3)], str(error), passed=False)
        return Report(
            adapter=name,
            passed=all(step.passed for step in watch.steps),
            steps=tuple(watch.steps),
            count=read.count,
            names=read.reading.names,
            sample=read.sample(),
            carried=len(read.reading.carried),
        )

    async def _connect_and_read(self, endpoint: Source, read: _Batches, watch: _Stopwatch) -> None:
        async with endpoint as open_endpoint:
            watch.note("connect", "Connected.")
            await drain(open_endpoint, read)
            watch.note("read", f"{read.count:,} records in {len(read.batches):,} pages.")
            watch.note("completeness", read.reading.complete())

    async def scope(self, sync: SyncSettings) -> ScopeCount:
        """Count what a sync's scope selects, from a source read at most a minute old (for live counts in a form)."""
        try:
            read = await self._read_recently(sync.source)
            mapping = _mapping(sync, read)
        except (SettingsError, RemoteError, SecretUnavailable) as error:
            return ScopeCount(total=0, selected=0, problem=self._means.redact(str(error)))
        chosen: list[str] = []
        left: list[str] = []
        problem, selected = "", 0
        for batch in read.batches:
            answers = mapping.selected(batch) or [True] * len(batch.spellings)
            selected += sum(answer is True for answer in answers)
            for spelling, answer in zip(batch.spellings, answers, strict=True):
                kind = chosen if answer is True else left
                if len(kind) < SAMPLE:
                    kind.append(spelling)
                if isinstance(answer, Unusable) and not problem:
                    problem = f"{spelling}: {answer.reason}"
        return ScopeCount(
            total=read.count,
            selected=selected,
            examples_in=tuple(chosen),
            examples_out=tuple(left),
            problem=problem,
        )

    async def mapped(self, sync: SyncSettings, keys: Sequence[str] = ()) -> Sequence[Mapped]:
        """Show the mapping on the named records, or on the first five in scope. Raises `RemoteError`, and
        `SettingsError` for expressions that cannot be used."""
        read = await self._read_recently(sync.source)
        mapping = _mapping(sync, read)
        folded = keep_case if sync.case_sensitive else fold
        named = {folded(key) for key in keys}
        shown: list[Mapped] = []
        for batch in read.batches:
            for place, spelling in enumerate(batch.spellings):
                one = _mapped(mapping, batch, place) if not named or folded(spelling) in named else None
                if one is not None and (named or one.in_scope):
                    shown.append(one)
                if not named and len(shown) == SAMPLE:
                    return shown
        return shown

    async def _read_recently(self, adapter: str) -> _Batches:
        settings = self._means.endpoints.adapter(adapter)
        now = self._means.clock.monotonic()
        at, read_with, read = self._recent.get(adapter, (float("-inf"), None, None))
        if read is not None and read_with == settings and now - at <= SCOPE_AGE.total_seconds():
            return read
        async with self._means.endpoints.source(adapter) as source:
            read = await drain(source, _Batches(adapter))
        read.reading.complete()
        self._recent = {adapter: (self._means.clock.monotonic(), settings, read)}
        return read


def _mapping(sync: SyncSettings, read: _Batches) -> SyncMapping:
    mapping = SyncMapping(sync)
    if read.count:
        mapping.check(read.reading.names)
    return mapping


def _mapped(mapping: SyncMapping, batch: Batch, place: int) -> Mapped:
    """Return one record before and after the mapping."""
    row = batch.rows[place] if batch.names else ()
    alone = Batch(spellings=[batch.spellings[place]], names=batch.names, rows=[row] if batch.names else ())
    answer = (mapping.selected(alone) or [True])[0]
    attributes = mapping.settled(tuple(mapping.rows(alone)[0])) if mapping.names else ()
    problems = [one.reason for one in (answer, attributes) if isinstance(one, Unusable)]
    values = {} if isinstance(attributes, Unusable) else dict(zip(mapping.names, attributes, strict=True))
    return Mapped(
        spelling=batch.spellings[place],
        record=dict(zip(batch.names, row, strict=True)),
        attributes=values,
        in_scope=answer is True,
        problem=" ".join(problems),
    )
