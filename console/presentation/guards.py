"""Guards as gauges: how near a plan comes to each limit, and the sentence of those that refuse."""

from __future__ import annotations

from collections.abc import Sequence

from console.presentation.spans import Line, Span, cell, clean
from engine.reconcile.plan import Verdict

GAUGE = 12
NEAR = 0.8
"""From this share of its limit on, a guard is shown as near."""


def gauge(observed: float, limit: float, width: int = GAUGE) -> str:
    """Return a bar that is full at the limit. Anything at all shows; only what reaches the limit fills it."""
    share = observed / limit if limit else (1.0 if observed else 0.0)
    full = min(width, int(share * width))
    if observed and not full:
        full = 1
    if share < 1 and full == width:
        full = width - 1
    return "█" * full + "·" * (width - full)


def number(value: float) -> str:
    """Return a number without needless digits."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def role_of(verdict: Verdict) -> str:
    """Return whether a guard is content, near its limit, or refuses."""
    if verdict.refuses:
        return "error"
    if verdict.overridden_by:
        return "warn"
    if verdict.observed is None or not verdict.limit or _floor(verdict):
        return "ok"
    return "warn" if verdict.observed >= NEAR * verdict.limit else "ok"


def word_of(verdict: Verdict) -> str:
    """Return the guard's answer in a word."""
    if verdict.refuses:
        return "refuses"
    return f"lifted by {clean(verdict.overridden_by, 40)}" if verdict.overridden_by else "content"


def guard_line(target: str, verdict: Verdict, width: int) -> Line:
    """Return one guard: name, whose, gauge, observed and limit, its word. Where it is narrow, the bar goes first."""
    role = role_of(verdict)
    where = 16 if width >= 100 else 10
    line = [cell(verdict.guard, 26), cell(clean(target) or "source", where, "dim"), Span(" ")]
    bar_room = GAUGE + 1 if width >= 86 else 0
    if verdict.observed is not None and verdict.limit is not None:
        if bar_room:
            line += [Span(gauge(verdict.observed, verdict.limit), role), Span(" ")]
        sign = "≥" if _floor(verdict) else "/"
        unit = f" {verdict.unit}" if verdict.unit else ""
        line += [cell(f"{number(verdict.observed)} {sign} {number(verdict.limit)}{unit}", 20), Span(" ")]
    else:
        line.append(Span(" " * (bar_room + 21)))
    line.append(Span(word_of(verdict), role))
    return tuple(line)


def guards_title(guards: Sequence[tuple[str, Verdict]]) -> Line:
    """Return the line above all guards."""
    refusing = sum(verdict.refuses for _, verdict in guards)
    lifted = sum(bool(verdict.overridden_by) for _, verdict in guards)
    content = len(guards) - refusing - lifted
    parts = []
    if refusing:
        parts.append((f"{refusing} refuse" + ("s" if refusing == 1 else ""), "error"))
    if lifted:
        parts.append((f"{lifted} lifted", "warn"))
    parts.append((f"{content} content", "ok" if content else "dim"))
    line: list[Span] = [Span("Guards  ", "strong")]
    for text, role in parts:
        line += [Span(" "), Span(text, role)]
    return tuple(line)


def _floor(verdict: Verdict) -> bool:
    """Tell whether the limit is the least and not the most."""
    return verdict.guard.startswith("min_")
