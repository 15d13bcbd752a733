"""How near something is to its limit, as a bar and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.presentation.spans import Line, Span, cell, fit

if TYPE_CHECKING:
    from engine.reconcile.plan import Verdict

BAR = 16
NEAR = 0.75
FLOORS = frozenset({"min_source", "min_left"})
"""Guards whose limit is the least that must be there."""


def gauge(verdict: Verdict, width: int) -> Line:
    """Return a guard: its name, a bar of observed against limit where it has numbers, and the words."""
    name = cell(verdict.guard.replace("_", " "), 26)
    state = Span("✓ content", "ok")
    if verdict.refuses:
        state = Span("⊘ refuses", "error")
    elif verdict.overridden_by:
        state = Span(f"overridden by {verdict.overridden_by}", "warn")
    if verdict.observed is None or verdict.limit is None:
        return fit((name, state), width)
    unit = " %" if verdict.unit == "%" else ""
    floor = verdict.guard in FLOORS
    words = f" {_number(verdict.observed)}{unit}, {'least' if floor else 'most'} {_number(verdict.limit)}{unit}  "
    return fit(
        (name, *_bar(_used(verdict.observed, verdict.limit, floor=floor), verdict.refuses), Span(words), state), width
    )


def _used(observed: float, limit: float, *, floor: bool) -> float:
    """Return how much of the room to the limit is used up, from 0 to 1; at a floor, little room is left near it."""
    part, whole = (limit, observed) if floor else (observed, limit)
    return min(part / whole, 1.0) if whole else float(part > 0)


def _bar(part: float, refused: bool) -> Line:
    full = round(part * BAR)
    role = "error" if refused else "warn" if part >= NEAR else "ok"
    return Span("█" * full, role), Span("░" * (BAR - full), "dim")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
