"""What one target lacks, has too much and holds differently. Pure; the caller reads the target and hands its batches
in; they are streamed through, only the source's side is kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import compress, repeat
from operator import is_, is_not, ne

import msgspec

from engine.errors import IncompleteRead
from engine.reconcile.comparing.canonical import (
    as_hexadecimal,
    canonical_rows,
    collector_paused,
    copied,
    fold_all,
    items_of,
    sum_of,
    values_of,
)
from engine.reconcile.comparing.reading import Reading
from engine.reconcile.comparing.wanted import Disputed, Wanted
from engine.reconcile.plan import ORDER, Action, Snapshot
from engine.reconcile.records import Batch, Carried, Fingerprint, RecordKey, Value
from engine.settings.model import Mode, SyncSettings


class Member(msgspec.Struct, frozen=True, gc=False):
    """One record as a side spells and holds it, its attributes as a canonical row (and packed, if more than text)."""

    spelling: str
    native_id: str
    line: bytes
    packed: bytes

    def values(self) -> list[Value]:
        """Return the attributes in the order of the sync's attribute names."""
        return values_of(self.line, self.packed)


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One target against what is wanted. Made by `Comparison`; keeps what a plan needs of both sides, and no more."""

    target: str
    source: str
    names: tuple[str, ...]
    mode: Mode
    missing: Mapping[RecordKey, Member]
    """Wanted and not held, as the source spells it."""
    surplus: Mapping[RecordKey, Member]
    """Held and not wanted. Members under a disputed key of the source are not in here, but in `undecided`."""
    differing: Mapping[RecordKey, tuple[Member, Member]]
    """Held with other attributes than wanted: (as held, as wanted)."""
    doubled: frozenset[RecordKey]
    """Keys that the target holds more than once; never acted on."""
    disputed: Mapping[RecordKey, Disputed]
    undecided: Mapping[RecordKey, Member]
    """Members under a key that the source disputes."""
    outside: frozenset[RecordKey]
    """Surplus keys that the source holds too, out of the sync's scope."""
    wanted_keys: Collection[RecordKey]
    in_step: int
    """How many wanted keys the target holds once and with the wanted attributes."""
    snapshot: Snapshot

    def holds(self, key: RecordKey) -> bool:
        """Say whether the target holds this key now."""
        if key in self.surplus or key in self.doubled or key in self.undecided:
            return True
        return key in self.wanted_keys and key not in self.missing

    def to_resolve(self) -> Sequence[str]:
        """Return the spellings that the target must look up before a plan is made. The caller asks `Target.resolve`
        in chunks and hands the answers to `make_plan`.

        Also when the mode only removes: a source may know a member by an alias, and then it is not surplus.
        """
        if Action.ADD not in ORDER[self.mode] and not self.surplus:
            return ()
        return [member.spelling for member in self.missing.values()]


class Comparison:
    """Takes a target's batches one by one. What is wanted is copied once (its table, not its texts) and struck off."""

    def __init__(self, wanted: Wanted, sync: SyncSettings, target: str) -> None:
        if wanted.released:
            raise RuntimeError(
                "What is wanted was released: nothing can be compared with it, and all would be surplus."
            )
        self._wanted = wanted
        self._case_sensitive = sync.case_sensitive
        self._mode = sync.mode
        self._reading = Reading(target)
        self._left = dict(wanted.lines)
        self._surplus: dict[RecordKey, Member] = {}
        self._differing: dict[RecordKey, Member] = {}
        self._replaced: dict[RecordKey, bytes] = {}
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
            self._count += len(keys)
            try:
                self._compare(keys, batch)
            except UnicodeEncodeError as error:
                raise IncompleteRead(f"{self._reading.adapter} holds text that is not Unicode: {error}.") from error

    def _compare(self, keys: Sequence[RecordKey], batch: Batch) -> None:
        """Strike every key off what is left of the wanted ones; look closer at those that were not there (surplus, or
        struck off before) or whose row is another."""
        struck = list(map(self._left.pop, keys, repeat(None)))
        if self._wanted.names:
            lines, packed = canonical_rows(attribute_rows(batch, self._wanted.names))
            odd = list(map(ne, struck, lines))
        else:
            lines, packed = [], ()
            odd = list(map(is_, struck, repeat(None)))
        if True not in odd:
            return
        odd_keys = list(compress(keys, odd))
        odd_lines = list(compress(lines, odd)) if lines else None
        self._count_in(odd_keys, odd_lines)
        spellings = compress(batch.spellings, odd)
        native_ids = compress(batch.native_ids, odd) if batch.native_ids else repeat("")
        packs = compress(packed, odd) if packed else repeat(b"")
        members = list(map(Member, spellings, native_ids, odd_lines or repeat(b""), packs))
        wanted = list(compress(struck, odd))
        known = list(map(is_not, wanted, repeat(None)))
        self._differing.update(compress(zip(odd_keys, members, strict=True), known))
        self._replaced.update(compress(zip(odd_keys, wanted, strict=True), known))  # type: ignore[arg-type]  # not None
        unknown = [not is_known for is_known in known]
        self._add_surplus(list(compress(odd_keys, unknown)), list(compress(members, unknown)))

    def _add_surplus(self, keys: list[RecordKey], members: list[Member]) -> None:
        """Keep members that nobody wants: at once where all keys are new, else one by one."""
        before = len(self._surplus)
        if "" not in keys and self._doubled.isdisjoint(keys) and self._wanted.lines.keys().isdisjoint(keys):
            deque(map(self._surplus.setdefault, keys, members), maxlen=0)
            fresh = len(self._surplus) - before
            if fresh == len(keys):
                return
            for _ in range(fresh):
                self._surplus.popitem()
        for key, member in zip(keys, members, strict=True):
            self._place(key, member)

    def _place(self, key: RecordKey, member: Member) -> None:
        if not key:
            label = next((str(value) for value in member.values() if value), member.native_id or "no key")
            self._nameless.append(Carried(label=label, kind="unresolved", native_id=member.native_id))
        elif key in self._wanted.lines or key in self._surplus or key in self._doubled:
            self._surplus.pop(key, None)
            self._doubled.add(key)
        else:
            self._surplus[key] = member

    def _count_in(self, keys: list[RecordKey], lines: list[bytes] | None) -> None:
        """Sum what does not cancel against the wanted sum. Records without a key are no items."""
        if "" in keys:
            named = [bool(key) for key in keys]
            self._count -= named.count(False)
            keys, lines = list(compress(keys, named)), None if lines is None else list(compress(lines, named))
        self._extra_sum += sum_of(items_of(keys, lines))

    def finish(self, read_at: datetime) -> Difference:
        """Return the difference. Raises `IncompleteRead` when no batch carried a proof."""
        proof = self._reading.complete()
        wanted = self._wanted
        with collector_paused():
            fingerprint = Fingerprint(count=self._count, sum=as_hexadecimal(self._sum()))
            undecided = {key: self._surplus.pop(key) for key in wanted.disputed.keys() & self._surplus.keys()}
            doubled_and_wanted = sum(key in wanted.lines for key in self._doubled)
            wanted_instead = self._as_wanted(self._replaced)
            differing = {key: (member, wanted_instead[key]) for key, member in self._differing.items()}
            for key in self._doubled & differing.keys():
                del differing[key]
            difference = Difference(
                target=self._reading.adapter,
                source=wanted.source,
                names=wanted.names,
                mode=self._mode,
                missing=self._as_wanted(self._left),
                surplus=self._surplus,
                differing=differing,
                doubled=frozenset(self._doubled),
                disputed=wanted.disputed,
                undecided=undecided,
                outside=wanted.outside & self._surplus.keys() if wanted.outside else frozenset(),
                wanted_keys=wanted.lines.keys(),
                in_step=len(wanted.lines) - len(self._left) - len(differing) - doubled_and_wanted,
                snapshot=Snapshot(
                    adapter=self._reading.adapter,
                    read_at=read_at,
                    fingerprint=fingerprint,
                    proof=proof,
                    carried=self._reading.carried_in_order(self._nameless),
                ),
            )
            self._left, self._replaced = {}, {}  # they would keep the source's rows from being let go
            return difference

    def _as_wanted(self, lines: Mapping[RecordKey, bytes]) -> dict[RecordKey, Member]:
        """Return these records as the source has them."""
        spellings = map(self._wanted.spelled.get, lines, lines)
        packed = map(self._wanted.typed.get, lines, repeat(b"")) if self._wanted.typed else repeat(b"")
        return dict(zip(lines, map(Member, spellings, repeat(""), copied(lines.values()), packed), strict=True))

    def _sum(self) -> int:
        """Return the sum of the target's items without hashing those that both sides hold: take what is missing or
        differs away from the wanted sum, add what the target has instead."""
        gone = 0
        for lines in (self._left, self._replaced):
            gone += sum_of(items_of(lines, lines.values() if self._wanted.names else None))
        return self._wanted.sum - gone + self._extra_sum


def attribute_rows(batch: Batch, names: tuple[str, ...]) -> Sequence[tuple[Value, ...]]:
    """Return a target's rows with just the attributes that a sync maps, in canonical order; one that the target does
    not have is null (a list file only gets a field with its first value)."""
    if not names or batch.names == names:
        return batch.rows if names else ()
    places = [batch.names.index(name) if name in batch.names else None for name in names]
    rows = batch.rows or repeat((), len(batch.spellings))
    return [tuple(None if place is None else row[place] for place in places) for row in rows]
