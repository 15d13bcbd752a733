"""Kept plans as lines of a list."""

from __future__ import annotations

from datetime import datetime

from console.presentation.ages import age, roughly
from console.presentation.change_lines import counts_line
from console.presentation.plan_words import SHORT, state_span
from console.presentation.spans import Line, Span, cell, clean, fit, width_of
from engine.reconcile.history import PlanSummary
from engine.reconcile.plan import Action


def columns(width: int) -> tuple[int, int, int]:
    """Return the cells for sync, state and counts."""
    if width < 100:
        return 18, 18, 16
    return min(32, width // 6), 20, 26


def plans_heading(width: int) -> Line:
    """Return the titles above the list."""
    sync, state, counts = columns(width)
    titles = [cell("plan", SHORT), cell("sync", sync), cell("state", state), cell("changes", counts), Span("made")]
    return (Span("  "), *(Span(title.text + "  ", "dim") for title in titles))


def plan_line(summary: PlanSummary, width: int, now: datetime) -> Line:
    """Return one plan: digest, sync, state, changes, when and by whom; what refuses it where there is room."""
    sync, state, counts = columns(width)
    words = counts_line({Action(name): number for name, number in summary.counts.items() if name in set(Action)})
    words = fit(words, counts)
    gap = Span("  ")
    line = [
        Span(summary.digest[:SHORT], "dim"),
        gap,
        cell(clean(summary.sync), sync, "strong"),
        gap,
        _state_cell(summary, state),
        gap,
        *words,
        Span(" " * (counts - width_of(words))),
        gap,
        cell(roughly(summary.created_at, now), 10) if width < 100 else cell(age(summary.created_at, now), 13),
    ]
    line.append(Span(f"  {clean(summary.created_by, 30)}", "dim"))
    remarks = [*summary.errors, *summary.refusals]
    if summary.undoes:
        remarks.insert(0, f"undoes run {summary.undoes}")
    if summary.parent:
        remarks.insert(0, f"chosen from {summary.parent[:SHORT]}")
    if summary.parked:
        remarks.append(f"{summary.parked:,} parked")
    if remarks:
        line.append(
            Span(f"  {clean('; '.join(remarks), 300)}", "warn" if summary.refusals or summary.errors else "dim")
        )
    return fit(tuple(line), width)


def _state_cell(summary: PlanSummary, width: int) -> Span:
    span = state_span(summary.state, complete=not summary.errors)
    return cell(span.text, width, span.role)


def no_plans(sync: str) -> tuple[Line, ...]:
    """Return what an empty list says: what is missing and the next step."""
    if sync:
        return (
            (Span(f"No plan of {clean(sync)} is kept.", "strong"),),
            (Span("s", "accent"), Span(" shows all", "dim")),
        )
    return (
        (Span("No plan has been made yet.", "strong"),),
        (),
        (Span("A plan shows every change before anything is changed. To make one:"),),
        (Span("  1 ", "accent"), Span("go to the overview, choose a sync, and press "), Span("p", "accent")),
        (Span("  or ", "dim"), Span("syncdeck plan SYNC", "accent"), Span(" in a shell", "dim")),
    )
