"""Conflicts as lines of text, at most 80 columns wide where values allow, and as JSON objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Any

from console.commands.session import Session
from console.commands.table import moment, safe, table
from console.presentation.json_words import value_text
from engine.events.event import Event, node_of
from engine.events.merging.choices import named
from engine.events.merging.patches import apply, at
from engine.events.merging.queue import ConflictDetail, ConflictState, ConflictSummary, Preview, Tried
from engine.events.merging.values import ABSENT, Candidate, Verdict, dotted
from engine.settings.replication import Rule

WIDTH = 80
LABEL = 16
SHOWN_HISTORY = 10


def summary_table(found: Sequence[ConflictSummary]) -> list[str]:
    """Return the queue as a table."""
    rows = [[each.id, _state_word(each), safe(each.aggregate_id), moment(each.since), _fields(each)] for each in found]
    return table(["CONFLICT", "STATE", "ABOUT", "SINCE", "FIELDS"], rows) if rows else []


def summary_object(summary: ConflictSummary) -> dict[str, Any]:
    """Return a row of the queue for scripts."""
    return {
        "id": summary.id,
        "aggregate_id": summary.aggregate_id,
        "state": summary.state,
        "fields": [dotted(path) for path in summary.fields],
        "automatic": summary.automatic,
        "origins": summary.origins,
        "since": summary.since,
        "claimed_by": summary.claimed_by,
        "settled_by": summary.settled_by,
        "resolution": str(summary.resolution) if summary.resolution else None,
        "reviewed": summary.reviewed,
    }


def detail_object(detail: ConflictDetail) -> dict[str, Any]:
    """Return a conflict for scripts. Where a value is null, there is none."""
    return {
        **summary_object(detail.summary),
        "value": _json(detail.view.value),
        "contests": [_verdict_object(verdict) for verdict in detail.view.verdicts],
        "heads": [str(head) for head in detail.view.heads],
        "redacted": detail.view.redacted,
        "missing": [str(dot) for dot in detail.view.missing],
    }


def preview_object(preview: Preview) -> dict[str, Any]:
    """Return what a resolution writes, for scripts."""
    return {
        "conflict": preview.conflict,
        "aggregate_id": preview.aggregate_id,
        "patch": preview.patch,
        "before": _json(preview.before),
        "after": _json(preview.after),
        "undecided": [dotted(path) for path in preview.undecided],
    }


def tried_object(tried: Tried) -> dict[str, Any]:
    """Return one line of a back-test for scripts."""
    return {
        "conflict": tried.conflict,
        "aggregate_id": tried.aggregate_id,
        "field": dotted(tried.path),
        "rule": tried.position,
        "use": tried.rule.use,
        "chosen": _json(tried.chosen),
        "outcome": None if tried.asks else _json(tried.outcome),
        "asks": tried.asks,
        "agrees": tried.agrees,
    }


def detail_lines(session: Session, detail: ConflictDetail, node: str) -> Iterator[str]:
    """Yield a conflict as people read it: each contested field with base and sides one under another."""
    summary = detail.summary
    yield session.paint(f"{safe(summary.aggregate_id)}  conflict {summary.id}, {_state_word(summary)}", "bold")
    if summary.claimed_by:
        yield f"  {safe(summary.claimed_by)} is at it"
    if summary.settled_by and summary.resolution:
        yield f"  settled by {safe(summary.settled_by)} with {summary.resolution}; as it stood before:"
    if not summary.reviewed:
        yield session.paint("  resolved twice, in different ways: review", "yellow")
    if detail.view.redacted:
        yield session.paint(
            "  a payload was redacted: what it wrote is gone, what it had replaced shows again", "yellow"
        )
    if detail.view.missing:
        yield session.paint(f"  {len(detail.view.missing):,} events of it are not on this node (a filter?)", "yellow")
    decision = next((event for event in detail.history if event.dot == summary.resolution), None)
    for verdict in detail.view.verdicts:
        yield from _field_lines(session, verdict, node)
        yield from _verdict_lines(verdict) if decision is None else _decision_lines(verdict, decision)
    yield ""
    yield f"history: {len(detail.history):,} events, the newest last"
    for event in detail.history[-SHOWN_HISTORY:]:
        yield _event_line(event)


def preview_lines(session: Session, preview: Preview) -> Iterator[str]:
    """Yield what a resolution would change."""
    yield session.paint(f"{safe(preview.aggregate_id)}  conflict {preview.conflict}", "bold")
    yield from _value_lines("now", preview.before)
    yield from _value_lines("then", preview.after)
    if preview.undecided:
        yield f"  stays open: {', '.join(safe(named(path)) for path in preview.undecided)}"


def tried_lines(tried: Tried) -> Iterator[str]:
    """Yield one contest of a back-test as people read it."""
    yield f"{safe(tried.aggregate_id)}  {safe(named(tried.path))}  conflict {tried.conflict or '-'}"
    yield from _value_lines("operator", tried.chosen)
    yield from _value_lines(rule_text(tried.position, tried.rule), tried.outcome)


def rule_text(position: int, rule: Rule) -> str:
    """Return a rule as a line names it."""
    return f"rule {position} ({rule.use})" if position else "no rule"


def _field_lines(session: Session, verdict: Verdict, node: str) -> Iterator[str]:
    contest = verdict.contest
    yield ""
    yield session.paint(f"{safe(named(contest.path))}", "bold")
    yield from _value_lines("base", contest.base)
    for number, candidate in enumerate(contest.candidates, 1):
        yield from _side_lines(number, candidate, node)


def _verdict_lines(verdict: Verdict) -> Iterator[str]:
    if verdict.settled:
        name = f", {safe(verdict.rule.name)}" if verdict.rule.name else ""
        yield from _value_lines("result", verdict.value)
        yield f"  {'':<{LABEL}}by {rule_text(verdict.position, verdict.rule)}{name}"
    else:
        yield f"  {'result':<{LABEL}}waits for an operator: {safe(verdict.reason)}"


def _decision_lines(verdict: Verdict, decision: Event) -> Iterator[str]:
    written = at(decision.data, verdict.contest.path)
    if written is ABSENT:
        yield f"  {'decided':<{LABEL}}nothing; it was left open"
    else:
        yield from _value_lines("decided", apply(ABSENT, written))


def _side_lines(number: int, candidate: Candidate, node: str) -> Iterator[str]:
    event = candidate.event
    wrote = node_of(event.origin)
    here = " (this node)" if wrote == node else ""
    yield from _value_lines(f"{number} {safe(wrote)}", candidate.value)
    actor = safe(str(event.metadata.get("actor", "")))
    by = f" by {actor}" if actor else ""
    yield f"  {'':<{LABEL}}{moment(event.written_at)} {safe(event.type)}{by}{here}"


def _value_lines(label: str, value: Any) -> Iterator[str]:
    text = "(nothing)" if value is ABSENT else value_text(value)
    first, *rest = wrap(text, WIDTH - LABEL - 2, break_on_hyphens=False) or [""]
    if len(label) >= LABEL:
        yield f"  {label}"
        label = ""
    yield f"  {label:<{LABEL}}{first}"
    for line in rest:
        yield f"  {'':<{LABEL}}{line}"


def _event_line(event: Event) -> str:
    what = "(redacted)" if event.redacted else value_text(event.data, WIDTH)
    return f"  {moment(event.written_at)} {safe(str(event.dot))} {safe(event.type)} {what}"[:WIDTH].rstrip()


def _verdict_object(verdict: Verdict) -> dict[str, Any]:
    contest = verdict.contest
    return {
        "field": dotted(contest.path),
        "base": _json(contest.base),
        "sides": [
            {
                "number": number,
                "value": _json(each.value),
                "event": str(each.event.dot),
                "type": each.event.type,
                "at": each.event.written_at,
                "metadata": each.event.metadata,
            }
            for number, each in enumerate(contest.candidates, 1)
        ],
        "rule": verdict.position,
        "use": verdict.rule.use,
        "settled": verdict.settled,
        "value": _json(verdict.value),
        "reason": verdict.reason,
    }


def _json(value: Any) -> Any:
    return None if value is ABSENT else value


def _state_word(summary: ConflictSummary) -> str:
    if summary.state is ConflictState.CLAIMED:
        return f"claimed by {safe(summary.claimed_by)}"
    if summary.state is ConflictState.SETTLED:
        return f"settled by {safe(summary.settled_by)}"
    return summary.state.value


def _fields(summary: ConflictSummary) -> str:
    fields = ", ".join(safe(named(path)) for path in summary.fields) or "-"
    automatic = f" (+{summary.automatic} by rules)" if summary.automatic else ""
    return fields + automatic + ("" if summary.reviewed else "  resolved twice: review")
