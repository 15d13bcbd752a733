"""Whoever stands beside the service and looks at every single call: what may never happen, told by an own reckoning.

Nothing here asks the engine what it thinks. What was approved, who is protected, whose member somebody is, what was
shown last and what really took effect is all noted at the service.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from engine.reconcile.plan import Action, Change, item_id
from engine.reconcile.records import RecordKey, fold
from engine.reconcile.results import StoredPlan
from engine.settings.model import Mode
from tests.simulation.world import WatchedService, World, same

TAKING = (Action.REMOVE, Action.RENAME)
DAY = timedelta(hours=24)


@dataclass
class Carrying:
    """One plan while it is carried out."""

    stored: StoredPlan
    lifted: frozenset[str] = frozenset()
    members: dict[str, int] = field(default_factory=dict)
    """How many each target was shown to hold before the first call."""
    removed_before: dict[str, int] = field(default_factory=dict)
    effects: Counter[tuple[str, Action, str]] = field(default_factory=Counter)

    @property
    def items(self) -> dict[str, Change]:
        return {
            item_id(target.target, change): change for target in self.stored.plan.targets for change in target.changes
        }


@dataclass(frozen=True)
class Deed:
    """Something that took effect at a target."""

    by: str
    target: str
    action: Action
    key: str
    at: datetime
    plan: str = ""


class Watch:
    """Checks every call against what was seen, approved and owned; `fail` raises with the story so far."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.now = world.place.clock.now
        self.carrying: list[Carrying] = []
        self.deeds: list[Deed] = []
        self.ours: dict[str, set[str]] = {one.name: set() for one in world.targets}
        self.perhaps: dict[str, set[str]] = {one.name: set() for one in world.targets}
        """Ours, until somebody else took them out; whether the engine has noticed is its own affair."""
        self.unclear: dict[str, set[str]] = {one.name: set() for one in world.targets}
        """Keys whose last call nobody may know to have worked: outsiders leave them alone until that is settled."""
        self.calls = 0
        self._whose: dict[tuple[str, Action, str], Carrying] = {}
        self._silent: dict[str, tuple[int, tuple[Change, ...]]] = {}
        self._unmade: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        """By plan: additions, by target and key, whose last call came to nothing; nobody has touched those since."""
        self._told: dict[str, int] = {one.name: 0 for one in world.targets}
        self._removed: dict[str, list[datetime]] = {one.name: [] for one in world.targets}

    def call(self, one: WatchedService, changes: Sequence[Change], *, fails: bool) -> None:
        """Judge a call before it takes effect, or `fails` to."""
        self.catch_up()
        self.calls += 1
        assert changes, "an empty call"
        assert len(changes) <= one.limits.batch_size, "a batch larger than the target takes"
        assert len({change.action for change in changes}) == 1, "a batch of several actions"
        for change in changes:
            carrying = self._approved(one, change)
            self._begin(one, carrying)
            self._whose[one.name, change.action, str(change.key)] = carrying
            self._judge(one, change, carrying)
            if change.action is Action.ADD:
                unmade = self._unmade[carrying.stored.digest]
                missing = fails and one.spelled(str(change.key)) is None
                (unmade.add if missing else unmade.discard)((one.name, str(change.key)))

    def _begin(self, one: WatchedService, carrying: Carrying) -> None:
        if one.name not in carrying.members:
            since = self.now() - DAY
            carrying.members[one.name] = sum(map(len, one.seen.values()))
            carrying.removed_before[one.name] = sum(at > since for at in self._removed[one.name])

    def _approved(self, one: WatchedService, change: Change) -> Carrying:
        """Return whose call this is, by the newest intent that names it; it must be as planned, and no guard refuse."""
        what = f"{change.action} {change.spelling} at {one.name}"
        item = item_id(one.name, change)
        journal = self.world.place.journal
        for number, indexes in reversed(journal.intents):
            run = journal.all_runs[number - 1]
            if item in {run.items[index].item for index in indexes}:
                break
        else:
            raise AssertionError(f"{what}: a call without an intent")
        (carrying,) = (one for one in self.carrying if one.stored.digest == run.summary.digest)
        planned = carrying.items[item]
        assert (planned.before, planned.after) == (change.before, change.after), f"{what}: not as planned"
        assert not _refusing(carrying), f"{what}: a guard refuses the plan ({_refusing(carrying)})"
        return carrying

    def _judge(self, one: WatchedService, change: Change, carrying: Carrying) -> None:
        what = f"{change.action} {change.spelling} at {one.name}"
        guards, undoes = self.world.guards, bool(carrying.stored.plan.undoes)
        if change.action is not Action.ADD and "protect" not in carrying.lifted:
            assert not protected(change.key, guards.protect), f"{what}: it is protected"
        if change.action in TAKING and guards.managed_only and "managed_only" not in carrying.lifted:
            ours = self.ours[one.name] | self.perhaps[one.name]
            assert change.key in ours, f"{what}: it is not ours"
        mode = self.world.place.workspace.syncs["team"].mode
        if not undoes and mode is Mode.ADD_ONLY:
            assert change.action is not Action.REMOVE, f"{what}: the mode never removes"
        if mode is Mode.REMOVE_ONLY and not undoes:
            assert change.action is Action.REMOVE, f"{what}: the mode only removes"
        self._precondition(one, change, what)
        if change.action in (Action.ADD, Action.REMOVE):
            self._not_reversed(one, change, carrying, what)
        if change.action is Action.REMOVE:
            if undoes or mode is not Mode.REMOVE_ADD:
                left_out = [key for name, key in self._unmade[carrying.stored.digest] if name == one.name]
                assert not left_out, f"{what}: before {left_out} could be added"
            self._budgets(one, carrying, what)

    def _precondition(self, one: WatchedService, change: Change, what: str) -> None:
        """What was last shown must be what the plan says."""
        shown = one.seen.get(str(change.key), [])
        if change.action is Action.ADD:
            assert not shown, f"{what}: it was shown to be there"
            return
        assert len(shown) == 1, f"{what}: it was shown {len(shown)} times"
        spelling, values = shown[0]
        assert same(values, change.before), f"{what}: it has drifted to {values}"
        assert change.spelling == spelling, f"{what}: the target spells it {spelling}"
        if change.action is Action.RENAME:
            assert fold(change.renamed_to) not in one.seen, f"{what}: the new name was shown to be there"

    def _not_reversed(self, one: WatchedService, change: Change, carrying: Carrying, what: str) -> None:
        """What we added or removed and somebody took back is not done again by a plan from before that."""
        done_at: datetime | None = None
        for deed in self.deeds:
            if (deed.target, deed.key) != (one.name, str(change.key)):
                continue
            if deed.by == "syncdeck" and deed.action is change.action:
                done_at = deed.at
            elif done_at is not None and deed.by == "outsider" and deed.action is _opposite(change.action):
                read_at = carrying.stored.plan.created_at
                assert read_at >= deed.at, f"{what}: somebody took that back at {deed.at}, the plan is of {read_at}"
                done_at = None

    def _budgets(self, one: WatchedService, carrying: Carrying, what: str) -> None:
        guards, lifted = self.world.guards, carrying.lifted
        removed = 1 + sum(
            count
            for (name, action, _), count in carrying.effects.items()
            if (name, action) == (one.name, Action.REMOVE)
        )
        members, before = carrying.members[one.name], carrying.removed_before[one.name]
        if guards.max_removals is not None and "max_removals" not in lifted:
            assert removed <= guards.max_removals, f"{what}: removal {removed} in one run"
        limit = guards.max_removal_percent
        if limit is not None and members > 10 and "max_removal_percent" not in lifted:
            assert 100 * removed <= limit * members, f"{what}: removal {removed} of {members}"
        limit = guards.window_removal_percent
        if limit is not None and members + before > 10 and "window_removal_percent" not in lifted:
            share = f"removal {removed + before} of {members + before} within a day"
            assert 100 * (removed + before) <= limit * (members + before) + 1e-6, f"{what}: {share}"

    def half_known(self, one: WatchedService, changes: Sequence[Change]) -> None:
        """Note a call of several changes of which the engine will not hear the answer."""
        if len(changes) > 1 and changes[0].action in (Action.ADD, Action.REMOVE):
            self._silent[one.name] = (len(self.deeds), tuple(changes))

    def refused_unheard(self, one: WatchedService, changes: Sequence[Change]) -> None:
        """Note what the service refuses in a call of several changes whose answer nobody hears: the others are gone
        and this one is there, which looks the same when somebody has brought it back, and then it is nobody's."""
        refused = {
            str(change.key) for change in changes if change.action is Action.REMOVE and change.key in one.refused
        }
        if len(changes) > 1:
            self.perhaps[one.name] |= refused & self.ours[one.name]
            self.ours[one.name] -= refused

    def take_one_back(self, one: WatchedService, chance: Random) -> str:
        """Let somebody take back one change of the newest such call, if all of it took effect."""
        self.catch_up()
        since, changes = self._silent.pop(one.name, (0, ()))
        took_effect = {deed.key for deed in self.deeds[since:] if deed.by == "syncdeck" and deed.target == one.name}
        if not changes or not took_effect >= {str(change.key) for change in changes}:
            return ""
        change = chance.choice(changes)
        if change.action is Action.ADD:
            one.outsider(Action.REMOVE, change.spelling)
        else:
            one.outsider(Action.ADD, change.spelling, dict(change.before or {}))
        self.catch_up()
        return f"{change.action} {change.key}"

    def all_is_known(self) -> None:
        """Nobody waits for anything any more: outsiders may touch everybody again."""
        for keys in self.unclear.values():
            keys.clear()
        self._silent.clear()

    def catch_up(self) -> None:
        """Take note of what took effect since the last look."""
        for one in self.world.targets:
            for effect in one.effects[self._told[one.name] :]:
                self._took_effect(one, effect.by, effect.action, effect.key)
            self._told[one.name] = len(one.effects)

    def _took_effect(self, one: WatchedService, by: str, action: Action, key: str) -> None:
        carrying = self._whose[one.name, action, key] if by == "syncdeck" else None
        digest = carrying.stored.digest if carrying else ""
        self.deeds.append(Deed(by, one.name, action, key, self.now(), digest))
        for unmade in self._unmade.values():
            unmade.discard((one.name, key))
        ours, perhaps = self.ours[one.name], self.perhaps[one.name]
        if carrying is None:
            if action is Action.REMOVE and key in ours:
                ours.discard(key)
                perhaps.add(key)
            return
        carrying.effects[one.name, action, key] += 1
        again = carrying.effects[one.name, action, key]
        assert again == 1, f"{action} {key} at {one.name} took effect {again} times in one run"
        match action:
            case Action.ADD:
                twice = sum(fold(name) == key for name in one.members) > 1  # then nobody can tell whose it is
                (perhaps if twice else ours).add(key)
                (ours if twice else perhaps).discard(key)
            case Action.REMOVE:
                ours.discard(key)
                perhaps.discard(key)
                self._removed[one.name].append(self.now())
            case Action.RENAME if key in ours:
                ours.discard(key)
                ours.add(str(fold(carrying.items[f"{one.name}/rename/{key}"].renamed_to)))
            case _:
                pass


def protected(key: RecordKey, patterns: Sequence[str]) -> bool:
    """Say whether a pattern names this key, however either is spelled."""
    return any(re.fullmatch(_expression(pattern), _plain(key)) for pattern in patterns)


def _expression(pattern: str) -> str:
    return re.escape(_plain(pattern)).replace(r"\*", ".*").replace(r"\?", ".")


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _refusing(carrying: Carrying) -> list[str]:
    return [one.guard for one in carrying.stored.plan.refusals if one.guard not in carrying.lifted]


def _opposite(action: Action) -> Action:
    return Action.REMOVE if action is Action.ADD else Action.ADD
