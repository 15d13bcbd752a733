"""Rules in words, the rule that a decision suggests, and what a back-test found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from console.presentation.ages import count
from console.presentation.json_words import value_text
from console.presentation.patches import field_name
from console.presentation.spans import Line, Span, cell, clean, fit, wrap
from engine.events.event import node_of
from engine.events.merging.queue import BackTest, Choice, Take, Tried
from engine.events.merging.values import ABSENT, Contest, Verdict
from engine.settings.replication import Condition

ASKING = "ask_operator"
MOST_SHOWN = 200


def rule_line(verdict: Verdict) -> Line:
    """Return which rule applies to a contest and what it does."""
    if not verdict.position:
        return (Span("no rule matches: an operator decides", "warn"),)
    name = f" “{clean(verdict.rule.name, 60)}”" if verdict.rule.name else f" ({condition_text(verdict.rule.when)})"
    head = Span(f"rule {verdict.position}{name} → ")
    if not verdict.settled:
        reason = f" {clean(verdict.reason)}" if verdict.reason and verdict.rule.use != ASKING else ""
        return (head, Span(f"{clean(verdict.rule.use)}: an operator decides.{reason}", "warn"))
    return (head, Span(f"{clean(verdict.rule.use)}: ", "ok"), Span(value_text(verdict.value, 200)))


def condition_text(when: Condition) -> str:
    """Return when a rule applies, in one line."""
    named = {"type": when.type, "aggregate": when.aggregate, "field": when.field, "origin": when.origin}
    parts = [f"{name} {pattern}" for name, pattern in {**named, **when.metadata}.items() if pattern]
    return clean(", ".join(parts)) or "always"


def proposed(aggregate: str, contest: Contest, choice: Choice | None) -> dict[str, Any]:
    """Return the rule, as the file writes it, that a decision about one field suggests: for this field of all
    aggregates of the kind. Without a decision the newest side is proposed."""
    kind, colon, _ = aggregate.partition(":")
    field = ".".join(contest.path)
    when = {"aggregate": f"{kind}:*" if colon else aggregate, **({"field": field} if field else {})}
    rule: dict[str, Any] = {"name": f"{field or kind} by rule", "when": when}
    return {**rule, **_strategy(contest, choice)}


def _strategy(contest: Contest, choice: Choice | None) -> dict[str, Any]:
    if choice is None:
        return {"use": "last_write_wins"}
    match choice.take:
        case Take.BOTH:
            lists = all(isinstance(candidate.value, list) for candidate in contest.candidates)
            return {"use": "union" if lists else "keep_both"}
        case Take.REMOVE:
            return {"use": "remove_wins"}
        case Take.CANDIDATE:
            origin = node_of(contest.candidates[choice.candidate].event.origin)
            return {"use": "prefer_origin", "prefer": [origin]}
        case Take.NODE:
            return {"use": "prefer_origin", "prefer": [choice.value]}
        case Take.NEWEST:
            return {"use": "last_write_wins"}
        case _:
            return {"use": ASKING}


def back_test_lines(found: BackTest, position: int, width: int) -> list[Line]:
    """Return what the rules would have done, of the rule at a position first: figures, then where people decided
    otherwise, then what is open."""
    mine = [tried for tried in found.tried if tried.position == position]
    rest = len(found.tried) - len(mine)
    agree, differ = sum(each.agrees is True for each in mine), sum(each.agrees is False for each in mine)
    would_settle = [each for each in mine if each.agrees is None and not each.asks]
    lines: list[Line] = [
        (Span("Tried on every conflict of the past, and on the open ones", "strong"),),
        (Span(f"{len(mine):,} of {count(len(found.tried), 'contested field')} fall under this rule", "dim"),),
        (),
        (Span("✓ ", "ok"), Span(f"{agree:,} "), Span("as people decided", "dim")),
        (Span("≠ ", "error" if differ else "dim"), Span(f"{differ:,} "), Span("otherwise than people decided", "dim")),
        (Span("? ", "dim"), Span(f"{sum(each.asks for each in mine):,} "), Span("would still be asked", "dim")),
        (Span("● ", "dim"), Span(f"{len(would_settle):,} "), Span("open now, settled by it", "dim")),
    ]
    if not mine:
        hint = "It decides nothing that ever happened here: an earlier rule catches it, or its patterns fit nothing."
        lines += [(), *wrap(hint, width, "warn")]
    for title, chosen in (
        ("Otherwise than people decided", [each for each in mine if each.agrees is False]),
        ("Open now", would_settle),
        ("As people decided", [each for each in mine if each.agrees is True]),
    ):
        if chosen:
            lines += [(), (Span(title, "strong"),), *_tried_lines(chosen, width)]
    if rest:
        lines += [(), (Span(f"{rest:,} others stay with the other rules or people", "dim"),)]
    return lines


def strategy_lines(strategies: Mapping[str, str], width: int) -> list[Line]:
    """Return what `use` can be, with a sentence about each."""
    if not strategies:
        return []
    lines: list[Line] = [(Span("What it can use", "strong"),)]
    for word, about in strategies.items():
        lines.append((Span(f"  {clean(word)}", "accent"),))
        lines += wrap(clean(about, 300), width, "dim", indent=4)
    return lines


def _tried_lines(tried: Sequence[Tried], width: int) -> list[Line]:
    lines: list[Line] = []
    for each in tried[:MOST_SHOWN]:
        about = f"{clean(each.aggregate_id, 60)} {field_name(each.path)}"
        room = min(max(24, width // 2), width - 20)
        values: Line = (Span(value_text(each.outcome, 120), "new"),)
        if each.agrees is False:
            chosen = value_text(each.chosen, 120) if each.chosen is not ABSENT else "removed"
            values = (Span(chosen, "old"), Span(" → "), *values)
        lines.append(fit((Span("  "), cell(about, room), Span("  "), *values), width))
    if len(tried) > MOST_SHOWN:
        lines.append((Span(f"  … and {len(tried) - MOST_SHOWN:,} more", "dim"),))
    return lines
