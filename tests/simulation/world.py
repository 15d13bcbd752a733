"""A world that nobody thought of: a source, targets, rules and outsiders, all from one seed."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

from engine.errors import RemoteUnavailable
from engine.reconcile.plan import Action
from engine.reconcile.ports import Limits
from engine.reconcile.records import Carried, Value, fold, text_of
from engine.settings.model import GuardSettings, Mode
from tests.doubles.targets import ALL_ACTIONS, Service
from tests.doubles.workplace import Workplace

PEOPLE = ("Anna", "berta", "CARLA", "dora", "Emma", "o'brien", "Zoë", "straße", "Øyvind", "Ines", "jo@x", "Kim@x", "li")
TITLES = ("dev", "ops", "")
PATTERNS = ("d*", "*@X", "ZOË", unicodedata.normalize("NFD", "zoë"), "STRASSE", "straße", "ann?", "*'*")
SECONDS = timedelta(seconds=12)
OUTSIDE_EDITS = 0.25
"""How often somebody else changes a target between two calls."""

Seen = dict[str, list[tuple[str, dict[str, Value]]]]
"""What a read showed: (spelling, attributes) by folded key."""


@dataclass
class WatchedService(Service):
    """A service that remembers what it last showed, when, and which of its effects belongs to which call."""

    name: str = ""
    seen: Seen = field(default_factory=dict)

    def visible(self) -> dict[str, dict[str, Value]]:
        shown = super().visible()
        self.seen = {}
        for spelling, values in shown.items():
            self.seen.setdefault(str(fold(spelling)), []).append((spelling, dict(values)))
        return shown

    def spelled(self, key: str) -> str | None:
        """Return how a key is spelled here, if it is held."""
        return next((spelling for spelling in self.members if fold(spelling) == key), None)


@dataclass
class World:
    """Everything a story happens in."""

    chance: Random
    place: Workplace
    targets: list[WatchedService]
    source: WatchedService
    guards: GuardSettings

    def somebody_edits(self, one: WatchedService, kept_out: set[str]) -> tuple[Action, str] | None:
        """Let an outsider add, remove or change somebody, but nobody of `kept_out`."""
        name = self.chance.choice(PEOPLE)
        if fold(name) in kept_out:
            return None
        held = one.spelled(fold(name))
        if held is None:
            one.outsider(Action.ADD, respelled(self.chance, name), self._values(name))
            return Action.ADD, str(fold(name))
        if self.chance.random() < 0.5:
            one.outsider(Action.REMOVE, held)
            return Action.REMOVE, str(fold(name))
        before = one.members[held]
        one.members[held] = self._values(name)
        if one.members[held] == before:
            return None
        one.outsider(Action.UPDATE, held)
        return Action.UPDATE, str(fold(name))

    def somebody_respells(self, one: WatchedService) -> None:
        """Let a target spell a member otherwise, which is no change to anybody."""
        if one.members:
            old = self.chance.choice(sorted(one.members))
            new = respelled(self.chance, old)
            if fold(new) == fold(old):
                one.members = {(new if name == old else name): values for name, values in one.members.items()}

    def source_changes(self) -> None:
        """Let people join, leave, and change."""
        for _ in range(self.chance.randint(1, 5)):
            self.somebody_edits(self.source, set())
        if self.chance.random() < 0.08:
            self.source.members.clear()

    def _values(self, name: str) -> dict[str, Value]:
        if not self.source.names:
            return {}
        values: dict[str, Value] = {"title": self.chance.choice(TITLES)}
        return values | ({"id": str(PEOPLE.index(name))} if "id" in self.source.names else {})

    def shuffle(self) -> None:
        """Let every service list its members in another order."""
        for one in (self.source, *self.targets):
            names = list(one.members)
            self.chance.shuffle(names)
            one.members = {name: one.members[name] for name in names}

    def misbehave(self, one: WatchedService) -> None:
        """Choose the faults of the calls that follow."""
        chance, write = self.chance, len(one.writes)
        one.write_faults, one.lost_answers, one.silent_answers = {}, set(), set()
        one.read_faults, one.refused, one.without_proof = {}, {}, chance.random() < 0.03
        one.stale_reads = chance.choice([0, 0, 0, 1])
        for number in range(write + 1, write + 8):
            fate = chance.random()
            if fate < 0.1:
                one.write_faults[number] = RemoteUnavailable("503 Service Unavailable")
            elif fate < 0.15:
                one.write_faults[number] = RemoteUnavailable("429 Too Many Requests", retry_after=SECONDS)
            elif fate < 0.22:
                one.write_faults[number] = RemoteUnavailable("No answer within 30 s.", maybe_done=True)
            elif fate < 0.32 and not one.stale_reads:
                one.lost_answers.add(number)
            elif fate < 0.36 and not one.stale_reads:
                one.silent_answers.add(number)
        if chance.random() < 0.2:
            one.read_faults[one.reads + chance.randint(1, 4)] = RemoteUnavailable("502 Bad Gateway")
        if chance.random() < 0.15:
            one.refused[fold(chance.choice(PEOPLE))] = "This account is deactivated."

    def behave(self) -> None:
        """End all faults."""
        for one in self.targets:
            one.write_faults, one.lost_answers, one.silent_answers = {}, set(), set()
            one.read_faults, one.refused, one.without_proof = {}, {}, False
            one.stale_reads = one._stale_left = 0


def respelled(chance: Random, name: str) -> str:
    """Return the name in another letter case or another Unicode form."""
    spelling = chance.choice([name, name.lower(), name.upper(), name.title()])
    return chance.choice([spelling, unicodedata.normalize("NFD", spelling)])


def same(held: dict[str, Value], expected: dict[str, Value] | None) -> bool:
    """Say whether attributes are as expected, by an own comparison."""
    names = held.keys() | (expected or {}).keys()
    return all(text_of(held.get(name)) == text_of((expected or {}).get(name)) for name in names)


def world(seed: int) -> World:
    """Return the world of a seed."""
    chance = Random(seed)
    names = chance.choice([(), ("title",), ("id", "title")])
    guards = GuardSettings(
        max_removals=chance.choice([None, 1, 3, 10]),
        max_removal_percent=chance.choice([None, 20.0, 50.0]),
        max_additions=chance.choice([None, None, 4]),
        max_updates=chance.choice([None, None, 2]),
        min_source=chance.choice([0, 1, 3]),
        max_source_drop_percent=chance.choice([None, 30.0]),
        window_removal_percent=chance.choice([None, 30.0, 60.0]),
        min_left=chance.choice([0, 0, 2]),
        protect=tuple(chance.sample(PATTERNS, chance.choice([0, 0, 1, 3]))),
        managed_only=chance.random() < 0.25,
    )
    sync: dict[str, Any] = {
        "mode": chance.choice([Mode.ADD_REMOVE] * 3 + list(Mode)),
        "guards": guards,
        "attributes": {name: name for name in names},
        "rename_by": "id" if "id" in names and chance.random() < 0.7 else "",
    }
    source = WatchedService(name="source", names=names)
    targets = [_target(chance, f"list{number}", names) for number in range(chance.choice([1, 1, 2]))]
    place = Workplace(services={"source": source, **{one.name: one for one in targets}}, sync=sync)
    made = World(chance=chance, place=place, targets=targets, source=source, guards=guards)
    for one in (source, *targets):
        for name in chance.sample(PEOPLE, chance.randint(2, len(PEOPLE))):
            one.members[respelled(chance, name)] = made._values(name)
    return made


def _target(chance: Random, name: str, names: tuple[str, ...]) -> WatchedService:
    return WatchedService(
        name=name,
        names=names,
        carried=(Carried(label="robot", kind="bot", native_id="B1"),) if chance.random() < 0.5 else (),
        limits=Limits(
            actions=ALL_ACTIONS if chance.random() < 0.8 else frozenset({Action.ADD, Action.REMOVE}),
            batch_size=chance.choice([1, 2, 3, 10]),
            concurrency=chance.choice([1, 1, 2]),
            least_members=chance.choice([0, 0, 1]),
        ),
    )
