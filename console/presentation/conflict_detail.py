"""One contested field in full: base, every side with who, when and where, the rule that applies, the result."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from console.presentation.ages import age, count
from console.presentation.conflict_fields import FieldRow, actor, node, result_line, side_sign, side_text
from console.presentation.conflicts import state_span
from console.presentation.event_sentences import told
from console.presentation.json_words import differing, differing_fields, flowed, kind_of, value_text
from console.presentation.patches import field_name
from console.presentation.rule_words import rule_line
from console.presentation.spans import Line, Span, cell, clean, fit, joined, spread, wrap
from engine.events.event import Event, node_of
from engine.events.merging.queue import ConflictDetail, ConflictState
from engine.events.merging.values import ABSENT, Candidate

LABEL = 9
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_HISTORY = 60


def conflict_facts(detail: ConflictDetail, place: str, decided: int, width: int, now: datetime) -> list[Line]:
    """Return what stands above the fields: about what, state, who is at it; how far the work is."""
    summary = detail.summary
    waiting = len(detail.view.open)
    who: Line = ()
    if summary.state is ConflictState.CLAIMED:
        who = (Span(f"by {clean(summary.claimed_by, 40)}", "accent"),)
    elif summary.settled_by:
        who = (Span(f"by {clean(summary.settled_by, 40)}", "dim"),)
    since = (Span(f"since {age(summary.since, now)}", "dim"),) if summary.since is not None else ()
    left = joined(((Span(clean(summary.aggregate_id), "strong"),), (state_span(summary),), who, since), "  ")
    parts: list[Line] = []
    if waiting and summary.state in (ConflictState.OPEN, ConflictState.CLAIMED):
        done = decided >= waiting
        parts.append((Span(f"{decided} of {waiting} decided", "ok" if done else "warn"),))
    if place:
        parts.append((Span(place, "dim"),))
    lines = [spread(left, joined(parts, "  "), width)]
    if detail.view.missing:
        missing = count(len(detail.view.missing), "event")
        text = f"! {missing} that others know of are not here: a filter or compaction left them out"
        lines.append(fit((Span(text, "warn"),), width))
    if detail.view.redacted:
        lines.append(fit((Span("! some of its events were redacted: what they said is gone", "warn"),), width))
    return lines


def decided_twice(detail: ConflictDetail, width: int) -> list[Line]:
    """Return what has to be read first when two operators decided at once in different ways."""
    summary = detail.summary
    if summary.reviewed:
        return []
    if summary.state is ConflictState.SETTLED:
        text = "Another operator settled it at the same time in another way. U reopens it, to be settled once."
    else:
        text = "Two operators decided at the same time in different ways: their decisions are the sides now."
    return [(Span("▌ ", "error"), *line) for line in wrap(text, width - 2, "error")]


def field_detail(row: FieldRow, width: int, now: datetime) -> list[Line]:
    """Return one field in full."""
    contest = row.contest
    sides = len(contest.candidates)
    more = (Span(f"{sides} sides: , and . show another left and right", "accent"),) if sides > 2 else ()
    lines = [fit(joined(((Span(field_name(row.path), "strong"),), result_line(row), more), "   "), width)]
    lines += _labelled("base", (Span(value_text(contest.base)),), width)
    for number in _order(row):
        lines += side_lines(row, number, width, now)
    lines += _labelled("rule", rule_line(row.verdict), width)
    if row.changed:
        text = "Something was decided here before one of the sides changed. Decide again."
        lines += _labelled("", (Span(f"⟳ {text}", "warn"),), width)
    return lines


def side_lines(row: FieldRow, number: int, width: int, now: datetime) -> list[Line]:
    """Return one side: its value with what differs from the base, then who, where, when and by what."""
    candidate = row.side(number)
    glyph, word = side_sign(row, number)
    label = f"{glyph} {word}"
    base = row.contest.base
    if isinstance(base, dict) and isinstance(candidate.value, dict):
        return [*_parts(label, base, candidate.value, width), *_labelled("", provenance(candidate, now), width)]
    gone = candidate.value is ABSENT and base is not ABSENT
    value: Line = (Span(side_text(row, number, 200), "remove"),) if gone else differing(base, candidate.value)
    if candidate.value is not ABSENT and kind_of(candidate.value) != kind_of(base) != "nothing":
        value = (*value, Span(f"  {kind_of(candidate.value)}", "dim"))
    return [*_labelled(label, value, width), *_labelled("", provenance(candidate, now), width)]


def _parts(label: str, base: Any, value: Any, width: int) -> list[Line]:
    """Return what an object has otherwise than the base, part by part."""
    lines: list[Line] = []
    for path, before, after in differing_fields(base, value):
        part: Line = (Span("✗ removed", "remove"),) if after is ABSENT else differing(before, after)
        lines += _labelled("" if lines else label, (Span(f"{field_name(path)}  ", "accent"), *part), width)
    return lines or _labelled(label, (Span("as the base", "dim"),), width)


def provenance(candidate: Candidate, now: datetime) -> Line:
    """Return who wrote a side, where, when, and by what event."""
    event = candidate.event
    at = EPOCH + timedelta(milliseconds=event.milliseconds)
    who = actor(candidate) or "nobody named"
    when = f"{at.astimezone():%H:%M:%S}" if now - at < timedelta(hours=12) else f"{at.astimezone():%d %b %H:%M}"
    words = (who, node(candidate), f"{when}, {age(at, now)}", f"{clean(event.type, 60)} #{event.seq}")
    return joined(((Span(word, "dim"),) for word in words), " · ")


def history_lines(detail: ConflictDetail, width: int, now: datetime) -> list[Line]:
    """Return an aggregate's events, newest first; the sides of the conflict and what settled it stand out."""
    dots = {
        candidate.event.dot for verdict in detail.view.verdicts for candidate in verdict.contest.candidates
    }  # fmt: skip
    lines: list[Line] = [(Span("history", "strong"), Span("  newest first", "dim"))]
    for event in reversed(detail.history[-MOST_HISTORY:]):
        lines += _history_entry(event, width, now, side=event.dot in dots)
    older = len(detail.history) - MOST_HISTORY
    if older > 0:
        lines.append((Span(f"… and {older:,} before", "dim"),))
    return lines


def conflict_lines(detail: ConflictDetail, rows: Sequence[FieldRow], width: int, now: datetime) -> list[Line]:
    """Return a whole conflict as lines to copy."""
    lines = conflict_facts(detail, "", 0, width, now)
    for row in rows:
        lines += [(), *field_detail(row, width, now)]
    return lines


def _history_entry(event: Event, width: int, now: datetime, *, side: bool) -> list[Line]:
    at = EPOCH + timedelta(milliseconds=event.milliseconds)
    mark = ("◆ ", "accent") if side else ("✓ ", "ok") if event.type == "conflict.resolved" else ("  ", "")
    who = clean(str(event.metadata.get("actor", "")), 30)
    head = (
        Span(*mark),
        cell(age(at, now), 13, "dim"),
        cell(clean(node_of(event.origin), 40), 14),
        Span(f"{clean(event.type, 60)}  ", "accent"),
        Span(who, "dim"),
    )
    return [fit(head, width), fit((Span("    "), Span(told(event), "dim")), width)]


def _order(row: FieldRow) -> list[int]:
    """Left and right first, then the others."""
    shown = [row.left, row.right]
    return shown + [number for number in range(len(row.contest.candidates)) if number not in shown]


def _labelled(label: str, line: Line, width: int) -> list[Line]:
    first, *rest = flowed(line, width - LABEL) or [()]
    return [(cell(label, LABEL, "dim"), *first), *((Span(" " * LABEL), *each) for each in rest)]
