"""One target's changes, before any guard has judged them: what is done, what is parked and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.reconcile.difference import Difference, Member
from engine.reconcile.identity import Identities, Newcomer, find_renames, identify, same_attributes
from engine.reconcile.plan import ORDER, Action, Change, Parked, TargetPlan
from engine.reconcile.ports import Found, Limits, Miss
from engine.reconcile.protection import protecting
from engine.reconcile.records import RecordKey, Value, text_of
from engine.settings.model import SyncSettings

VERBS = {Action.ADD: "add", Action.UPDATE: "update", Action.RENAME: "rename", Action.REMOVE: "remove"}


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
        self._wanted = difference.wanted
        self._limits = limits
        self._owned = owned
        self._protected = protecting(sync.guards.protect)
        self._changes: dict[Action, list[Change]] = {action: [] for action in Action}
        self._identities: Identities = identify(difference, answers, sync)
        self._parked: list[Parked] = []
        self._sentences: dict[tuple[str, ...], str] = {}
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
        reason = f"{self._difference.target} cannot {VERBS[action]} records, so they stay as they are."
        self._parked.append(Parked(spelling=first + others, reason=reason, action=action))
        return []

    def _additions(self) -> None:
        why = f"In {self._wanted.source} and not in {self._difference.target}."
        if self._sync.where:
            why = f"In {self._wanted.source} (where: {self._sync.where}) and not in {self._difference.target}."
        additions = self._identities.additions
        renamed = set(self._identities.renames.values())
        add = self._changes[Action.ADD].append
        for key in sorted(additions):
            if key in renamed:
                continue
            newcomer: Newcomer = additions[key]
            add(
                Change(
                    action=Action.ADD,
                    key=key,
                    spelling=newcomer.spelling,
                    native_id=newcomer.native_id,
                    after=self._attributes(self._wanted.values(newcomer.wanted_key)),
                    why=why,
                )
            )

    def _updates(self) -> None:
        differing = self._difference.differing
        pairs: list[tuple[RecordKey, RecordKey, Member]] = [(key, key, differing[key]) for key in differing]
        for key, wanted_key in self._identities.aliases.items():
            if wanted_key not in self._wanted.lines:
                continue
            member = self._difference.surplus[key]
            if same_attributes(self._difference, wanted_key, member):
                self._in_step += 1
            else:
                pairs.append((key, wanted_key, member))
        for key, wanted_key, member in sorted(pairs, key=lambda pair: pair[0]):
            values = self._wanted.values(wanted_key)
            self._propose(
                Change(
                    action=Action.UPDATE,
                    key=key,
                    spelling=member.spelling,
                    native_id=member.native_id,
                    before=self._attributes(member.values),
                    after=self._attributes(values),
                    why=self._differ_sentence(member.values, values),
                )
            )

    def _renames(self) -> None:
        why = f"Known by its {self._sync.rename_by}; only the key is new."
        for key, new_key in sorted(self._identities.renames.items()):
            member = self._difference.surplus[key]
            newcomer = self._identities.additions[new_key]
            self._propose(
                Change(
                    action=Action.RENAME,
                    key=key,
                    spelling=member.spelling,
                    native_id=member.native_id,
                    before=self._attributes(member.values),
                    after=self._attributes(self._wanted.values(newcomer.wanted_key)),
                    renamed_to=newcomer.spelling,
                    why=why,
                )
            )

    def _removals(self) -> None:
        gone = f"Not in {self._wanted.source} any more."
        left = f"Left the scope (where: {self._sync.where})."
        surplus, outside = self._difference.surplus, self._wanted.outside
        spared = self._identities.aliases.keys() | self._identities.renames.keys()
        for key in sorted(surplus.keys() - spared):
            member = surplus[key]
            self._propose(
                Change(
                    action=Action.REMOVE,
                    key=key,
                    spelling=member.spelling,
                    native_id=member.native_id,
                    before=self._attributes(member.values),
                    why=left if key in outside else gone,
                )
            )

    def _propose(self, change: Change) -> None:
        """Take a change of somebody the target holds, unless he is protected or not ours to take away."""
        if self._protected.fullmatch(change.key):
            self._park(change, f"Protected (guards.protect); it would otherwise be {_done(change.action)}.")
        elif self._takes_away(change) and change.key not in self._owned:
            self._park(change, "Not added by Syncdeck (guards.managed_only); adopt it to let Syncdeck remove it.")
        else:
            self._changes[change.action].append(change)

    def _takes_away(self, change: Change) -> bool:
        return self._sync.guards.managed_only and change.action in (Action.REMOVE, Action.RENAME)

    def _park(self, change: Change, reason: str) -> None:
        if change.action in ORDER[self._sync.mode]:
            self._parked.append(Parked(spelling=change.spelling, reason=reason, action=change.action, key=change.key))

    def _oddities(self) -> None:
        """Park what either side holds twice, or what could not be worked out."""
        for key in self._difference.doubled:
            reason = f"{self._difference.target} holds it twice; mend that there."
            self._parked.append(Parked(spelling=key, reason=reason, key=key))
        for key, disputed in self._wanted.disputed.items():
            held = key in self._difference.undecided
            spelling = self._difference.undecided[key].spelling if held else disputed.spelling
            action = None if held else Action.ADD
            self._parked.append(Parked(spelling=spelling, reason=disputed.reason, action=action, key=key))

    def _attributes(self, values: Iterable[Value]) -> dict[str, Value]:
        return dict(zip(self._wanted.names, values, strict=True)) if self._wanted.names else NOTHING

    def _differ_sentence(self, held: Sequence[Value], wanted: Sequence[Value]) -> str:
        names = tuple(
            name
            for name, one, other in zip(self._wanted.names, held, wanted, strict=True)
            if one != other and text_of(one) != text_of(other)
        )
        if names not in self._sentences:
            verb = "differs" if len(names) == 1 else "differ"
            self._sentences[names] = f"{', '.join(names)} {verb} from {self._wanted.source}."
        return self._sentences[names]


NOTHING: dict[str, Value] = {}
"""The attributes of a sync without any, shared by all its changes."""


def _done(action: Action) -> str:
    return {Action.ADD: "added", Action.UPDATE: "updated", Action.RENAME: "renamed", Action.REMOVE: "removed"}[action]
