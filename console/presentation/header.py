"""The header line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from console.presentation.ages import count
from console.presentation.spans import Line, Span, clean, fit, width_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """What the header tells: place, rights, what waits and runs, whom it cannot reach. `clock` is finished text."""

    workspace: str = "syncdeck"
    node: str = ""
    crumbs: tuple[str, ...] = ()
    protected: bool = False
    read_only: bool = False
    waiting: int = 0
    running: int = 0
    refused: int = 0
    conflicts: int = 0
    lost: int = 0
    """Peers that are lost, or that refuse to exchange."""
    backend_gone: bool = False
    """The coordination backend does not answer."""
    clock: str = ""


def header(pulse: Pulse, width: int) -> Line:
    """Return the line: crumbs at the left, states and clock at the right; the node and then the crumbs give way, and
    where even that is not enough the states that can wait, the clock first."""
    states = _states(pulse)
    while True:
        right = _spaced(states)
        left = _place(pulse, width - width_of(right) - 2)
        taken = width_of(left) + width_of(right)
        if len(states) < 2 or (taken < width and width_of(right) <= width - width // PLACE_SHARE):
            return (*left, Span(" " * max(width - taken, 1)), *right)
        states.remove(min(states))


PLACE_SHARE = 5
"""A fifth of the row is the place's, whatever there is to say beside it."""


class _State(NamedTuple):
    """A word of the header's right end; what has the lowest `weight` goes first."""

    weight: int
    word: Span


def _states(pulse: Pulse) -> list[_State]:
    """Return what there is to say, in the order in which it stands."""
    told = [
        (9, "READ ONLY", "warn", pulse.read_only),
        (8, "PROTECTED", "error", pulse.protected),
        (7, f"⊘ {pulse.refused} refused", "error", pulse.refused),
        (6, "✗ coordination", "error", pulse.backend_gone),
        (5, f"✗ {pulse.lost} {'peer' if pulse.lost == 1 else 'peers'}", "error", pulse.lost),
        (4, f"● {count(pulse.conflicts, 'conflict')}", "warn", pulse.conflicts),
        (6, f"◆ {pulse.waiting} waiting", "warn", pulse.waiting),
        (3, f"▶ {pulse.running} running", "accent", pulse.running),
        (1, pulse.clock, "dim", pulse.clock),
    ]
    return [_State(weight, Span(text, role)) for weight, text, role, there in told if there]


def _spaced(states: list[_State]) -> Line:
    return tuple(part for state in states for part in (Span("  "), state.word))[1:]


def _place(pulse: Pulse, room: int) -> Line:
    *path, here = (clean(crumb) for crumb in (pulse.workspace, *pulse.crumbs))
    trail: Line = tuple(Span(f"{crumb} › ", "dim") for crumb in path)
    full: Line = (*trail, Span(here, "strong"))
    noded: Line = (*full, Span(f"  on {pulse.node}", "dim")) if pulse.node else full
    for candidate in (noded, full):
        if width_of(candidate) <= room:
            return candidate
    return fit((Span("… › ", "dim"), Span(here, "strong")), max(room, 8))
