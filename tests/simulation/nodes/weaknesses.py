"""Weaknesses to plant: what other engines of this kind get wrong, each put into ours for the length of a test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from engine.events.event import Dot, Event, NewEvent, Origin
from engine.events.merging import caseload, causality, contests, evaluate, frontier
from engine.events.merging.patches import apply
from engine.events.merging.values import ABSENT
from engine.events.replicating import admission, meeting, replicate
from engine.events.replicating.admission import Admission, admit
from engine.events.replicating.messages import Batch, Item, Limits, Pull, Receipt, Selection, Skip
from engine.events.replicating.recovery import Diagnosis
from engine.events.replicating.responder import Responder
from engine.events.replicating.rounds import Rounds
from engine.events.replicating.shapes import check_item
from engine.events.replicating.steps import Fetch, Offer
from tests.doubles import replica
from tests.doubles.replica import MemoryReplica
from tests.doubles.replica_log import MemoryLog
from tests.doubles.replica_memory import Memory
from tests.simulation.nodes.node import Node

Plant = Callable[[pytest.MonkeyPatch], None]


def redactions_as_any_event(selection: Selection) -> Callable[[str, str], bool] | None:
    """As if a redaction were about an aggregate that only some want."""
    aggregates = [pattern.rstrip("*") for pattern in selection.aggregates]
    if not aggregates:
        return None
    return lambda kind, aggregate: any(aggregate.startswith(prefix) for prefix in aggregates)


def put(owner: Any, name: str, weak: Any) -> Plant:
    """Return what puts a weak part in the place of a sound one."""
    return lambda monkeypatch: monkeypatch.setattr(owner, name, weak)


def after_as_many(memory: Memory, vector: Mapping[Origin, int]) -> Batch:
    """Return what lies in the log behind as many events as the other has: as if both counted the same ones."""
    items = tuple(memory.log[position] for position in sorted(memory.log))
    return Batch(items=items[sum(vector.values()) :], vector={})


async def push_by_the_number_of_the_other(self: replicate.Exchange, step: Fetch | Offer) -> Batch:
    if isinstance(step, Fetch):
        return await self._remote.pull(step.pull)
    assert isinstance(self._replica, MemoryReplica)
    return after_as_many(self._replica.memory, step.pull.vector)


async def pull_by_the_number_here(self: Responder, request: Pull) -> Batch:
    assert isinstance(self._replica, MemoryReplica)
    return after_as_many(self._replica.memory, request.vector)


def by_arrival(event: Event) -> tuple[int, str, int]:
    return event.position, event.origin, event.seq


def fold_as_it_came(events: Sequence[Event]) -> evaluate.Aggregate:
    state: Any = ABSENT
    for event in sorted(events, key=by_arrival):
        state = apply(state, event.data)
    return evaluate.Aggregate(value=state)


def fold_by_time(events: Sequence[Event]) -> evaluate.Aggregate:
    state: Any = ABSENT
    for event in sorted(events, key=lambda event: event.hlc):
        state = apply(state, event.data)
    return evaluate.Aggregate(value=state)


def without_marks(
    parts: Sequence[Item | Skip], limits: Limits, wanted: Selection
) -> tuple[tuple[Item | Skip, ...], bool]:
    items, more = SOUND_CUT(parts, limits, wanted)
    return tuple(item for item in items if isinstance(item, Item)), more


SOUND_CUT = replica._cut
SOUND_ADMIT = admit


def drop_what_is_contested(batch: Batch, known: Any, now_ms: int, limits: Any) -> Admission:
    admitted = SOUND_ADMIT(batch, known, now_ms, limits)
    taken = [part for part in admitted.taken if isinstance(part, Skip) or part.aggregate != "user:1"]
    return replace(admitted, taken=tuple(taken))


async def answer_before_it_is_kept(self: MemoryReplica, batch: Batch) -> Receipt:
    admitted = admit(batch, self.memory, self.now_ms(), self.limits)
    known = {origin: standing.seq for origin, standing in admitted.heads.items()}
    return Receipt(vector={**self.vector(), **known}, taken=admitted.events)


async def acknowledge_before_it_is_kept(
    self: MemoryLog, events: Sequence[NewEvent], *, expected: Any = None, own: bool = False
) -> Any:
    await self.replica.pause("append")
    self.replica.memory = self.replica.memory.copy()  # in memory: the disk is written later, if it comes to that
    return [self.replica.memory.events[self.replica.keep_new(event)] for event in events]


def no_context(item: Item) -> Mapping[Origin, int]:
    SOUND_CHECK(item)
    return {}


SOUND_CHECK = check_item


def take_again(self: Any, item: Item, run: Any) -> None:
    self._taken.append(item)
    self._events += 1


def start_with_the_clock_alone(self: Node) -> None:
    self.memory.stamp = 0
    SOUND_START(self)


SOUND_START = Node.start


def see_no_fork(*_: Any) -> Diagnosis:
    return Diagnosis()


def take_with_holes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission._Admitting, "_follows", lambda *_: True)
    monkeypatch.setattr(admission, "linked", lambda before, item: item.chain)


def one_batch_is_enough(self: Rounds, batch: Batch, receipt: Receipt) -> bool:
    SOUND_NOTE(self, batch, receipt)
    return False


SOUND_NOTE = Rounds.note


def forget_what_nobody_has(self: Memory, dot: Dot) -> Any:
    item, position = SOUND_TAKE_OUT(self, dot)
    return replace(item, id=f"lost-{item.id}"), position


SOUND_TAKE_OUT = Memory.take_out


def take_the_future(self: Any, item: Item, run: Any) -> None:
    run.seq, run.chain, run.hlc = item.seq, item.chain, item.hlc
    self._grown.add(item.origin)
    self._taken.append(item)
    self._events += 1


def keep_what_is_redacted(self: Memory, dot: Dot) -> None:
    self.redacted.add(dot)


def plant_everywhere(owners: Sequence[Any], name: str, weak: Any) -> Plant:
    """Return what puts a weak part wherever a sound one was imported to."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        for owner in owners:
            monkeypatch.setattr(owner, name, weak)

    return plant


WEAKNESSES: dict[str, tuple[int, Plant, str]] = {
    "a push begins behind as many events as the other has": (
        0,
        put(replicate.Exchange, "_asked", push_by_the_number_of_the_other),
        "still lacks|knows otherwise",
    ),
    "a pull begins behind as many events as are here": (
        0,
        put(Responder, "pull", pull_by_the_number_here),
        "still lacks|knows otherwise",
    ),
    "concurrent is taken for before or after": (
        0,
        put(evaluate, "_merged", fold_by_time),
        "has the disputes|and shows",
    ),
    "of two sides the one that came last wins": (
        0,
        plant_everywhere((causality, contests, frontier), "tie", by_arrival),
        "has the disputes|shows",
    ),
    "events are merged as they come": (0, put(evaluate, "_merged", fold_as_it_came), "has the disputes|shows"),
    "what is not wanted is left out without a mark": (0, put(replica, "_cut", without_marks), "still lacks"),
    "what is contested is dropped": (0, put(replica, "admit", drop_what_is_contested), "says it knows"),
    "a push is answered before it is kept": (
        0,
        put(MemoryReplica, "receive", answer_before_it_is_kept),
        "says it has",
    ),
    "an append is acknowledged before it is kept": (
        0,
        put(MemoryLog, "append", acknowledge_before_it_is_kept),
        "which it had acknowledged",
    ),
    "contexts are not looked at": (1100, put(admission, "check_item", no_context), "and not the cause"),
    "what comes twice is kept twice": (
        0,
        put(admission._Admitting, "_known_event", take_again),
        "of what it had|has a hole",
    ),
    "holes are taken": (0, take_with_holes, "has a hole"),
    "the clock's highest mark is not kept": (
        150,
        put(Node, "start", start_with_the_clock_alone),
        "went back",
    ),
    "nobody looks for forks": (
        0,
        put(meeting, "diagnose", see_no_fork),
        "still lacks|nobody was told|another event there",
    ),
    "a session ends after one batch": (0, put(Rounds, "note", one_batch_is_enough), "still lacks"),
    "a new incarnation leaves behind what nobody has": (
        0,
        put(Memory, "take_out", forget_what_nobody_has),
        "which it had acknowledged|never got",
    ),
    "events from the future are taken": (
        0,
        put(admission._Admitting, "_refuse_clock", take_the_future),
        "from its future",
    ),
    "a redaction does not follow what it redacts": (
        300,
        put(replica, "wanted_by", redactions_as_any_event),
        "shows otherwise",
    ),
    "a redaction is a mere note": (0, put(Memory, "redact", keep_what_is_redacted), "still has what"),
    "what an operator said is remembered after it was redacted": (
        5900,
        put(caseload, "REWRITING", frozenset()),
        "tell operators",
    ),
}
