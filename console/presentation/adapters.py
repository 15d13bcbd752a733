"""Adapters as text: the list, the status beside the form, a connection test with its sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from console.presentation.ages import age, count
from console.presentation.spans import Line, Span, cell, clean, fit, wrap
from engine.reconcile.records import text_of

if TYPE_CHECKING:
    from engine.reconcile.inspection import Report, Step
    from engine.settings.model import Workspace

SAMPLE_COLUMN = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class LastTest:
    """What the event log says of an adapter's last connection test."""

    at: datetime
    passed: bool
    detail: str = ""


def used_by(workspace: Workspace, adapter: str) -> tuple[str, ...]:
    """Return who uses an adapter: "engineering (source)"."""
    found = []
    for sync in workspace.syncs.values():
        if sync.source == adapter:
            found.append(f"{sync.name} (source)")
        if adapter in sync.targets:
            found.append(f"{sync.name} (target)")
    return tuple(found)


def widths(width: int, names: Sequence[str]) -> tuple[int, int, int, int]:
    """Return the widths of name, type, last test, used by."""
    name = max(12, min(max((len(each) for each in names), default=0) + 2, 28))
    kind = 15 if width < 110 else 20
    test = 24 if width < 110 else 40
    return name, kind, test, max(width - name - kind - test, 8)


def titles(width: int, names: Sequence[str]) -> Line:
    """Return the line above the list."""
    return tuple(
        cell(word, room, "dim")
        for word, room in zip(("ADAPTER", "TYPE", "LAST TEST", "USED BY"), widths(width, names), strict=True)
    )


def adapter_line(
    name: str, kind: str, users: Sequence[str], test: LastTest | None, now: datetime, room: tuple[int, int, int, int]
) -> Line:
    """Return one line of the list."""
    used = ", ".join(users)
    return (
        cell(clean(name), room[0], "strong"),
        cell(clean(kind), room[1], "dim"),
        *_padded(tested(test, now), room[2]),
        cell(clean(used) if used else "nobody", room[3], "" if used else "dim"),
    )


def tested(test: LastTest | None, now: datetime) -> Line:
    """Return how the last test went, and when."""
    if test is None:
        return (Span("○ not tested yet", "dim"),)
    verdict = Span("✓ ok", "ok") if test.passed else Span("✗ failed", "error")
    detail = Span(f"  {clean(test.detail)}", "dim") if test.detail else Span("")
    return (verdict, Span(f"  {age(test.at, now)}", "dim"), detail)


def known_lines(users: Sequence[str], test: LastTest | None, now: datetime, width: int) -> list[Line]:
    """Return what stands beside the form of an adapter: who uses it, how its last test went."""
    lines: list[Line] = [(Span("Used by   ", "dim"), *_users(users))]
    lines += [(Span("          "), Span(clean(user))) for user in users[1:]]
    lines.append((Span("Last test ", "dim"), *fit(tested(test, now), max(width - 10, 8))))
    return lines


def testing_lines() -> list[Line]:
    """Return what is shown while a test is under way."""
    return [(), (Span("… testing: connecting, reading every page", "accent"),)]


def invitation(width: int) -> list[Line]:
    """Return what a test would do, before there was one."""
    return [(), *wrap("t tests the connection: it reads everything once and changes nothing.", width, "dim")]


def report_lines(report: Report, width: int) -> list[Line]:
    """Return a connection test: the verdict, its steps with their times, and the first records as they were read."""
    verdict = Span("✓ The test passed", "ok") if report.passed else Span("✗ The test failed", "error")
    lines: list[Line] = [(), (verdict,)]
    for step in report.steps:
        lines += _step(step, width)
    if report.carried:
        held = f"{count(report.carried, 'member')} without a key here (bots, guests, groups), carried through untouched"
        lines += wrap(held, width, "dim")
    return lines + _sample(report, width)


def _users(users: Sequence[str]) -> Line:
    return (Span(clean(users[0])),) if users else (Span("nobody: it may be deleted", "dim"),)


def _step(step: Step, width: int) -> list[Line]:
    sign, role = ("✓", "ok") if step.passed else ("✗", "error")
    took = f"{step.milliseconds:,.0f} ms"
    first, *rest = wrap(step.detail, max(width - 25, 20), "" if step.passed else "error") or [()]
    head = (Span(f"{sign} ", role), cell(step.name, 13), cell(took, 8, "dim", right=True), Span("  "))
    return [(*head, *first), *((Span(" " * 25), *line) for line in rest)]


def _sample(report: Report, width: int) -> list[Line]:
    if not report.sample:
        return []
    # The column that the key comes from would only say the same again.
    places = [
        place for place in range(len(report.names)) if any(text_of(row[place]) != key for key, row in report.sample)
    ]
    columns = max(width // SAMPLE_COLUMN - 1, 1)
    room = max(width // (min(len(places), columns) + 1), 10)
    heads = ("KEY", *(report.names[place].upper() for place in places[:columns]))
    lines: list[Line] = [(), tuple(cell(clean(head), room, "dim") for head in heads)]
    for spelling, values in report.sample:
        texts = (spelling, *(text_of(values[place]) for place in places[:columns]))
        lines.append(tuple(cell(clean(text), room) for text in texts))
    rest = [f"{report.count - len(report.sample):,} more records"] if report.count > len(report.sample) else []
    rest += [count(len(places) - columns, "more column")] if len(places) > columns else []
    return [*lines, (Span("… and " + ", ".join(rest), "dim"),)] if rest else lines


def _padded(line: Line, width: int) -> Line:
    cut = fit(line, width - 1)
    return (*cut, cell("", width - sum(len(span.text) for span in cut)))
