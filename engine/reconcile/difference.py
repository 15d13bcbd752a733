"""What one target lacks, has too much and holds differently. Pure; the caller reads the target and hands its batches
in; they are streamed through, only the source's side is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import compress, repeat
from operator import is_, ne

import msgspec

from engine.errors import IncompleteRead
from engine.reconcile.canonical import (
    as_hexadecimal,
    canonical_rows,
    collector_paused,
    fold_all,
    items_of,
    sum_of,
)
from engine.reconcile.plan import ORDER, Action, Snapshot
from engine.reconcile.reading import Reading
from engine.reconcile.records import Batch, Carried, Fingerprint, RecordKey, Value
from engine.reconcile.wanted import Wanted
from engine.settings.model import Mode, SyncSettings


class Member(msgspec.Struct, frozen=True, gc=False):
    """One record as a target holds it: `values` in the order of the sync's attribute names."""

    spelling: str
    native_id: str
    values: tuple[Value, ...]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One target against what is wanted. Made by `Comparison`."""

    target: str
    wanted: Wanted
    mode: Mode
    missing: frozenset[RecordKey]
    surplus: Mapping[RecordKey, Member]
    """Held and not wanted. Members under a disputed key of the source are not in here, but in `undecided`."""
    differing: Mapping[RecordKey, Member]
    doubled: frozenset[RecordKey]
    """Keys that the target holds more than once; never acted on."""
    undecided: Mapping[RecordKey, Member]
    """Members under a key that the source disputes."""
    snapshot: Snapshot

    def holds(self, key: RecordKey) -> bool:
        """Say whether the target holds this key now."""
        if key in self.surplus or key in self.doubled or key in self.undecided:
            return True
        return key in self.wanted.lines and key not in self.missing

    @property
    def in_step(self) -> int:
        """How many wanted keys the target holds once and with the wanted attributes."""
        lines = self.wanted.lines
        doubled = sum(key in lines for key in self.doubled)
        return len(lines) - len(self.missing) - len(self.differing) - doubled

    def to_resolve(self) -> Sequence[str]:
        """Return the spellings that the target must look up before a plan is made. The caller asks `Target.resolve`
        in chunks and hands the answers to `make_plan`.

        Also when the mode only removes: a source may know a member by an alias, and then it is not surplus.
        """
        if Action.ADD not in ORDER[self.mode] and not self.surplus:
            return ()
        return sorted(map(self.wanted.spelling, self.missing))


class Comparison:
    """Takes a target's batches one by one. What is wanted is copied once (its table, not its texts) and struck off."""

    def __init__(self, wanted: Wanted, sync: SyncSettings, target: str) -> None:
        self._wanted = wanted
        self._case_sensitive = sync.case_sensitive
        self._mode = sync.mode
        self._reading = Reading(target)
        self._left = dict(wanted.lines)
        self._surplus: dict[RecordKey, Member] = {}
        self._differing: dict[RecordKey, Member] = {}
        self._doubled: set[RecordKey] = set()
        self._nameless: list[Carried] = []
        self._count = 0
        self._extra_sum = 0

    def add(self, batch: Batch) -> None:
        """Compare one batch. Raises `IncompleteRead` for a batch that breaks the rules of a reading."""
        self._reading.take(batch)
        if not batch.spellings:
            return
        with collector_paused():
            keys = fold_all(batch.spellings, case_sensitive=self._case_sensitive)
            rows = attribute_rows(batch, self._wanted.names)
            self._compare(keys, batch, rows)

    def _compare(self, keys: Sequence[RecordKey], batch: Batch, rows: Sequence[tuple[Value, ...]]) -> None:
        """Strike every key off what is left of the wanted ones; look closer at those that were not there (surplus, or
        struck off before) or whose row is another."""
        struck = list(map(self._left.pop, keys, repeat(None)))
        lines: Sequence[str] | None = None
        if self._wanted.names:
            rows, lines = canonical_rows(rows)
            odd = list(map(ne, struck, lines))
        else:
            odd = list(map(is_, struck, repeat(None)))
        self._count += len(keys)
        if True not in odd:
            return
        ids = batch.native_ids or repeat("")
        columns = zip(keys, batch.spellings, ids, rows or repeat(()), struck)  # noqa: B905  # repeats have no end
        for key, spelling, native_id, row, line in compress(columns, odd):
            self._place(key, Member(spelling, native_id, row), line is not None)
        odd_keys = list(compress(keys, odd))
        self._count_in(odd_keys, None if lines is None else list(compress(lines, odd)))

    def _place(self, key: RecordKey, member: Member, was_left: bool) -> None:
        if not key:
            label = next((str(value) for value in member.values if value), member.native_id or "no key")
            self._nameless.append(Carried(label=label, kind="unresolved", native_id=member.native_id))
        elif was_left:
            self._differing[key] = member
        elif key in self._wanted.lines or key in self._surplus or key in self._doubled:
            self._surplus.pop(key, None)
            self._doubled.add(key)
        else:
            self._surplus[key] = member

    def _count_in(self, keys: list[RecordKey], lines: list[str] | None) -> None:
        """Sum what does not cancel against the wanted sum. Records without a key are no items."""
        if "" in keys:
            named = [bool(key) for key in keys]
            self._count -= named.count(False)
            keys, lines = list(compress(keys, named)), None if lines is None else list(compress(lines, named))
        try:
            self._extra_sum += sum_of(items_of(keys, lines))
        except UnicodeEncodeError as error:
            raise IncompleteRead(f"{self._reading.adapter} holds text that is not Unicode: {error}.") from error

    def finish(self, read_at: datetime) -> Difference:
        """Return the difference. Raises `IncompleteRead` when no batch carried a proof."""
        proof = self._reading.complete()
        disputed = self._wanted.disputed
        undecided = {key: self._surplus.pop(key) for key in sorted(disputed.keys() & self._surplus.keys())}
        return Difference(
            target=self._reading.adapter,
            wanted=self._wanted,
            mode=self._mode,
            missing=frozenset(self._left),
            surplus=self._surplus,
            differing={key: member for key, member in self._differing.items() if key not in self._doubled},
            doubled=frozenset(self._doubled),
            undecided=undecided,
            snapshot=Snapshot(
                adapter=self._reading.adapter,
                read_at=read_at,
                fingerprint=Fingerprint(count=self._count, sum=as_hexadecimal(self._sum())),
                proof=proof,
                carried=tuple(
                    sorted(
                        [*self._reading.carried, *self._nameless], key=lambda one: (one.kind, one.label, one.native_id)
                    )
                ),
            ),
        )

    def _sum(self) -> int:
        """Return the sum of the target's items without hashing those that both sides hold: take what is missing or
        differs away from the wanted sum, add what the target has instead."""
        gone = [*self._left, *self._differing]
        wanted = self._wanted.lines
        gone_sum = sum_of(items_of(gone, map(wanted.__getitem__, gone) if self._wanted.names else None))
        return self._wanted.sum - gone_sum + self._extra_sum


def attribute_rows(batch: Batch, names: tuple[str, ...]) -> Sequence[tuple[Value, ...]]:
    """Return a target's rows with just the attributes that a sync maps, in canonical order; one that the target does
    not have is null (a list file only gets a field with its first value)."""
    if not names or batch.names == names:
        return batch.rows if names else ()
    places = [batch.names.index(name) if name in batch.names else None for name in names]
    rows = batch.rows or repeat((), len(batch.spellings))
    return [tuple(None if place is None else row[place] for place in places) for row in rows]
