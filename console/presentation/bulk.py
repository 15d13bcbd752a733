"""One choice for many conflicts: what it means for each of them, and how that is listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice

from console.presentation.ages import count
from console.presentation.conflict_fields import node
from console.presentation.json_words import differing_fields, value_text
from console.presentation.patches import field_name
from console.presentation.spans import Line, Span, cell, clean, fit, joined
from console.presentation.staging import Staging
from engine.events.merging.choices import chosen, refusal
from engine.events.merging.patterns import matches
from engine.events.merging.queue import Choice, Choices, ConflictDetail, ConflictId, Take
from engine.events.merging.values import Contest

BAR = 30
MOST_PARTS = 8
"""Parts of one field that a line tells of."""


class Way(StrEnum):
    """How many conflicts are settled at once, in the words of a sentence."""

    OPEN = "nothing yet"
    LEFT = "the left side"
    RIGHT = "the right side"
    NEWEST = "the newest side"
    OLDEST = "the oldest side"
    BASE = "the base"
    BOTH = "both sides together"
    NODE = "the side of a node"
    STAGED = "what is decided and not yet written"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One choice for many: the way, the fields it is for (a pattern; empty for all), for `NODE` the node's name."""

    way: Way
    field: str = ""
    node: str = ""

    @property
    def sentence(self) -> str:
        """Say it in words."""
        if self.way is Way.OPEN:
            return "nothing yet: choose below what is taken everywhere"
        how = f"the side of {self.node}" if self.way is Way.NODE else str(self.way)
        return f"{how}, in the field {clean(self.field)}" if self.field else f"{how}, in all fields"


class Outcome(StrEnum):
    """What became of one conflict."""

    WAITS = "waits"
    DONE = "settled"
    PART = "settled in part"
    """Other fields of it still wait."""
    FAILED = "not settled"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class End:
    """How the turn of one conflict ended, with why not where it failed."""

    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One of the conflicts: what would be chosen in it, and what became of it."""

    detail: ConflictDetail
    choices: Choices
    reason: str = ""
    """Why nothing is chosen, or why it failed."""
    outcome: Outcome = Outcome.WAITS

    @property
    def id(self) -> ConflictId:
        return self.detail.summary.id


def items_for(details: Sequence[ConflictDetail], order: Order, staging: Staging) -> tuple[Item, ...]:
    """Return what an order means for each conflict."""
    return tuple(_item(detail, order, staging) for detail in details)


def with_outcomes(items: Sequence[Item], ended: Mapping[ConflictId, End]) -> tuple[Item, ...]:
    """Return the items with what became of those that had their turn."""
    return tuple(
        replace(item, outcome=ended[item.id].outcome, reason=ended[item.id].reason) if item.id in ended else item
        for item in items
    )


def nodes_of(details: Sequence[ConflictDetail]) -> list[str]:
    """Return the nodes whose sides stand in any of the conflicts."""
    sides = (side for detail in details for verdict in detail.view.open for side in verdict.contest.candidates)
    return sorted({node(side) for side in sides})


def _item(detail: ConflictDetail, order: Order, staging: Staging) -> Item:
    contests = [verdict.contest for verdict in detail.view.open]
    if order.way is Way.OPEN:
        return Item(detail=detail, choices={})
    wanted = [each for each in contests if not order.field or matches(order.field, field_name(each.path))]
    if not wanted:
        return Item(detail=detail, choices={}, reason="has no such field in conflict", outcome=Outcome.LEFT_OUT)
    choices: Choices = {}
    reasons: list[str] = []
    for contest in wanted:
        choice = _choice(detail.summary.aggregate_id, contest, order, staging)
        reason = refusal(contest, choice) if choice is not None else _lacking(order)
        if choice is not None and not reason:
            choices[contest.path] = choice
        else:
            reasons.append(f"{field_name(contest.path)}: {reason}")
    outcome = Outcome.WAITS if choices else Outcome.LEFT_OUT
    return Item(detail=detail, choices=choices, reason="; ".join(reasons), outcome=outcome)


def _choice(aggregate: str, contest: Contest, order: Order, staging: Staging) -> Choice | None:
    match order.way:
        case Way.OPEN:
            return None
        case Way.LEFT | Way.OLDEST:
            return Choice(take=Take.CANDIDATE, candidate=0)
        case Way.RIGHT:
            return Choice(take=Take.CANDIDATE, candidate=1)
        case Way.NEWEST:
            return Choice(take=Take.CANDIDATE, candidate=len(contest.candidates) - 1)
        case Way.BASE:
            return Choice(take=Take.BASE)
        case Way.BOTH:
            return Choice(take=Take.BOTH)
        case Way.STAGED:
            return staging.choice(aggregate, contest)
        case Way.NODE:
            found = [number for number, side in enumerate(contest.candidates) if node(side) == order.node]
            return Choice(take=Take.CANDIDATE, candidate=found[-1]) if found else None


def _lacking(order: Order) -> str:
    return "nothing is decided" if order.way is Way.STAGED else f"{order.node} has no side"


# -- lines --------------------------------------------------------------------------------------------------------


OUTCOMES: dict[Outcome, tuple[str, str]] = {
    Outcome.WAITS: ("●", ""),
    Outcome.DONE: ("✓", "ok"),
    Outcome.PART: ("◐", "ok"),
    Outcome.FAILED: ("✗", "error"),
    Outcome.LEFT_OUT: ("─", "dim"),
}


def item_line(item: Item, width: int) -> Line:
    """Return one conflict: about what, what is chosen field by field, or why nothing is."""
    glyph, role = OUTCOMES[item.outcome]
    about = min(30, max(16, width // 4))
    head = (Span(f"{glyph} ", role), cell(clean(item.detail.summary.aggregate_id), about, "strong"), Span("  "))
    if item.outcome in (Outcome.FAILED, Outcome.LEFT_OUT):
        return fit((*head, Span(f"{item.outcome}: {clean(item.reason, 300)}", role)), width)
    contests = {verdict.contest.path: verdict.contest for verdict in item.detail.view.open}
    parts: list[Line] = [] if item.choices else [_sides(contest) for contest in contests.values()]
    for path, choice in item.choices.items():
        base, value = contests[path].base, chosen(contests[path], choice)
        for below, before, after in islice(differing_fields(base, value, path), MOST_PARTS):
            old, new = value_text(before, 60), value_text(after, 60)
            parts.append((Span(f"{field_name(below)}  ", "accent"), Span(old, "old"), Span(" → "), Span(new, "new")))
    return fit((*head, *joined(parts, "   ")), width)


def _sides(contest: Contest) -> Line:
    sides = (Span(value_text(side.value, 60)) for side in contest.candidates)
    return (Span(f"{field_name(contest.path)}  ", "accent"), *joined(((side,) for side in sides), " | "))


def order_lines(order: Order, items: Sequence[Item], width: int) -> list[Line]:
    """Return what stands above the list: the choice, and how many it is for."""
    waits = [item for item in items if item.outcome is Outcome.WAITS and item.choices]
    done = sum(item.outcome in (Outcome.DONE, Outcome.PART) for item in items)
    part = sum(item.outcome is Outcome.PART for item in items)
    failed = sum(item.outcome is Outcome.FAILED for item in items)
    left_out = sum(item.outcome is Outcome.LEFT_OUT for item in items)
    fields = sum(len(item.choices) for item in waits)
    head: Line = (Span("take "), Span(order.sentence, "strong"))
    parts: list[Line] = []
    if order.way is Way.OPEN:
        parts.append((Span(count(len(items), "conflict"), "accent"),))
    elif waits or not (done or failed):
        parts.append((Span(f"{count(len(waits), 'conflict')}, {count(fields, 'field')}", "accent"),))
    if done:
        parts.append((Span(f"✓ {done:,} settled" + (f", {part:,} of them in part" if part else ""), "ok"),))
    if failed:
        parts.append((Span(f"✗ {failed:,} not settled", "error"),))
    if left_out:
        parts.append((Span(f"─ {left_out:,} left out", "dim"),))
    return [fit(head, width), fit(joined(parts), width)]


def progress_line(done: int, total: int, *, stopping: bool) -> Line:
    """Return how far a long piece of work is."""
    full = BAR * done // max(1, total)
    words = f" {done:,} of {total:,}{', stopping' if stopping else ''}"
    return (Span("█" * full, "accent"), Span("░" * (BAR - full), "dim"), Span(words))
