"""What is left of a plan when the target is read again: needed, already so, drifted, and what nobody planned. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import compress, repeat

import msgspec

from engine.reconcile.comparing.canonical import (
    as_hexadecimal,
    canonical_row,
    canonical_rows,
    collector_paused,
    fold_all,
    items_of,
    sum_of,
    values_of,
)
from engine.reconcile.comparing.difference import attribute_rows
from engine.reconcile.comparing.reading import Reading
from engine.reconcile.plan import Action, Change, TargetPlan
from engine.reconcile.records import Batch, Carried, Fingerprint, RecordKey, Value, fold, keep_case, text_of
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
    names: tuple[str, ...] = ()
    case_sensitive: bool = False

    def key_of(self, spelling: str) -> RecordKey:
        """Return the key of a spelling, folded as this target's sync folds."""
        return keep_case(spelling) if self.case_sensitive else fold(spelling)


class HeldCollector:
    """Takes a target's batches on the second (or a later) reading, and keeps only what the plan names."""

    def __init__(self, target_plan: TargetPlan, sync: SyncSettings) -> None:
        self._reading = Reading(target_plan.target)
        self._case_sensitive = sync.case_sensitive
        self._names = tuple(sorted(sync.attributes))
        named = {change.key for change in target_plan.changes}
        renamed = [change.renamed_to for change in target_plan.changes if change.renamed_to]
        self._named = frozenset(named.union(fold_all(renamed, case_sensitive=sync.case_sensitive)))
        self._members: dict[RecordKey, Member] = {}
        self._doubled: set[RecordKey] = set()
        self._count = self._rest_count = 0
        self._sum = self._rest_sum = 0

    def add(self, batch: Batch) -> None:
        """Take one batch. Raises `IncompleteRead` for a batch that breaks the rules of a reading."""
        self._reading.take(batch)
        if not batch.spellings:
            return
        with collector_paused():
            keys = fold_all(batch.spellings, case_sensitive=self._case_sensitive)
            lines, packed = canonical_rows(attribute_rows(batch, self._names))
            ids = batch.native_ids or repeat("")
            named = list(map(self._named.__contains__, keys))
            columns = zip(keys, batch.spellings, ids, lines or repeat(b""), packed or repeat(b""))  # noqa: B905
            for key, spelling, native_id, line, pack in compress(columns, named):
                if key in self._members:
                    self._doubled.add(key)
                attributes = dict(zip(self._names, values_of(line, pack), strict=False))
                self._members[key] = Member(spelling=spelling, native_id=native_id, attributes=attributes)
            others = [key != "" and not is_named for key, is_named in zip(keys, named, strict=True)]
            self._rest_count += others.count(True)
            self._rest_sum += _sum(keys, lines if self._names else None, others)
            self._count += named.count(True)
            self._sum += _sum(keys, lines if self._names else None, named)

    def finish(self, read_at: datetime) -> Held:
        """Return what was collected. Raises `IncompleteRead` when no batch carried a proof."""
        count, total = self._count + self._rest_count, self._sum + self._rest_sum
        return Held(
            members=self._members,
            doubled=frozenset(self._doubled),
            rest=Fingerprint(count=self._rest_count, sum=as_hexadecimal(self._rest_sum)),
            whole=Fingerprint(count=count, sum=as_hexadecimal(total)),
            proof=self._reading.complete(),
            read_at=read_at,
            carried=self._reading.carried_in_order(),
            names=self._names,
            case_sensitive=self._case_sensitive,
        )


def _sum(keys: Sequence[RecordKey], lines: Sequence[bytes] | None, chosen: Sequence[bool]) -> int:
    return sum_of(items_of(compress(keys, chosen), None if lines is None else compress(lines, chosen)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """Places (from 0) in `TargetPlan.changes` by what the re-read says, in the plan's order. `drifted` has a sentence
    each; `unplanned` are sentences about differences since planning that no change covers (reported, never applied);
    they mean something only where all changes of the target's plan were sorted."""

    needed: tuple[int, ...]
    already: tuple[int, ...]
    drifted: Mapping[int, str]
    unplanned: tuple[str, ...] = ()
    drifted_removals: tuple[int, ...] = ()
    """Removals (and renames, which remove a name) among the drifted: if there is one, nothing may be applied."""


def sort_changes(target_plan: TargetPlan, held: Held) -> Sorted:
    """Sort every change by its precondition and its goal. Reading back is the same question: after a run everything
    that was done must be *already so*."""
    needed: list[int] = []
    already: list[int] = []
    drifted: dict[int, str] = {}
    for place, change in enumerate(target_plan.changes):
        found = _STANDING[change.action](change, held)
        if found is NEEDED:
            needed.append(place)
        elif found is ALREADY:
            already.append(place)
        else:
            drifted[place] = found
    takes_away = (Action.REMOVE, Action.RENAME)
    return Sorted(
        needed=tuple(needed),
        already=tuple(already),
        drifted=drifted,
        unplanned=_unplanned(target_plan, held),
        drifted_removals=tuple(place for place in drifted if target_plan.changes[place].action in takes_away),
    )


NEEDED, ALREADY = "needed", "already so"


def _addition(change: Change, held: Held) -> str:
    member = held.members.get(change.key)
    if change.key in held.doubled:
        return f"{change.spelling} is there twice by now."
    if member is None:
        return NEEDED
    if _same(member.attributes, change.after):
        return ALREADY
    return f"{change.spelling} was added by somebody else, with {_told(member.attributes, change.after)}."


def _removal(change: Change, held: Held) -> str:
    member = held.members.get(change.key)
    if member is None:
        return ALREADY
    return _as_before(change, member, held)


def _update(change: Change, held: Held) -> str:
    member = held.members.get(change.key)
    if member is None:
        return f"{change.spelling} was removed by somebody else."
    if change.key not in held.doubled and _same(member.attributes, change.after):
        return ALREADY
    return _as_before(change, member, held)


def _rename(change: Change, held: Held) -> str:
    new_key = held.key_of(change.renamed_to)
    old, new = held.members.get(change.key), held.members.get(new_key)
    if new is not None:
        if old is None and new_key not in held.doubled and _same(new.attributes, change.after):
            return ALREADY
        return f"{change.renamed_to} was added by somebody else."
    if old is None:
        return f"{change.spelling} was removed by somebody else."
    return _as_before(change, old, held)


def _as_before(change: Change, member: Member, held: Held) -> str:
    if change.key in held.doubled:
        return f"{change.spelling} is there twice by now."
    if change.native_id and member.native_id and change.native_id != member.native_id:
        return f"{change.spelling} is another account by now ({member.native_id}, was {change.native_id})."
    if not _same(member.attributes, change.before):
        return f"{change.spelling} was changed by somebody else: {_told(member.attributes, change.before)}."
    return NEEDED


_STANDING = {
    Action.ADD: _addition,
    Action.REMOVE: _removal,
    Action.UPDATE: _update,
    Action.RENAME: _rename,
}


def _same(held: Mapping[str, Value], expected: Mapping[str, Value] | None) -> bool:
    return not _differing(held, expected or {})


def _differing(held: Mapping[str, Value], expected: Mapping[str, Value]) -> list[str]:
    return [
        name for name in sorted(held.keys() | expected.keys()) if text_of(held.get(name)) != text_of(expected.get(name))
    ]


def _told(held: Mapping[str, Value], expected: Mapping[str, Value] | None) -> str:
    return ", ".join(f"{name} is {text_of(held.get(name))!r}" for name in _differing(held, expected or {}))


def _unplanned(target_plan: TargetPlan, held: Held) -> tuple[str, ...]:
    """Compare everybody whom the plan does not name with what the plan's snapshot says of them: its fingerprint less
    the members that the plan names."""
    if target_plan.snapshot is None:
        return ()
    named = [change for change in target_plan.changes if change.before is not None]
    count = target_plan.snapshot.fingerprint.count - len(named)
    total = int(target_plan.snapshot.fingerprint.sum, 16) - sum_of(
        item(change.key, change.before, held.names) for change in named
    )
    if count == held.rest.count and as_hexadecimal(total) == held.rest.sum:
        return ()
    told = "other members have other attributes or names"
    if held.rest.count != count:
        told = f"{held.rest.count} other members instead of {count}"
    sentence = (
        f"{target_plan.target} was changed by others since the plan was made, beside what the plan covers ({told}). "
        "Make a new plan to see it."
    )
    return (sentence,)


def item(key: RecordKey, attributes: Mapping[str, Value] | None, names: tuple[str, ...]) -> bytes:
    """Return what one record contributes to its target's fingerprint."""
    lines = [canonical_row([(attributes or {}).get(name) for name in names])] if names else None
    (single,) = items_of([key], lines)
    return single


def respelled(target_plan: TargetPlan, held: Held) -> TargetPlan:
    """Return the target's plan with every change calling its record as the target spells it now: a target is only
    ever asked to change what it named itself."""
    return msgspec.structs.replace(
        target_plan, changes=tuple(_respelled(change, held) for change in target_plan.changes)
    )


def _respelled(change: Change, held: Held) -> Change:
    member = held.members.get(change.key)
    if member is None or change.action is Action.ADD:
        return change
    native_id = member.native_id or change.native_id
    if member.spelling == change.spelling and native_id == change.native_id:
        return change
    return msgspec.structs.replace(change, spelling=member.spelling, native_id=native_id)
