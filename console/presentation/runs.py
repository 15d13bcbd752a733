"""Runs and their items as lines."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from console.presentation.ages import age, count, duration
from console.presentation.change_lines import SIGNS
from console.presentation.plan_words import SHORT, Deed, Matter
from console.presentation.spans import Line, Span, cell, clean, fit, joined, spread, width_of, wrap
from engine.reconcile.history import ItemState, RunItem, RunState, RunSummary

STATES: dict[RunState, tuple[str, str]] = {
    RunState.RUNNING: ("running", "accent"),
    RunState.INTERRUPTED: ("interrupted", "warn"),
    RunState.DONE: ("done", "ok"),
    RunState.PARTIAL: ("partly done", "warn"),
    RunState.CANCELLED: ("cancelled", "warn"),
    RunState.FAILED: ("failed", "error"),
}
ITEM_STATES: dict[ItemState, tuple[str, str]] = {
    ItemState.PENDING: ("pending", "dim"),
    ItemState.INTENT: ("under way", "accent"),
    ItemState.DONE: ("done", "ok"),
    ItemState.ALREADY: ("already so", "dim"),
    ItemState.REFUSED: ("refused", "error"),
    ItemState.FAILED: ("failed", "error"),
    ItemState.DRIFTED: ("drifted", "warn"),
    ItemState.CANCELLED: ("cancelled", "dim"),
}
WIDE_STATE = 14
BAD = (ItemState.FAILED, ItemState.REFUSED, ItemState.DRIFTED)
RESUMABLE = {RunState.INTERRUPTED, RunState.PARTIAL, RunState.CANCELLED, RunState.FAILED}


def item_state(state: ItemState, interrupted: bool = False) -> Span:
    """Return an item's state in words; an intent without an outcome is unknown once the run is interrupted."""
    if interrupted and state is ItemState.INTENT:
        return Span("unknown", "warn")
    return Span(*ITEM_STATES[state])


def counts_line(counts: Mapping[str, int]) -> Line:
    """Return items by state, the bad ones first."""
    order = (*BAD, ItemState.DONE, ItemState.ALREADY, ItemState.INTENT, ItemState.PENDING, ItemState.CANCELLED)
    return joined(
        (
            (Span(f"{counts[state]:,} {ITEM_STATES[state][0]}", ITEM_STATES[state][1]),)
            for state in order
            if counts.get(state)
        ),
        "  ",
    )


def verdict_span(run: RunSummary) -> Span:
    """Return what the read-back said: as planned, not as planned, or not read back."""
    if run.verified is None:
        return Span("", "dim") if run.state is RunState.RUNNING else Span("not read back", "dim")
    return Span("✓ verified", "ok") if run.verified else Span("✗ not as planned", "error")


def columns(width: int) -> tuple[int, int, int]:
    """Return the cells for sync, state and counts."""
    return (18, 12, 22) if width < 100 else (min(32, width // 6), WIDE_STATE, 34)


def _state_cell(run: RunSummary, width: int) -> Span:
    """Return the state, with the mark of the read-back where there is no room for its words."""
    text, role = STATES[run.state]
    marks = {True: " ✓", False: " ✗", None: ""}
    return cell(text + (marks[run.verified] if width < WIDE_STATE else ""), width, role)


def runs_heading(width: int) -> Line:
    """Return the titles above the list."""
    sync, state, counts = columns(width)
    titles = [
        cell("run", 5, right=True),
        cell("sync", sync),
        cell("state", state),
        cell("items", counts),
        Span("started"),
    ]
    return (Span("  "), *(Span(title.text + "  ", "dim") for title in titles))


def run_line(run: RunSummary, width: int, now: datetime) -> Line:
    """Return one run: number, sync, state, items, when, how long, who, and the verdict."""
    sync, state, counts = columns(width)
    words = fit(counts_line(run.counts), counts)
    gap = Span("  ")
    took = (run.ended_at or now) - run.started_at
    line = (
        cell(str(run.run), 5, "dim", right=True),
        gap,
        cell(clean(run.sync), sync, "strong"),
        gap,
        _state_cell(run, state),
        gap,
        *words,
        Span(" " * (counts - width_of(words))),
        gap,
        cell(age(run.started_at, now), 12),
        *((cell(duration(took), 9, "dim"), verdict_span(run)) if width >= 100 else ()),
        Span(f"  {clean(run.started_by, 30)}", "dim"),
        Span(f"  {clean(run.verdict, 200)}", "dim"),
    )
    return fit(line, width)


def item_line(item: RunItem, width: int, *, interrupted: bool = False) -> Line:
    """Return one item of a run: how it stands, what it is, and the reason when it did not go well."""
    state = item_state(item.state, interrupted)
    stand, where = (10, 10) if width < 100 else (12, 16)
    bad = item.state in BAD
    room = width - stand - where - 5
    name = max(22, min(44, room * 2 // 5)) if item.reason else room
    line = [
        cell(state.text, stand, state.role),
        Span(" "),
        cell(clean(item.target), where, "dim"),
        Span(f" {SIGNS[item.action]} ", item.action.value),
        cell(clean(item.spelling), name) if item.reason else Span(clean(item.spelling)),
        Span(f" {clean(item.reason)}", "error" if bad else "dim"),
    ]
    if item.attempt > 1:
        line.append(Span(f"  attempt {item.attempt}", "dim"))
    return fit(tuple(line), width)


def item_detail(item: RunItem, width: int, now: datetime) -> list[Line]:
    """Return one item in full."""
    head = (Span(f"{SIGNS[item.action]} ", item.action.value), Span(clean(item.spelling), "strong"))
    state = item_state(item.state)
    facts = joined(
        (
            (state,),
            (Span(f"{item.action} at {clean(item.target)}", "dim"),),
            (Span(count(item.attempt, "attempt"), "dim"),) if item.attempt else (),
            (Span(age(item.at, now), "dim"),) if item.at is not None else (),
        )
    )
    lines: list[Line] = [fit(head, width), fit(facts, width)]
    if item.reason:
        lines += [(), *wrap(item.reason, width, "error" if item.state in BAD else "")]
    return [*lines, (), (Span(clean(item.item), "dim"),)]


def run_facts(run: RunSummary, width: int, now: datetime, *, verdict: bool = True) -> list[Line]:
    """Return what stands above a run; its verdict is left out where each target's own is shown."""
    took = duration((run.ended_at or now) - run.started_at)
    left = joined(
        (
            (Span(f"Run {run.run}", "strong"),),
            (Span(clean(run.sync), "strong"),),
            (Span(*STATES[run.state]),),
            (verdict_span(run),) if verdict_span(run).text else (),
        ),
        "  ",
    )
    took_words = f", {took}   plan {run.digest[:SHORT]}" if width >= 100 else ""
    right = (Span(f"by {clean(run.started_by, 30)} {age(run.started_at, now)}{took_words}", "dim"),)
    lines = [spread(left, right, width)]
    if run.verdict and verdict:
        lines += wrap(run.verdict, width, "" if run.verified else "warn")
    if run.state is RunState.INTERRUPTED:
        text = "Its process is gone. F reads back what is unknown and goes on; nothing is done twice."
        lines += wrap(text, width, "warn")
    return lines


def resume_matter(run: RunSummary, width: int) -> Matter:
    """Return what is asked by F."""
    bad = sum(run.counts.get(state, 0) for state in BAD)
    left = sum(run.counts.get(state, 0) for state in (ItemState.PENDING, ItemState.INTENT, ItemState.CANCELLED))
    lines = [
        counts_line(run.counts),
        (),
        *wrap("The target is read again first; only what is still needed is done, and nothing twice.", width, "dim"),
    ]
    words = " and ".join(text for text in (f"{bad} not done" if bad else "", f"{left} left" if left else "") if text)
    return Matter(
        title=f"Go on with run {run.run}?",
        lines=tuple(lines),
        deed=Deed.RESUME,
        button=f"Go on with {words}" if words else "Go on",
    )


def cancel_matter(run: RunSummary, width: int) -> Matter:
    """Return what is asked by C."""
    text = "Calls under way are finished and noted; what is left stays as it is. F goes on later."
    return Matter(
        title=f"Stop run {run.run} of {clean(run.sync)}?",
        lines=(counts_line(run.counts), (), *wrap(text, width, "dim")),
        deed=Deed.CANCEL,
        button="Stop the run",
    )


def no_runs(sync: str) -> tuple[Line, ...]:
    """Return what an empty list says."""
    if sync:
        return ((Span(f"{clean(sync)} has never run.", "strong"),), (Span("s", "accent"), Span(" shows all", "dim")))
    return (
        (Span("Nothing has run yet.", "strong"),),
        (),
        (Span("A run carries a plan out. To start one:"),),
        (Span("  4 ", "accent"), Span("open a plan, look at it, and press "), Span("A", "accent")),
    )
