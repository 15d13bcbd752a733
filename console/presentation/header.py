"""The header line."""

from __future__ import annotations

from dataclasses import dataclass

from console.presentation.ages import count
from console.presentation.spans import Line, Span, clean, fit, width_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """What the header tells: place, rights, what waits and runs. `clock` is finished text."""

    workspace: str = "syncdeck"
    node: str = ""
    crumbs: tuple[str, ...] = ()
    protected: bool = False
    read_only: bool = False
    waiting: int = 0
    running: int = 0
    refused: int = 0
    conflicts: int = 0
    clock: str = ""


def header(pulse: Pulse, width: int) -> Line:
    """Return the line: crumbs at the left, states and clock at the right; the node and then the crumbs give way."""
    right = _states(pulse)
    room = width - width_of(right) - 2
    left = _place(pulse, room)
    return (*left, Span(" " * max(width - width_of(left) - width_of(right), 1)), *right)


def _states(pulse: Pulse) -> Line:
    words = [
        Span("READ ONLY", "warn") if pulse.read_only else None,
        Span("PROTECTED", "error") if pulse.protected else None,
        Span(f"⊘ {pulse.refused} refused", "error") if pulse.refused else None,
        Span(f"◆ {pulse.waiting} waiting", "warn") if pulse.waiting else None,
        Span(f"● {count(pulse.conflicts, 'conflict')}", "warn") if pulse.conflicts else None,
        Span(f"▶ {pulse.running} running", "accent") if pulse.running else None,
        Span(pulse.clock, "dim") if pulse.clock else None,
    ]
    spaced = [part for word in words if word is not None for part in (Span("  "), word)]
    return tuple(spaced[1:])


def _place(pulse: Pulse, room: int) -> Line:
    *path, here = (clean(crumb) for crumb in (pulse.workspace, *pulse.crumbs))
    trail: Line = tuple(Span(f"{crumb} › ", "dim") for crumb in path)
    full: Line = (*trail, Span(here, "strong"))
    noded: Line = (*full, Span(f"  on {pulse.node}", "dim")) if pulse.node else full
    for candidate in (noded, full):
        if width_of(candidate) <= room:
            return candidate
    return fit((Span("… › ", "dim"), Span(here, "strong")), max(room, 8))
