"""The overview: one line a sync, one a target, and the sentence of every guard that refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from console.presentation.ages import age, count, duration, in_one_unit, roughly
from console.presentation.spans import Line, Span, cell, clean, fit, joined
from console.presentation.sparkline import sparkline

if TYPE_CHECKING:
    from engine.reconcile.history import SyncStatus, TargetStatus

HEALTH: dict[str, Span] = {
    "in step": Span("✓ in step", "ok"),
    "out of step": Span("≠ out of step", "warn"),
    "quarantined": Span("⊘ quarantined", "error"),
    "unknown": Span("○ unknown", "dim"),
}
"""Glyph, word and role of every `Health`; the word alone says it all."""

GRAVITY = ("unknown", "in step", "out of step", "quarantined")

ENDED: dict[str, Span] = {
    "running": Span("▶ running", "accent"),
    "interrupted": Span("! interrupted", "error"),
    "done": Span("✓ done", "ok"),
    "partial": Span("◐ partial", "warn"),
    "cancelled": Span("◐ cancelled", "warn"),
    "failed": Span("✗ failed", "error"),
}
SIGNS = (("add", "+", "add"), ("update", "~", "update"), ("rename", "→", "rename"), ("remove", "-", "remove"))

WIDE = 130
STATE = 15
WIDE_RUN = 26
NAME = (14, 30)
MOST_DETAIL = 64


@dataclass(frozen=True, slots=True)
class Columns:
    """How wide each part of a line is, from the width there is."""

    name: int
    detail: int
    run: int
    next: int
    spark: int

    @classmethod
    def of(cls, width: int, longest: int) -> Columns:
        """Return the columns for a width; the detail takes what is left, the sparkline only comes on wide terminals."""
        name = max(NAME[0], min(longest + 2, NAME[1], width // 3))
        spark = 22 if width >= WIDE else 0
        run, after = (WIDE_RUN, 10) if width >= 100 else (11, 9)
        detail = max(min(width - name - STATE - run - after - spark, MOST_DETAIL), 8)
        return cls(name=name, detail=detail, run=run, next=after, spark=spark)


def counts(changes: Mapping[str, int]) -> Line:
    """Return changes by action as signs: "+12 ~3 -1"."""
    shown = [Span(f"{sign}{changes[action]:,}", role) for action, sign, role in SIGNS if changes.get(action)]
    return tuple(part for span in shown for part in (span, Span(" ")))[:-1]


def titles(columns: Columns) -> Line:
    """Return the line above the list."""
    return (
        cell("SYNC", columns.name, "dim"),
        cell("STATE", STATE, "dim"),
        cell("", columns.detail),
        cell("LAST RUN", columns.run, "dim"),
        cell("NEXT", columns.next, "dim"),
        cell("SOURCE SIZE" if columns.spark else "", columns.spark, "dim"),
    )


def summary(statuses: Sequence[SyncStatus], as_of: datetime, now: datetime) -> Line:
    """Return the line on top: how many targets stand how, and how fresh that is."""
    health = [str(target.health) for status in statuses for target in status.targets]
    subject = "targets" if health else count(len(statuses), "sync")
    told = [(Span(f"{health.count(word)} {word}", HEALTH[word].role),) for word in HEALTH if word in health]
    fresh = Span(f"as of {age(as_of, now)}", "warn" if now - as_of > timedelta(seconds=30) else "dim")
    return joined([(Span(subject, "strong"),), *told, (fresh,)], "  ")


def sync_line(status: SyncStatus, columns: Columns, now: datetime, doing: str = "") -> Line:
    """Return a sync's line; `doing` tells what this console has under way for it."""
    return (
        cell(clean(status.sync), columns.name, "strong"),
        *_state(status),
        *_padded(_task(status, doing), columns.detail),
        *_padded(_last_run(status, now, columns.run), columns.run),
        cell(_next_run(status, now), columns.next, "dim"),
        *_source(status, columns.spark),
    )


def target_line(target: TargetStatus, columns: Columns, now: datetime) -> Line:
    """Return a target's line, set in under its sync."""
    length = in_one_unit if columns.run < WIDE_RUN else duration
    known = f"{length(now - target.as_of)} old" if target.as_of is not None else ""
    return (
        cell(f"  {clean(target.target)}", columns.name),
        _health(target.health),
        *_padded(_situation(target), columns.detail),
        cell(known, columns.run, "dim"),
    )


def refusal_lines(status: SyncStatus, width: int) -> list[Line]:
    """Return, a line each, what the guards refused and why targets are in quarantine: number and limit.

    What to do about it stands in the plan, one key away.
    """
    reasons = [("⊘ ", _first_sentence(sentence)) for sentence in status.refusals]
    reasons += [
        ("! ", f"{target.target}: {target.reason}") for target in status.targets if target.health == "quarantined"
    ]
    return [fit((Span(f"  {sign}", "error"), Span(clean(reason))), width) for sign, reason in reasons]


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s", text, maxsplit=1)[0]


def _state(status: SyncStatus) -> Line:
    if status.paused:
        return (cell("‖ paused", STATE, "dim"),)
    worst = max((target.health for target in status.targets), key=GRAVITY.index, default="unknown")
    return (_health(worst),)


def _health(health: str) -> Span:
    span = HEALTH[health]
    return cell(span.text, STATE, span.role)


def _task(status: SyncStatus, doing: str) -> Line:
    if doing:
        return (Span(f"… {doing}", "accent"),)
    if status.running is not None:
        return (Span(f"▶ run {status.running} is under way", "accent"),)
    if status.waiting is not None:
        return (Span(f"◆ plan {status.waiting[:7]} waits for approval", "warn"),)
    if status.refused is not None:
        return (Span(f"⊘ plan {status.refused[:7]} refused", "error"),)
    return (Span(f"from {clean(status.source)}", "dim"),)


def _situation(target: TargetStatus) -> Line:
    members = (Span(count(target.members, "member"), "dim"),) if target.members is not None else ()
    parked = (Span(f"{target.parked:,} parked", "parked"),) if target.parked else ()
    reason = (Span(clean(target.reason), "dim"),) if target.reason and target.health == "unknown" else ()
    failures = (Span(count(target.failures, "failure"), "error"),) if target.failures else ()
    return joined([counts(target.counts), parked, failures, members, reason])


def _last_run(status: SyncStatus, now: datetime, width: int) -> Line:
    run = status.last_run
    if run is None:
        return (Span("never", "dim"),)
    end = ENDED[run.state]
    if width < WIDE_RUN:
        return (Span(end.text[:2], end.role), Span(roughly(run.started_at, now), "dim"))
    return (end, Span(f"  {age(run.started_at, now)}", "dim"))


def _next_run(status: SyncStatus, now: datetime) -> str:
    if status.paused or status.next_run is None:
        return "by hand"
    return "due" if status.next_run <= now else duration(status.next_run - now)


def _source(status: SyncStatus, width: int) -> Line:
    if not width or not status.source_counts:
        return ()
    return (Span(sparkline(status.source_counts, 12), "accent"), Span(f" {status.source_counts[-1]:,}", "dim"))


def _padded(line: Line, width: int) -> Line:
    cut = fit(line, width - 1)
    return (*cut, Span(" " * (width - sum(len(span.text) for span in cut))))
