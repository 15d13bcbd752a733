"""A comparison with a peer as text: vectors, then chains, then states; what differs, and what that means."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from console.presentation.ages import age, count
from console.presentation.spans import Line, Span, cell, clean, fit, wrap

if TYPE_CHECKING:
    from engine.events.replicating.standing import Comparison, Differing

HASH = 14
MOST_FORKS = 4


def verdict_lines(found: Comparison, now: datetime, width: int) -> list[Line]:
    """Return the verdict and the three steps that led to it, in the order they were taken."""
    lines: list[Line] = [fit(_verdict(found, now), width), ()]
    for sign, role, name, sentence in (_vectors(found), _chains(found), _states(found)):
        first, *rest = wrap(sentence, max(width - 12, 20), "" if role == "error" else "dim")
        lines += [(Span(f"{sign} ", role), cell(name, 10), *first), *((Span(" " * 12), *line) for line in rest)]
    for origin, seq in list(found.forks.items())[:MOST_FORKS]:
        lines.append(fit((Span(" " * 12), Span(clean(origin), "strong"), Span(f" from event {seq:,} on")), width))
    if len(found.forks) > MOST_FORKS:
        lines.append((Span(f"{' ' * 12}… and {len(found.forks) - MOST_FORKS:,} more", "dim"),))
    return lines


def _verdict(found: Comparison, now: datetime) -> Line:
    peer, when = clean(found.peer), Span(f"   compared {age(found.at, now)}", "dim")
    if found.equal:
        return (Span(f"✓ Equal with {peer}: the same events, the same states.", "ok"), when)
    if found.forks:
        return (Span(f"✗ {peer} holds other events under the same numbers.", "error"), when)
    if found.differing:
        return (Span(f"✗ {peer} has the same events, and {count(len(found.differing), 'other state')}.", "error"), when)
    if found.order == "equal":
        return (Span(f"✓ The same events as {peer}; states were not compared.", "ok"), when)
    return (Span(f"≠ Not in step with {peer} yet: s syncs, = compares again.", "warn"), when)


def _vectors(found: Comparison) -> tuple[str, str, str, str]:
    if found.order == "equal":
        return "✓", "ok", "vectors", "Each side knows as many events of every node as the other."
    lacks = []
    if found.lacking_here:
        lacks.append(f"{count(found.lacking_here, 'event')} there are not here")
    if found.lacking_there:
        lacks.append(f"{count(found.lacking_there, 'event')} here are not there")
    return "≠", "warn", "vectors", f"{' and '.join(lacks) or 'They differ'}."


def _chains(found: Comparison) -> tuple[str, str, str, str]:
    if not found.forks:
        return "✓", "ok", "chains", "As far as both know them, the histories are the same, byte for byte."
    whose = count(len(found.forks), "history parts", "histories part")
    way = (
        "One side was restored from a backup, or its state file was changed. Keep the side that is right and give the "
        "other its state file anew; until then nothing of these histories is exchanged."
    )
    return "✗", "error", "chains", f"{whose}. {way}"


def _states(found: Comparison) -> tuple[str, str, str, str]:
    if found.states_equal is None:
        why = clean(found.note) or "Not compared: that says something only when both know the same events."
        return "○", "dim", "states", why
    if found.states_equal:
        every = "What was looked at" if found.note else "Every aggregate"
        return "✓", "ok", "states", f"{every} has the same state here and there. {clean(found.note)}".strip()
    way = (
        "The histories are the same, so what is stored of them is not: run syncdeck events verify on both. Enter shows "
        "an aggregate's history."
    )
    return "✗", "error", "states", f"{count(len(found.differing), 'aggregate')} below. {way}"


def titles(width: int) -> Line:
    """Return the line above the differing aggregates."""
    return (cell("DIFFERING", _room(width), "dim"), cell("HERE", HASH, "dim"), cell("THERE", HASH, "dim"))


def differing_line(one: Differing, width: int) -> Line:
    """Return one aggregate with its states' hashes."""
    return (
        cell(clean(one.aggregate_id), _room(width), "accent"),
        cell(one.here[: HASH - 2] or "not here", HASH, "" if one.here else "dim"),
        cell(one.there[: HASH - 2] or "not there", HASH, "" if one.there else "dim"),
    )


def _room(width: int) -> int:
    return max(width - 2 * HASH, 12)
