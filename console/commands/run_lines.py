"""Runs as lines of text and as JSON objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from console.commands.session import Session
from console.commands.table import moment, safe
from engine.reconcile.history import ItemState, RunItem, RunState, RunSummary
from engine.reconcile.results import RunResult

STATE_COLOUR = {
    RunState.DONE: "green",
    RunState.PARTIAL: "yellow",
    RunState.CANCELLED: "yellow",
    RunState.INTERRUPTED: "yellow",
    RunState.FAILED: "red",
    RunState.RUNNING: "cyan",
}
NOTEWORTHY = (
    ItemState.REFUSED,
    ItemState.FAILED,
    ItemState.DRIFTED,
    ItemState.CANCELLED,
    ItemState.INTENT,
    ItemState.PENDING,
)


def counted(counts: Mapping[str, int]) -> str:
    """Return item counts by state, in words."""
    return ", ".join(f"{count:,} {state}" for state, count in counts.items() if count) or "nothing"


def result_lines(session: Session, result: RunResult) -> Iterator[str]:
    """Yield how a run ended: state, each target with its verdict, differences nobody planned."""
    summary = result.summary
    yield ""
    yield session.paint(f"Run {summary.run} of {summary.sync}: {summary.state}", "bold", STATE_COLOUR[summary.state])
    for target in result.targets:
        yield f"  {target.target}: {counted(target.counts)}"
        if target.error:
            yield session.paint(f"    {safe(target.error)}", "red")
        if target.verdict:
            yield session.paint(f"    {safe(target.verdict)}", "green" if target.verified else "yellow")
        for difference in target.unplanned[:20]:
            yield session.paint(f"    not planned, left alone: {safe(difference)}", "dim")


def result_object(result: RunResult) -> dict[str, Any]:
    """Return a finished run for scripts."""
    return {**run_object(result.summary), "targets": result.targets, "exit_code": result.exit_code}


def run_object(summary: RunSummary) -> dict[str, Any]:
    """Return a run for scripts, without its items."""
    return {name: getattr(summary, name) for name in summary.__struct_fields__}


def run_lines(session: Session, summary: RunSummary, items: Sequence[RunItem]) -> Iterator[str]:
    """Yield one run with the items that deserve a look."""
    yield session.paint(f"Run {summary.run} of {summary.sync}: {summary.state}", "bold", STATE_COLOUR[summary.state])
    when = f"started {moment(summary.started_at)} by {summary.started_by}, ended {moment(summary.ended_at)}"
    yield f"  plan {summary.digest[:12]}, {when}"
    yield f"  {counted(summary.counts)}"
    if summary.verdict:
        yield session.paint(f"  {safe(summary.verdict)}", "green" if summary.verified else "yellow")
    for item in items:
        if item.state in NOTEWORTHY:
            yield session.paint(f"  {item.state:<9} {safe(item.item)}  {safe(item.reason)}", "yellow")
