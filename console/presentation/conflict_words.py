"""What is said and asked before something is decided about conflicts."""

from __future__ import annotations

from collections.abc import Sequence

from console.presentation.ages import count
from console.presentation.json_words import differing, differing_fields, flowed, value_text
from console.presentation.patches import field_name
from console.presentation.plan_words import Deed, Matter
from console.presentation.spans import Line, Span, cell, clean, fit, wrap
from engine.events.merging.queue import ConflictSummary, Preview
from engine.events.merging.values import ABSENT

MOST_SAMPLES = 3
TYPED_FROM = 10
"""More conflicts than this are settled at once only after their number was typed."""


def change_lines(preview: Preview, width: int, room: int) -> list[Line]:
    """Return what a resolution changes in what shows now, field by field, in about `room` lines."""
    lines: list[Line] = []
    changes = list(differing_fields(preview.before, preview.after))
    named = min(max((len(field_name(path)) for path, _, _ in changes), default=8), width // 3)
    each = max(1, room // max(1, len(changes)))
    for shown, (path, before, after) in enumerate(changes):
        if len(lines) >= room and shown < len(changes) - 1:
            lines.append((Span(f"… and {len(changes) - shown:,} more fields", "dim"),))
            break
        value: Line = (Span("✗ removed", "remove"),) if after is ABSENT else differing(before, after)
        if before is not ABSENT and after is not ABSENT and not any("[-" in span.text for span in value):
            value = (Span(value_text(before, 200), "old"), Span(" → "), *value)
        flow = [fit(value, width - named - 2)] if each == 1 else flowed(value, width - named - 2)
        first, *rest = _cut(flow, each, width - named - 2)
        lines.append((cell(field_name(path), named, "strong"), Span("  "), *first))
        lines += [(Span(" " * (named + 2)), *line) for line in rest]
    if not changes:
        lines.append((Span("What shows now stays as it is; the conflict ends.", "dim"),))
    return lines


def _cut(lines: list[Line], most: int, width: int) -> list[Line]:
    """Return at most so many lines; the last says with an ellipsis that there are more."""
    if len(lines) <= most:
        return lines or [()]
    return [*lines[: most - 1], fit((*lines[most - 1], Span(" …")), width)]


def settle_matter(preview: Preview, width: int, height: int) -> Matter:
    """Return what is asked by A in the workbench, on a terminal of so many rows."""
    lines = [*change_lines(preview, width, max(4, height - 17)), ()]
    if preview.undecided:
        names = ", ".join(field_name(path) for path in preview.undecided)
        lines += wrap(f"Still undecided, and left open: {names}.", width, "warn")
    patch = value_text(preview.patch, 400)
    lines += _cut(flowed((Span(f"written as {patch}", "dim"),), width), 1 if height < 30 else 4, width)
    lines += wrap("It is an event: all nodes get it, the other sides stay in the history, U reopens it.", width, "dim")
    return Matter(
        title=f"Settle {clean(preview.aggregate_id)}?",
        lines=tuple(lines),
        deed=Deed.SETTLE,
        button="Settle",
        comment="Comment",
    )


def reopen_matter(summary: ConflictSummary, width: int) -> Matter:
    """Return what is asked by U."""
    fields = ", ".join(field_name(path) for path in summary.fields)
    who = clean(summary.settled_by) or "Somebody"
    text = (
        f"{who} settled {fields or 'it'}. Nothing is erased: an event says that this decision no longer counts, "
        "on all nodes, and its fields wait for an operator again."
    )
    return Matter(
        title=f"Reopen {clean(summary.aggregate_id)}?",
        lines=tuple(wrap(text, width)),
        deed=Deed.REOPEN,
        button="Reopen",
    )


def bulk_matter(previews: Sequence[Preview], how: str, left_out: int, width: int) -> Matter:
    """Return what is asked before many conflicts are settled at once; a large number has to be typed."""
    number = len(previews)
    what = count(number, "conflict")
    lines: list[Line] = [(Span(f"{what}: ", "strong"), Span(how)), ()]
    for preview in previews[:MOST_SAMPLES]:
        lines.append(fit((Span(clean(preview.aggregate_id), "accent"),), width))
        lines += [(Span("  "), *line) for line in change_lines(preview, width - 2, 1)]
    if number > MOST_SAMPLES:
        lines.append((Span(f"… and {number - MOST_SAMPLES:,} more, all in the list behind this", "dim"),))
    if left_out:
        lines += [(), *wrap(f"{count(left_out, 'conflict')} left out: the choice makes no sense there.", width, "warn")]
    undecided = sum(bool(preview.undecided) for preview in previews)
    if undecided:
        lines += wrap(f"{count(undecided, 'conflict')} of them stay open for their other fields.", width, "warn")
    lines += [(), *wrap("Each is an event of its own; U reopens one by one.", width, "dim")]
    return Matter(
        title=f"Settle {what} at once?",
        lines=tuple(lines),
        deed=Deed.SETTLE,
        button=f"Settle {number:,}",
        typed=str(number) if number > TYPED_FROM else "",
        comment="Comment",
    )
