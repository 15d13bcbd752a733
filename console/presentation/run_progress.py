"""A run under way, and how it ended, target by target."""

from __future__ import annotations

from console.presentation.ages import duration
from console.presentation.runs import counts_line
from console.presentation.spans import Line, Span, cell, clean, fit, joined, wrap
from engine.reconcile.history import TargetRun
from engine.reconcile.results import TargetResult

MOST_UNPLANNED = 5


def progress_lines(target: TargetRun, width: int) -> list[Line]:
    """Return one target's bar, figures, rate, time left, and what is under way (below, where it is narrow)."""
    bar_width = max(10, min(40, width // 5))
    name = 20 if width >= 100 else 12
    share = target.finished / target.total if target.total else 1.0
    full = int(share * bar_width)
    bar = "█" * full + "░" * (bar_width - full)
    figures = f"{target.finished:,} of {target.total:,}"
    parts: list[Line] = [(Span(figures),)]
    if target.failed:
        parts.append((Span(f"{target.failed:,} not done", "error"),))
    if target.finished < target.total:
        parts.append((Span(f"{_rate(target.per_second)}", "dim"),))
        if target.left is not None:
            parts.append((Span(f"{duration(target.left)} left", "dim"),))
    batch = (Span(clean(target.batch), "warn" if "wait" in target.batch else "accent"),) if target.batch else ()
    if width >= 100:
        parts.append(batch)
    head = (cell(clean(target.target), name, "strong"), Span(" "), Span(bar, "ok" if share == 1 else "accent"))
    line = fit((*head, Span(f" {share:>4.0%}  "), *joined(parts, "  ")), width)
    return [line, fit((Span(" " * (name + 1)), *batch), width)] if batch and width < 100 else [line]


def _rate(per_second: float) -> str:
    if per_second >= 10:
        return f"{per_second:,.0f}/s"
    return f"{per_second:.1f}/s" if per_second >= 0.1 else f"{per_second * 60:.1f}/min"


def result_lines(result: TargetResult, width: int) -> list[Line]:
    """Return how one target ended: the verdict of reading it back, and what nobody planned."""
    mark = {True: Span("✓ ", "ok"), False: Span("✗ ", "error"), None: Span("– ", "dim")}[result.verified]
    name = 20 if width >= 100 else 12
    head = (mark, cell(clean(result.target), name, "strong"), *joined((counts_line(result.counts),), "  "))
    role = "dim" if result.verified else "warn"
    lines: list[Line] = [fit(head, width), *wrap(result.verdict, width, role, indent=4)]
    if width >= 130:
        lines = [fit(joined((head, (Span(clean(result.verdict), role),)), "   "), width)]
    if result.error:
        lines += wrap(result.error, width, "error", indent=4)
    for sentence in result.unplanned[:MOST_UNPLANNED]:
        lines.append(fit((Span("    not planned by anybody: ", "warn"), Span(clean(sentence))), width))
    if len(result.unplanned) > MOST_UNPLANNED:
        more = len(result.unplanned) - MOST_UNPLANNED
        lines.append((Span(f"    … and {more:,} more; a new plan shows them all", "dim"),))
    return lines
