"""One target's changes, before any guard has judged them: what is done, what is parked and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from operator import ne

from engine.reconcile.comparing.canonical import attributes_of, texts_of
from engine.reconcile.comparing.difference import Difference, Member
from engine.reconcile.comparing.identity import Identities, find_renames, identify
from engine.reconcile.deciding.guards import TAKING_AWAY
from engine.reconcile.deciding.protection import protecting
from engine.reconcile.plan import ORDER, Action, Change, Parked, TargetPlan
from engine.reconcile.ports import Found, Limits, Miss
from engine.reconcile.records import RecordKey, Value
from engine.settings.model import SyncSettings


class Draft:
    """Gathers one target's changes and parked records. `finish` puts them in canonical order."""

    def __init__(
        self,
        sync: SyncSettings,
        difference: Difference,
        limits: Limits,
        owned: frozenset[RecordKey],
        answers: dict[str, Found | Miss],
    ) -> None:
        self._sync = sync
        self._difference = difference
        self._limits = limits
        self._owned = owned
        self._protected = protecting(sync.guards.protect)
        self._changes: dict[Action, list[Change]] = {action: [] for action in Action}
        self._identities: Identities = identify(difference, answers, sync)
        self._parked: list[Parked] = []
        self._sentences: dict[tuple[bool, ...], str] = {}
        self._in_step = difference.in_step

    def finish(self) -> TargetPlan:
        """Return the target's plan: changes in the mode's order and then by key, without verdicts."""
        allowed = ORDER[self._sync.mode]
        if self._sync.rename_by and Action.RENAME in allowed and Action.RENAME in self._limits.actions:
            find_renames(self._difference, self._identities, self._sync.rename_by)
        self._renames()
        self._additions()
        self._updates()
        self._removals()
        self._oddities()
        left_alone = {str(action): len(self._changes[action]) for action in Action if action not in allowed}
        if Action.ADD in allowed:
            self._parked.extend(self._identities.parked)
        changes: list[Change] = []
        for action in allowed:
            changes.extend(self._possible(action))
        return TargetPlan(
            target=self._difference.target,
            snapshot=self._difference.snapshot,
            changes=tuple(changes),
            parked=tuple(sorted(self._parked, key=lambda one: (one.spelling, one.reason, one.action or ""))),
            left_alone={action: count for action, count in left_alone.items() if count},
            in_step=self._in_step,
        )

    def _possible(self, action: Action) -> list[Change]:
        """Return the changes of an action, or none and say it once, when the target cannot do it."""
        changes = self._changes[action]
        if not changes or action in self._limits.actions:
            return changes
        first = changes[0].spelling
        others = f" and {len(changes) - 1} more" if len(changes) > 1 else ""
        reason = f"{self._difference.target} cannot {action} records, so they stay as they are."
        self._parked.append(Parked(spelling=first + others, reason=reason, action=action))
        return []

    def _additions(self) -> None:
        scope = f" (where: {self._sync.where})" if self._sync.where else ""
        why = f"In {self._difference.source}{scope} and not in {self._difference.target}."
        additions = self._identities.additions
        renamed = set(self._identities.renames.values())
        for keys in _chunks(sorted(additions.keys() - renamed if renamed else additions)):
            newcomers = [additions[key] for key in keys]
            after = self._attributes([newcomer.wanted for newcomer in newcomers])
            self._changes[Action.ADD] += [
                Change(
                    action=Action.ADD,
                    key=key,
                    spelling=newcomer.spelling,
                    native_id=newcomer.native_id,
                    after=attributes,
                    why=why,
                )
                for key, newcomer, attributes in zip(keys, newcomers, after, strict=True)
            ]

    def _updates(self) -> None:
        pairs = dict(self._difference.differing)
        for key, wanted in self._identities.aliases.items():
            member = self._difference.surplus[key]
            if wanted is not None and wanted.line == member.line:
                self._in_step += 1
            elif wanted is not None:
                pairs[key] = (member, wanted)
        for keys in _chunks(sorted(pairs)):
            both = [pairs[key] for key in keys]
            before, after, whys = self._steps(*zip(*both, strict=True))
            self._propose(
                Change(
                    action=Action.UPDATE,
                    key=key,
                    spelling=held.spelling,
                    native_id=held.native_id,
                    before=is_now,
                    after=shall_be,
                    why=why,
                )
                for key, (held, _), is_now, shall_be, why in zip(keys, both, before, after, whys, strict=True)
            )

    def _renames(self) -> None:
        why = f"Known by its {self._sync.rename_by}; only the key is new."
        surplus, additions = self._difference.surplus, self._identities.additions
        for key, new_key in sorted(self._identities.renames.items()):
            member, newcomer = surplus[key], additions[new_key]
            before, after = self._attributes([member, newcomer.wanted])
            change = Change(
                action=Action.RENAME,
                key=key,
                spelling=member.spelling,
                native_id=member.native_id,
                before=before,
                after=after,
                renamed_to=newcomer.spelling,
                why=why,
            )
            self._propose([change])

    def _removals(self) -> None:
        gone = f"Not in {self._difference.source} any more."
        left = f"Left the scope (where: {self._sync.where})."
        surplus, outside = self._difference.surplus, self._difference.outside
        spared = self._identities.aliases.keys() | self._identities.renames.keys()
        for keys in _chunks(sorted(surplus.keys() - spared if spared else surplus)):
            members = [surplus[key] for key in keys]
            self._propose(
                Change(
                    action=Action.REMOVE,
                    key=key,
                    spelling=member.spelling,
                    native_id=member.native_id,
                    before=before,
                    why=left if key in outside else gone,
                )
                for key, member, before in zip(keys, members, self._attributes(members), strict=True)
            )

    def _propose(self, changes: Iterable[Change]) -> None:
        """Take changes (one at least, of one action) of members, unless they are protected or not ours to take away."""
        guards = self._sync.guards
        if not guards.protect and not guards.managed_only:
            proposed = list(changes)
            self._changes[proposed[0].action] += proposed
            return
        for change in changes:
            if self._protected.fullmatch(change.key):
                self._park(change, f"Protected (guards.protect); it would otherwise be {DONE[change.action]}.")
            elif guards.managed_only and change.action in TAKING_AWAY and change.key not in self._owned:
                self._park(change, "Not added by Syncdeck (guards.managed_only); adopt it to let Syncdeck remove it.")
            else:
                self._changes[change.action].append(change)

    def _park(self, change: Change, reason: str) -> None:
        if change.action in ORDER[self._sync.mode]:
            self._parked.append(Parked(spelling=change.spelling, reason=reason, action=change.action, key=change.key))

    def _oddities(self) -> None:
        """Park what either side holds twice, or what could not be worked out."""
        for key in self._difference.doubled:
            reason = f"{self._difference.target} holds it twice; mend that there."
            self._parked.append(Parked(spelling=key, reason=reason, key=key))
        for key, disputed in self._difference.disputed.items():
            held = self._difference.undecided.get(key)
            spelling = held.spelling if held else disputed.spelling
            action = None if held else Action.ADD
            self._parked.append(Parked(spelling=spelling, reason=disputed.reason, action=action, key=key))

    def _attributes(self, members: Sequence[Member]) -> list[dict[str, Value]]:
        names = self._difference.names
        if not names:
            return [NOTHING] * len(members)
        if any(member.packed for member in members):
            return [dict(zip(names, member.values(), strict=True)) for member in members]
        return attributes_of(names, [member.line for member in members])

    def _steps(
        self, held: Sequence[Member], wanted: Sequence[Member]
    ) -> tuple[list[dict[str, Value]], list[dict[str, Value]], list[str]]:
        """Return the attributes before and after, and which of them differ, as a sentence.

        Rows that are text alone take over from before what stays as it is: half the time of building both anew.
        """
        names = self._difference.names
        wanted_texts = texts_of([member.line for member in wanted])
        differ = map(ne, texts_of([member.line for member in held]), wanted_texts)
        differing = list(zip(*[differ] * len(names), strict=True))
        before = self._attributes(held)
        if any(member.packed for member in (*held, *wanted)):
            after = self._attributes(wanted)
        else:
            rows = zip(*[iter(wanted_texts)] * len(names), strict=True)
            after = [
                is_now | dict(compress(zip(names, row, strict=True), which))
                for is_now, row, which in zip(before, rows, differing, strict=True)
            ]
        return before, after, [self._sentences.get(which) or self._sentence(which) for which in differing]

    def _sentence(self, which: tuple[bool, ...]) -> str:
        """Say which attributes differ; there are few such sentences, so each is made once."""
        told = list(compress(self._difference.names, which))
        verb = "differs" if len(told) == 1 else "differ"
        return self._sentences.setdefault(which, f"{', '.join(told)} {verb} from {self._difference.source}.")


def _chunks(keys: list[RecordKey]) -> Iterator[list[RecordKey]]:
    for start in range(0, len(keys), CHUNK):
        yield keys[start : start + CHUNK]


CHUNK = 5_000
"""Changes built at once: enough to share equal texts among, few enough not to need room of their own."""
NOTHING: dict[str, Value] = {}
"""The attributes of a sync without any, shared by all its changes."""
DONE = {Action.ADD: "added", Action.UPDATE: "updated", Action.RENAME: "renamed", Action.REMOVE: "removed"}
