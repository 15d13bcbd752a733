"""Two plans of the same sync beside each other: what is new, what is gone, what is asked otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from console.presentation.ages import age, count
from console.presentation.change_lines import SIGNS
from console.presentation.spans import Line, Span, cell, clean, joined
from engine.reconcile.plan import Change, Plan, items


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Changes by (target, change), in plan order; `otherwise` are the same items with other values."""

    new: tuple[tuple[str, Change], ...]
    gone: tuple[tuple[str, Change], ...]
    otherwise: tuple[tuple[str, Change], ...]
    same: int


def compare(plan: Plan, earlier: Plan) -> Comparison:
    """Return how a plan differs from an earlier one."""
    now = {name: (target.target, change) for name, target, change in items(plan)}
    then = {name: (target.target, change) for name, target, change in items(earlier)}
    both = now.keys() & then.keys()
    otherwise = tuple(now[name] for name in now if name in both and _asks(now[name][1]) != _asks(then[name][1]))
    return Comparison(
        new=tuple(now[name] for name in now if name not in both),
        gone=tuple(then[name] for name in then if name not in both),
        otherwise=otherwise,
        same=len(both) - len(otherwise),
    )


def _asks(change: Change) -> object:
    return change.before, change.after, change.renamed_to


def comparison_lines(compared: Comparison, earlier: Plan, now: datetime) -> Iterator[Line]:
    """Yield what differs, summed up first."""
    since = f"Against the plan made {age(earlier.created_at, now)} by {clean(earlier.created_by, 40)}."
    yield (Span(since, "dim"),)
    parts = (
        (Span(f"{len(compared.new):,} new", "strong" if compared.new else "dim"),),
        (Span(f"{len(compared.gone):,} gone", "strong" if compared.gone else "dim"),),
        (Span(f"{len(compared.otherwise):,} with other values", "strong" if compared.otherwise else "dim"),),
        (Span(f"{count(compared.same, 'change')} the same", "dim"),),
    )
    yield joined(parts)
    for title, changes in (("New", compared.new), ("Gone", compared.gone), ("Other values", compared.otherwise)):
        if changes:
            yield ()
            yield (Span(title, "strong"), Span(f"  {len(changes):,}", "dim"))
        for target, change in changes:
            sign = Span(f"  {SIGNS[change.action]} ", change.action.value)
            yield (sign, cell(clean(target), 14, "dim"), Span(" "), Span(clean(change.spelling)), _why(change))


def _why(change: Change) -> Span:
    return Span(f"   {clean(change.why)}", "dim")
