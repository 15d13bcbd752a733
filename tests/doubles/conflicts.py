"""Conflicts in a dictionary, for screens: what is asked stands in `asked`, what is written changes what is shown."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from msgspec.structs import replace

from engine.errors import NothingFound, SyncdeckError, VersionConflict
from engine.events.event import Dot, Event, Origin, Position
from engine.events.merging.choices import patch_for
from engine.events.merging.patches import apply, copied
from engine.events.merging.queue import (
    BackTest,
    Choice,
    Choices,
    ConflictDetail,
    ConflictId,
    ConflictState,
    ConflictSummary,
    Preview,
    Resolved,
    Tried,
)
from engine.events.merging.values import ABSENT, Candidate, Contest, Path, Verdict, View
from engine.notices import Notice, Notices
from engine.settings.replication import Rule
from tests.doubles.replication import FoldedViews

ACTOR = "ann@desk"
WAITING = (ConflictState.OPEN, ConflictState.CLAIMED)
ASK = Rule(use="ask_operator")
START_MS = 1_772_440_000_000


def written(
    node: str, seq: int, aggregate: str, data: Any, *, actor: str = "", type_: str = "user.edited", after: int = 0
) -> Event:
    """Return an event of a node; `after` are seconds since the first of all."""
    return Event(
        position=Position(seq),
        id=f"{node}-{seq}",
        type=type_,
        aggregate_id=aggregate,
        data=data,
        metadata={"actor": actor or f"someone@{node}"},
        origin=Origin(f"{node}~00000001"),
        seq=seq,
        context={},
        hlc=(START_MS + after * 1_000) << 16,
        chain="0" * 64,
    )


def contest(path: Path, base: Any, *sides: tuple[str, Any], aggregate: str = "user:ann", seq: int = 7) -> Contest:
    """Return a field with a base and a value of each node, oldest first."""
    candidates = tuple(
        Candidate(event=written(node, seq, aggregate, nested(path, value), after=60 * number), value=value)
        for number, (node, value) in enumerate(sides)
    )
    return Contest(path=path, base=base, candidates=candidates)


def asked_about(contested: Contest) -> Verdict:
    """Return the verdict without rules: an operator decides."""
    return Verdict(contest=contested, rule=ASK, position=0, settled=False, value=contested.base)


def settled_by(contested: Contest, rule: Rule, position: int, value: Any) -> Verdict:
    """Return the verdict of a rule that needs nobody."""
    return Verdict(contest=contested, rule=rule, position=position, settled=True, value=value)


def nested(path: Path, value: Any) -> Any:
    """Return a value below the names of a path."""
    value = None if value is ABSENT else value
    for name in reversed(path):
        value = {name: value}
    return value


def conflict(name: str, aggregate: str, *verdicts: Verdict, value: Any = None) -> ConflictDetail:
    """Return an open conflict of an aggregate with these contests."""
    events = {side.event.dot: side.event for verdict in verdicts for side in verdict.contest.candidates}
    newest = max(event.milliseconds for event in events.values())
    summary = ConflictSummary(
        id=ConflictId(name),
        aggregate_id=aggregate,
        state=ConflictState.OPEN,
        fields=tuple(verdict.contest.path for verdict in verdicts if not verdict.settled),
        automatic=sum(verdict.settled for verdict in verdicts),
        origins=tuple(sorted({dot.origin for dot in events})),
        reviewed=True,
        since=datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=newest),
    )
    state = copied(value) if value is not None else {}
    for verdict in verdicts:
        if verdict.value is not ABSENT:
            state = apply(state, nested(verdict.contest.path, verdict.value))
    view = View(aggregate_id=aggregate, value=state, verdicts=verdicts, heads=tuple(sorted(events)))
    created = written("hamburg-1", 1, aggregate, state, type_="user.created", after=-3_600)
    return ConflictDetail(summary=summary, view=view, history=(created, *events.values()))


@dataclass
class ScriptedConflicts(FoldedViews):
    """`fail` names a method, or a conflict to be resolved, and the error it raises once."""

    notices: Notices = field(default_factory=Notices)
    details: dict[ConflictId, ConflictDetail] = field(default_factory=dict)
    fail: dict[str, SyncdeckError] = field(default_factory=dict)
    rules: Sequence[Rule] = ()
    strategies: Mapping[str, Any] = field(default_factory=dict)

    def add(self, *details: ConflictDetail) -> None:
        """Have conflicts from now on."""
        self.details |= {detail.summary.id: detail for detail in details}

    def move_on(self, name: str, newer: ConflictDetail) -> None:
        """Let a conflict be replaced by another, as when a side wrote again."""
        self._change(ConflictId(name), state=ConflictState.SUPERSEDED)
        self.add(newer)
        self._tell("opened", newer.summary)

    def _asked(self, name: str, *details: object) -> None:
        self.asked.append((name, *details))
        if name in self.fail:
            raise self.fail.pop(name)

    def _change(self, name: ConflictId, **changes: Any) -> ConflictSummary:
        detail = self.details[name]
        summary = replace(detail.summary, **changes)
        self.details[name] = replace(detail, summary=summary)
        return summary

    def _tell(self, what: str, summary: ConflictSummary) -> None:
        self.notices.publish(Notice(topic=f"conflict.{what}", subject=summary.id, detail=summary))

    async def queue(
        self, *, states: Collection[ConflictState] = WAITING, field: str = "", aggregate: str = "", limit: int = 1_000
    ) -> Sequence[ConflictSummary]:
        self._asked("queue", tuple(states), field, aggregate)
        found = [
            each.summary
            for each in self.details.values()
            if each.summary.state in states
            and fnmatchcase(each.summary.aggregate_id, aggregate or "*")
            and any(fnmatchcase(".".join(path), field or "*") for path in each.summary.fields)
        ]
        return sorted(found, key=lambda each: each.since or datetime.min.replace(tzinfo=UTC), reverse=True)[:limit]

    async def count(self) -> int:
        return await super().count() + sum(each.summary.state in WAITING for each in self.details.values())

    async def show(self, conflict: str) -> ConflictDetail:
        self._asked("show", conflict)
        by_aggregate = [each for each in self.details.values() if each.summary.aggregate_id == conflict]
        by_id = [each for name, each in self.details.items() if name.startswith(conflict)]
        found = by_id or sorted(by_aggregate, key=lambda each: each.summary.state in WAITING)
        if not found:
            raise NothingFound(f"There is no conflict {conflict}.")
        return found[-1]

    async def preview(self, conflict: str, choices: Choices) -> Preview:
        self._asked("preview", conflict, dict(choices))
        detail = await self.show(conflict)
        patch = patch_for([verdict.contest for verdict in detail.view.verdicts], choices)
        return Preview(
            conflict=detail.summary.id,
            aggregate_id=detail.summary.aggregate_id,
            patch=patch,
            before=detail.view.value,
            after=apply(copied(detail.view.value), patch),
            undecided=tuple(path for path in detail.summary.fields if path not in choices),
        )

    async def preview_many(self, conflicts: Sequence[str], choice: Choice, *, field: str = "") -> Sequence[Preview]:
        return [await self.preview(each, await self._fitting(each, choice, field)) for each in conflicts]

    async def resolve_many(
        self, conflicts: Sequence[str], choice: Choice, *, field: str = "", comment: str = ""
    ) -> Sequence[Resolved]:
        return [
            await self.resolve(each, await self._fitting(each, choice, field), comment=comment) for each in conflicts
        ]

    async def _fitting(self, conflict: str, choice: Choice, field: str) -> Choices:
        fields = (await self.show(conflict)).summary.fields
        return {path: choice for path in fields if fnmatchcase(".".join(path), field or "*")}

    async def resolve(self, conflict: str, choices: Choices, *, comment: str = "") -> Resolved:
        self._asked("resolve", conflict, dict(choices), comment)
        detail = await self.show(conflict)
        if conflict in self.fail:
            raise self.fail.pop(conflict)
        if detail.summary.state not in WAITING:
            raise VersionConflict(f"The conflict {conflict} is {detail.summary.state} by now. Look at it again.")
        preview = await self.preview(conflict, choices)
        event = written(
            "desk",
            100 + len(self.asked),
            detail.summary.aggregate_id,
            preview.patch,
            actor=ACTOR,
            type_="conflict.resolved",
        )
        name = detail.summary.id
        self.details[name] = replace(detail, history=(*detail.history, event))
        if preview.undecided:
            self._change(name, fields=preview.undecided)
        else:
            summary = self._change(
                name, state=ConflictState.SETTLED, settled_by=ACTOR, resolution=event.dot, claimed_by="", reviewed=True
            )
            self._tell("settled", summary)
        return Resolved(preview=preview, event=event)

    async def undo(self, conflict: str) -> Event:
        self._asked("undo", conflict)
        detail = await self.show(conflict)
        dot: Dot | None = detail.summary.resolution
        event = next(event for event in detail.history if event.dot == dot)
        summary = self._change(detail.summary.id, state=ConflictState.OPEN, settled_by="", resolution=None)
        self._tell("reopened", summary)
        return event

    async def claim(self, conflict: str) -> None:
        self._asked("claim", conflict)
        self._tell("claimed", self._change(ConflictId(conflict), state=ConflictState.CLAIMED, claimed_by=ACTOR))

    async def release(self, conflict: str) -> None:
        self._asked("release", conflict)
        self._tell("released", self._change(ConflictId(conflict), state=ConflictState.OPEN, claimed_by=""))

    async def back_test(self, rules: Sequence[Rule]) -> BackTest:
        """Try rules by their field's pattern alone; `last_write_wins` takes the last side, any other asks."""
        self._asked("back_test", tuple(rules))
        tried = [
            self._tried(detail, verdict.contest, rules)
            for detail in self.details.values()
            for verdict in detail.view.verdicts
        ]
        return BackTest(tried=tuple(tried))

    def _tried(self, detail: ConflictDetail, contested: Contest, rules: Sequence[Rule]) -> Tried:
        name = ".".join(contested.path)
        fitting = [number for number, rule in enumerate(rules, 1) if fnmatchcase(name, rule.when.field or "*")]
        position = fitting[0] if fitting else 0
        rule = rules[position - 1] if position else ASK
        asks = rule.use != "last_write_wins"
        outcome = ABSENT if asks else contested.candidates[-1].value
        settled = detail.summary.state is ConflictState.SETTLED
        decided: Any = detail.history[-1].data.get(name, ABSENT) if settled else ABSENT
        return Tried(
            conflict=detail.summary.id,
            aggregate_id=detail.summary.aggregate_id,
            path=contested.path,
            rule=rule,
            position=position,
            chosen=decided,
            outcome=outcome,
            asks=asks,
            agrees=None if asks or not settled else outcome == decided,
        )
