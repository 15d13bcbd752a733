"""The source's side of a comparison: batches in, what the targets should hold out. Pure; the caller reads."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import compress, repeat
from operator import ne

import msgspec

from engine.errors import IncompleteRead
from engine.reconcile.comparing.canonical import (
    as_hexadecimal,
    canonical_row,
    collector_paused,
    fold_all,
    items_of,
    packed_if_needed,
    plain_rows,
    sum_of,
)
from engine.reconcile.comparing.expressions import Unusable
from engine.reconcile.comparing.mapping import SyncMapping
from engine.reconcile.comparing.reading import Reading
from engine.reconcile.plan import Snapshot
from engine.reconcile.records import Batch, Fingerprint, RecordKey, Value
from engine.settings.model import SyncSettings


class Disputed(msgspec.Struct, frozen=True, kw_only=True):
    """A record of the source that nothing is done about, at any target, and why."""

    spelling: str
    reason: str


class Wanted(msgspec.Struct, kw_only=True):
    """What a source wants at its targets, on one read; serves any number of comparisons, until a plan is made.

    A million records are kept as bytes: `lines` has each record's canonical row under its folded key (an empty one
    where the sync compares keys alone). Keys spelled as they are folded are not in `spelled`; rows that are not text
    alone are in `typed` too, packed.
    """

    source: str
    names: tuple[str, ...]
    lines: dict[RecordKey, bytes]
    spelled: Mapping[RecordKey, str]
    typed: Mapping[RecordKey, bytes]
    disputed: Mapping[RecordKey, Disputed]
    outside: frozenset[RecordKey]
    """Keys that the source holds and `where` leaves out."""
    total: int
    sum: int
    """Of the items' hashes, not reduced: a target's own sum follows from it and the differences."""
    snapshot: Snapshot
    notes: tuple[str, ...] = ()

    released: bool = False

    def release(self) -> None:
        """Let go of the records; nothing can be compared with them any more. `make_plan` does so once it knows who is
        who, for the changes need the room; every difference has taken along what it needs."""
        self.released = True
        self.lines.clear()


class WantedCollector:
    """Takes a source's batches one by one. `async for batch in source.read(): collector.add(batch)`, then `finish`."""

    def __init__(self, sync: SyncSettings) -> None:
        """Compile the sync's `where` and `attributes`. Raises `SettingsError`."""
        self._mapping = SyncMapping(sync)
        self._case_sensitive = sync.case_sensitive
        self._reading = Reading(sync.source)
        self._lines: dict[RecordKey, bytes] = {}
        self._spelled: dict[RecordKey, str] = {}
        self._typed: dict[RecordKey, bytes] = {}
        self._outside: set[RecordKey] = set()
        self._problems: dict[RecordKey, set[tuple[str, str]]] = {}
        self._doubled: dict[RecordKey, set[str]] = {}
        self._merged: dict[RecordKey, set[str]] = {}
        self._nameless = 0
        self._checked = False
        self._sum = 0
        self._total = 0

    def add(self, batch: Batch) -> None:
        """Take one batch. Raises `SettingsError` when an expression names a field that the source does not have, and
        `IncompleteRead` for a batch that breaks the rules of a reading."""
        self._reading.take(batch)
        if not batch.spellings:
            return
        if not self._checked:
            self._mapping.check(batch.names)
            self._checked = True
        self._total += len(batch.spellings)
        with collector_paused():
            keys = fold_all(batch.spellings, case_sensitive=self._case_sensitive)
            if "" in keys:
                keys, batch = self._without_nameless(keys, batch)
            try:
                self._add_selected(*self._in_scope(keys, batch))
            except UnicodeEncodeError as error:
                raise IncompleteRead(f"{self._reading.adapter} holds text that is not Unicode: {error}.") from error

    def _without_nameless(self, keys: Sequence[RecordKey], batch: Batch) -> tuple[Sequence[RecordKey], Batch]:
        named = [bool(key) for key in keys]
        self._nameless += named.count(False)
        return list(compress(keys, named)), _chosen(batch, named)

    def _in_scope(self, keys: Sequence[RecordKey], batch: Batch) -> tuple[Sequence[RecordKey], Batch]:
        selected = self._mapping.selected(batch)
        if selected is None:
            return keys, batch
        chosen = [answer is True for answer in selected]
        for key, spelling, answer in zip(keys, batch.spellings, selected, strict=True):
            if answer is False:
                self._outside.add(key)
            elif isinstance(answer, Unusable):
                self._problems.setdefault(key, set()).add((spelling, answer.reason))
        return list(compress(keys, chosen)), _chosen(batch, chosen)

    def _add_selected(self, keys: Sequence[RecordKey], batch: Batch) -> None:
        """Take records in scope: all at once, unless some are not text or their keys are not new."""
        rows = self._mapping.rows(batch)
        lines: Iterable[bytes] | None = repeat(b"")
        if self._mapping.names:
            lines = plain_rows(rows)  # type: ignore[arg-type]  # it finds out whether they are values
        if lines is None or not self._added_at_once(keys, lines):
            self._add_one_by_one(keys, batch.spellings, rows)
        elif keys is not batch.spellings:
            otherwise = map(ne, keys, batch.spellings)
            self._spelled.update(compress(zip(keys, batch.spellings, strict=True), otherwise))

    def _added_at_once(self, keys: Sequence[RecordKey], lines: Iterable[bytes]) -> bool:
        """Keep these lines if every key is new. Else take back those that are: a dictionary gives up its newest first.

        (Asking beforehand whether all are new costs a third more than trying.)
        """
        before = len(self._lines)
        deque(map(self._lines.setdefault, keys, lines), maxlen=0)
        fresh = len(self._lines) - before
        if fresh == len(keys):
            self._sum += sum_of(items_of(keys, lines if self._mapping.names else None))
            return True
        for _ in range(fresh):
            self._lines.popitem()
        return False

    def _add_one_by_one(
        self, keys: Sequence[RecordKey], spellings: Sequence[str], rows: Sequence[tuple[object, ...]]
    ) -> None:
        for key, spelling, row in zip(keys, spellings, rows or [()] * len(keys), strict=True):
            values = self._mapping.settled(row)
            if isinstance(values, Unusable):
                self._problems.setdefault(key, set()).add((spelling, values.reason))
                continue
            line = canonical_row(values)
            if key not in self._lines:
                self._keep(key, spelling, line, values)
            elif self._lines[key] == line:
                self._merge(key, spelling, values)
            else:
                self._doubled.setdefault(key, {self._spelled.get(key, key)}).add(spelling)

    def _keep(self, key: RecordKey, spelling: str, line: bytes, values: tuple[Value, ...]) -> None:
        self._lines[key] = line
        self._sum += self._sum_of(key)
        if spelling != key:
            self._spelled[key] = spelling
        if packed := packed_if_needed(values, line) if values else b"":
            self._typed[key] = packed

    def _merge(self, key: RecordKey, spelling: str, values: tuple[Value, ...]) -> None:
        """Count an equal record once, spelled and typed the same whichever of the two came first."""
        first = self._spelled.get(key, str(key))
        self._merged.setdefault(key, {first}).add(spelling)
        self._spelled[key] = min(spelling, first)
        packed = max(self._typed.get(key, b""), packed_if_needed(values, self._lines[key]) if values else b"")
        if packed:
            self._typed[key] = packed

    def finish(self, read_at: datetime) -> Wanted:
        """Return what was collected. Raises `IncompleteRead` when no batch carried a proof."""
        proof = self._reading.complete()
        disputed = self._disputes()
        for key in disputed.keys() & self._lines.keys():
            self._sum -= self._sum_of(key)
            del self._lines[key]
        return Wanted(
            source=self._reading.adapter,
            names=self._mapping.names,
            lines=self._lines,
            spelled=self._spelled,
            typed=self._typed,
            disputed=disputed,
            outside=frozenset(self._outside),
            total=self._total,
            sum=self._sum,
            snapshot=Snapshot(
                adapter=self._reading.adapter,
                read_at=read_at,
                fingerprint=Fingerprint(count=len(self._lines), sum=as_hexadecimal(self._sum)),
                proof=proof,
                carried=self._reading.carried_in_order(),
            ),
            notes=self._notes(disputed),
        )

    def _sum_of(self, key: RecordKey) -> int:
        return sum_of(items_of([key], [self._lines[key]] if self._mapping.names else None))

    def _disputes(self) -> dict[RecordKey, Disputed]:
        disputes = {}
        for key, spellings in self._doubled.items():
            named = sorted(spellings | self._merged.get(key, set()))
            told = " and ".join(named) if len(named) > 1 else f"two records of {named[0]}"
            reason = f"{told} are the same key with different attributes in {self._reading.adapter}."
            disputes[key] = Disputed(spelling=named[0], reason=reason)
        for key, problems in self._problems.items():
            spelling, reason = min(problems)
            disputes[key] = Disputed(spelling=spelling, reason=reason)
        return disputes

    def _notes(self, disputed: Mapping[RecordKey, Disputed]) -> tuple[str, ...]:
        notes = []
        for key in sorted(self._merged.keys() - disputed.keys()):
            named = sorted(self._merged[key])
            told = " and ".join(named) if len(named) > 1 else f"two records of {named[0]}"
            notes.append(f"{told} are the same record in {self._reading.adapter}; it counts once.")
        if self._nameless:
            notes.append(f"{self._nameless} records of {self._reading.adapter} have no key and were left out.")
        return tuple(notes)


def _chosen(batch: Batch, chosen: Sequence[bool]) -> Batch:
    return msgspec.structs.replace(
        batch,
        spellings=list(compress(batch.spellings, chosen)),
        rows=list(compress(batch.rows, chosen)) if batch.rows else (),
        native_ids=list(compress(batch.native_ids, chosen)) if batch.native_ids else (),
    )
