"""The header line."""

from __future__ import annotations

from dataclasses import dataclass

from console.presentation.ink import Line, Span, Tone, clip


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
    trouble: int = 0
    clock: str = ""


def header(pulse: Pulse, width: int) -> Line:
    """Return the line: crumbs at the left, states and clock at the right; the node and then the crumbs give way."""
    right = _states(pulse)
    room = width - sum(len(span.text) for span in right) - 1
    left = _place(pulse, room)
    gap = max(room - sum(len(span.text) for span in left), 0) + 1
    return (*left, Span(" " * gap), *right)


def _states(pulse: Pulse) -> Line:
    words = [
        Span("READ ONLY", Tone.WARN) if pulse.read_only else None,
        Span("PROTECTED", Tone.BAD) if pulse.protected else None,
        Span(f"! {pulse.trouble} refused", Tone.BAD) if pulse.trouble else None,
        Span(f"◆ {pulse.waiting} waiting", Tone.WARN) if pulse.waiting else None,
        Span(f"▶ {pulse.running} running", Tone.ACCENT) if pulse.running else None,
        Span(pulse.clock, Tone.QUIET) if pulse.clock else None,
    ]
    spaced = [part for word in words if word is not None for part in (Span("  "), word)]
    return tuple(spaced[1:])


def _place(pulse: Pulse, room: int) -> Line:
    *path, here = (pulse.workspace, *pulse.crumbs)
    trail = "".join(f"{crumb} › " for crumb in path)
    node = f"  {pulse.node}" if pulse.node and len(trail) + len(here) + len(pulse.node) + 2 <= room else ""
    if len(trail) + len(here) > room:
        trail = "… › "
    return (
        Span(trail, Tone.QUIET),
        Span(clip(here, max(room - len(trail), 1)), Tone.STRONG),
        Span(node, Tone.QUIET),
    )
