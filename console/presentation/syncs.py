"""Syncs as text: the list, and what stands beside the form: scope, mapping, guards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from console.presentation.ages import count, duration, share
from console.presentation.gauges import gauge
from console.presentation.spans import Line, Span, cell, clean, fit, wrap
from engine.reconcile.records import Value, text_of

if TYPE_CHECKING:
    from engine.reconcile.inspection import Mapped, ScopeCount
    from engine.reconcile.plan import Plan
    from engine.settings.model import Schedule, SyncSettings

EVERYTHING = "Without `where` every record of the source is wanted."


def widths(width: int, names: Sequence[str]) -> tuple[int, int, int, int]:
    """Return the widths of name, mode, schedule, and from-to."""
    name = max(12, min(max((len(each) for each in names), default=0) + 2, 28))
    return name, 13, 22, max(width - name - 35, 10)


def titles(width: int, names: Sequence[str]) -> Line:
    """Return the line above the list."""
    heads = zip(("SYNC", "MODE", "SCHEDULE", "FROM → TO"), widths(width, names), strict=True)
    return tuple(cell(word, room, "dim") for word, room in heads)


def sync_line(sync: SyncSettings, room: tuple[int, int, int, int]) -> Line:
    """Return one line of the list."""
    when = Span("‖ paused", "warn") if sync.paused else Span(schedule(sync.schedule), "" if sync.schedule else "dim")
    ways = f"{sync.source} → {', '.join(sync.targets)}" + (f"  where {sync.where}" if sync.where else "")
    return (
        cell(clean(sync.name), room[0], "strong"),
        cell(str(sync.mode), room[1], "dim"),
        cell(when.text, room[2], when.role),
        cell(clean(ways), room[3]),
    )


def schedule(settings: Schedule | None) -> str:
    """Return a schedule in words."""
    if settings is None:
        return "by hand"
    when = f"every {duration(settings.every or timedelta(0))}" if settings.every else settings.cron
    return f"{when}, {settings.apply}"


def scope_lines(scope: ScopeCount | None, width: int) -> list[Line]:
    """Return what `where` selects, with examples of both kinds."""
    lines: list[Line] = [(Span("Scope", "strong"),)]
    if scope is None:
        return [*lines, (Span("… reading the source", "dim"),)]
    if scope.problem:
        lines += wrap(scope.problem, width, "error")
    if scope.total:
        picked = f"{scope.selected:,} of {count(scope.total, 'record')}"
        lines.append((Span(picked, "accent"), Span(f"  {share(scope.selected, scope.total)}", "dim")))
    for sign, role, spellings in (("in  ", "add", scope.examples_in), ("out ", "dim", scope.examples_out)):
        if spellings:
            names = ", ".join(clean(spelling) for spelling in spellings)
            lines.append(fit((Span(sign, role), Span(names, "" if role == "add" else "dim")), width))
    return lines


def mapping_lines(mapped: Sequence[Mapped] | None, problem: str, width: int) -> list[Line]:
    """Return one real record before and after the mapping."""
    lines: list[Line] = [(Span("Mapping", "strong"),)]
    if problem:
        return lines + wrap(problem, width, "error")
    if not mapped:
        return [*lines, (Span("… no record in scope yet" if mapped is not None else "… reading", "dim"),)]
    one = mapped[0]
    lines.append((Span(clean(one.spelling), "accent"),))
    lines += _values(one.record, "", width)
    lines.append((Span("becomes, at the targets", "dim"),))
    lines += _values(one.attributes, "new", width) or [(Span("  the key alone: no attributes are mapped", "dim"),)]
    return lines + (wrap(one.problem, width, "error") if one.problem else [])


def guard_lines(plan: Plan | None, width: int) -> list[Line]:
    """Return each guard of the newest plan as a gauge: observed of limit."""
    lines: list[Line] = [(Span("Guards, as the newest plan met them", "strong"),)]
    if plan is None:
        return [*lines, (Span("never planned: p makes a plan and changes nothing", "dim"),)]
    lines += [gauge(verdict, width) for verdict in plan.source_guards]
    for target in plan.targets:
        lines.append((Span(clean(target.target), "dim"),))
        lines += [gauge(verdict, width) for verdict in target.guards]
    return lines


def _values(values: Mapping[str, Value], role: str, width: int) -> list[Line]:
    names = max((len(name) for name in values), default=0)
    return [
        fit((Span("  "), cell(clean(name), min(names, 20) + 2, "dim"), Span(clean(text_of(value)), role)), width)
        for name, value in values.items()
    ]
