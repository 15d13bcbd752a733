"""The queue of conflicts as lines of a list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from console.presentation.ages import age, in_one_unit
from console.presentation.patches import field_name
from console.presentation.spans import Line, Span, cell, clean, fit
from engine.events.event import node_of
from engine.events.merging.queue import ConflictState, ConflictSummary
from engine.events.merging.values import Path

STATES: dict[ConflictState, tuple[str, str]] = {
    ConflictState.OPEN: ("● open", "warn"),
    ConflictState.CLAIMED: ("◐ claimed", "accent"),
    ConflictState.SETTLED: ("✓ settled", "ok"),
    ConflictState.SUPERSEDED: ("↻ moved on", "dim"),
}
WAITING = (ConflictState.OPEN, ConflictState.CLAIMED)
"""States in which an operator is waited for."""
VIEWS: dict[str, tuple[ConflictState, ...]] = {
    "waiting": WAITING,
    "settled": (ConflictState.SETTLED,),
    "all": tuple(ConflictState),
}
"""What the list can be narrowed to with one key, by the word for it."""


def state_span(summary: ConflictSummary) -> Span:
    """Return a conflict's state as glyph and word."""
    if summary.state is ConflictState.SETTLED and not summary.reviewed:
        return Span("! settled twice", "error")
    return Span(*STATES[summary.state])


def name_of(summary: ConflictSummary) -> str:
    """Return what to ask for a conflict by: its id, or its aggregate where only rules decide and nobody ever did."""
    by_rules = summary.state is ConflictState.SETTLED and summary.resolution is None
    return summary.aggregate_id if by_rules else summary.id


def columns(width: int) -> tuple[int, int, int, int]:
    """Return the cells for state, aggregate, fields and nodes; the rest is for since when, and whom."""
    if width < 100:
        nodes, since = 18, 6
        return 11, 19, max(12, width - 11 - 19 - nodes - since - 8), nodes
    spare = width - 100
    return 15, 24 + spare // 5, 22 + spare // 4, 20 + spare // 5


def heading(width: int) -> Line:
    """Return the titles above the list."""
    state, aggregate, fields, nodes = columns(width)
    titles = (
        cell("state", state), cell("about", aggregate), cell("fields", fields), cell("nodes", nodes), Span("since"),
    )  # fmt: skip
    return (Span("  "), *(Span(title.text + "  ", "dim") for title in titles))


def conflict_line(summary: ConflictSummary, staged: int, width: int, now: datetime) -> Line:
    """Return one conflict: state, about what, fields, nodes, since when; who is at it or settled it (in the place of
    the nodes where it is narrow). `staged` is how many fields something is decided about here and not written yet."""
    state, aggregate, fields, nodes = columns(width)
    span = state_span(summary)
    mark = f"✎{staged} " if staged else ""
    gap = Span("  ")
    wide, who = width >= 100, _who(summary)
    since = "" if summary.since is None else age(summary.since, now) if wide else in_one_unit(now - summary.since)
    line = [
        cell(span.text, state, span.role),
        gap,
        cell(clean(summary.aggregate_id), aggregate, "strong"),
        gap,
        Span(mark, "accent"),
        cell(fields_text(summary.fields, fields - len(mark)), fields - len(mark)),
        gap,
        cell(who if who and not wide else _nodes(summary), nodes, "accent" if who and not wide else "dim"),
        gap,
        cell(since, 14 if wide else 6),
    ]
    if who and wide:
        line.append(Span(f" {who}", "accent" if summary.claimed_by else "dim"))
    return fit(tuple(line), width)


def fields_text(paths: Sequence[Path], width: int) -> str:
    """Return the names of as many fields as there is room for, and how many more there are."""
    names = [field_name(path) for path in paths]
    for shown in range(len(names), 0, -1):
        more = f" +{len(names) - shown}" if shown < len(names) else ""
        text = ", ".join(names[:shown]) + more
        if len(text) <= width:
            return text
    return f"{len(names)} fields" if len(names) > 1 else "".join(names)


def _who(summary: ConflictSummary) -> str:
    if summary.state is ConflictState.CLAIMED:
        return f"by {clean(summary.claimed_by, 40)}"
    if summary.settled_by:
        return f"by {clean(summary.settled_by, 40)}"
    return ""


def _nodes(summary: ConflictSummary) -> str:
    return ", ".join(clean(node_of(origin), 40) for origin in summary.origins)


def counts_line(shown: int, total: int, marked: int, staged: int, more: str = "") -> Line:
    """Return the right end of the filter line; `more` says that there are more than were asked for."""
    parts = [f"{shown:,}{more}" if shown == total else f"{shown:,} of {total:,}{more}"]
    if marked:
        parts.append(f"{marked:,} marked")
    if staged:
        parts.append(f"✎{staged:,} not written")
    return (Span(" · ".join(parts), "accent" if marked or staged else ""),)


def view_line(view: str) -> Line:
    """Return which states are shown, and the key for the others."""
    words = [Span(f"‹{each}› ", "strong") if each == view else Span(f" {each}  ", "dim") for each in VIEWS]
    return (Span("  "), *words, Span(" s", "accent"), Span(" shows the next", "dim"))


def no_conflicts(view: str, *, filtered: bool) -> tuple[Line, ...]:
    """Return what an empty list says: what is missing and the next step."""
    if filtered:
        return (
            (Span("No conflict here matches the filter.", "strong"),),
            (Span("  esc ", "accent"), Span("clears it.")),
        )
    if view == "settled":
        return (
            (Span("No conflict was settled by hand yet.", "strong"),),
            (Span("  s ", "accent"), Span("shows the others.")),
        )
    return (
        (Span("✓ No conflict waits for anybody.", "ok"),),
        (),
        (Span("When two nodes change the same field without knowing of one another,"),),
        (Span("and no rule in syncdeck.yaml decides, it appears here with both sides."),),
        (Span("  s ", "accent"), Span("shows those that were settled")),
        (Span("  8 ", "accent"), Span("shows the nodes that events are exchanged with")),
    )
