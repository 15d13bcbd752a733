"""A million events on the screen: `python -m tests.benchmarks.console_log [--count N] [--rounds N]`.

The real command on a pseudo-terminal of 120 × 40 over a state file of a million events, beside a Textual app that
shows one line. Opening: from the start of the process (key 6 typed ahead) until events are painted. Scrolling: Down
held for three seconds at 30 keys a second. Memory: resident after that, after both ends, and after a filter that
looks at every event. Rival and ours in turn; medians and the ratio of medians.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.million_events import MILLION, build_once
from tests.benchmarks.terminal import Terminal

BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("READY")
Bare().run()
"""
DOWN, HOME, END = b"\x1b[B", b"g", b"G"
FRAMES_GOAL, RESIDENT_GOAL, OPEN_GOAL = 80, 80, 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round's figures; seconds, frames of 90, megabytes."""

    bare: float
    opened: float
    first: float
    frames: int
    backlog: float
    gap: float
    per_key: float
    resident_open: float
    resident_end: float
    filtered: float


def bare() -> float:
    """Return seconds until a bare Textual app has painted its one line."""
    with Terminal([sys.executable, "-c", BARE]) as terminal:
        seen = terminal.seen(b"READY")
        assert seen is not None, "the bare app painted nothing"
        return seen


def console(folder: Path) -> Round:
    """Return one round of the real command; `bare` is measured just before it."""
    rival = bare()
    with Terminal([sys.executable, "-m", "console", "-w", str(folder)]) as terminal:
        first = terminal.seen(rb"\x1b\[\?2026l")
        terminal.send(b"6")
        opened = terminal.seen(rb"run\.\w+")
        assert first is not None, "the console painted nothing"
        assert opened is not None, f"no event was painted:\n{terminal.shown()}"
        terminal.quiet()
        resident_open = terminal.resident
        terminal.send(HOME)
        terminal.quiet()
        before = terminal.processor_seconds
        held = terminal.hold(DOWN)
        per_key = (terminal.processor_seconds - before) / held.keys
        terminal.send(END + HOME + END)
        terminal.quiet()
        terminal.send(b"/")
        terminal.quiet()
        mark = len(terminal.chunks)
        asked = time.perf_counter() - terminal.started
        terminal.send(b"refused\r")
        filtered = terminal.seen(rb"searched|of [\d,]+ ", since=mark)
        assert filtered is not None, f"the filter found nothing:\n{terminal.shown()}"
        terminal.quiet()
        return Round(
            bare=rival,
            opened=opened,
            first=first,
            frames=held.frames,
            backlog=held.backlog,
            gap=held.longest_gap,
            per_key=per_key,
            resident_open=resident_open,
            resident_end=terminal.resident,
            filtered=filtered - asked,
        )


def middle(rounds: list[Round], name: str) -> float:
    """Return the median of one figure."""
    return float(statistics.median(getattr(each, name) for each in rounds))


def show(name: str, figure: str, goal: str = "") -> None:
    """Print one line of the table."""
    print(f"{name:<58}{figure:>14}   {goal}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=MILLION)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=Path, default=Path(tempfile.gettempdir()) / "syncdeck-bench-events.db")
    arguments = parser.parse_args()
    state = build_once(arguments.events, arguments.count)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "syncdeck.yaml").write_text(f"syncdeck: 1\nnode: berlin-1\nstate: {state}\n")
        console(folder)
        rounds = [console(folder) for _ in range(arguments.rounds)]
    bare_ms, opened_ms = middle(rounds, "bare") * 1000, middle(rounds, "opened") * 1000
    show("bare Textual app, first frame", f"{bare_ms:.0f} ms")
    show(
        "console, first frame",
        f"{middle(rounds, 'first') * 1000:.0f} ms",
        f"{middle(rounds, 'first') * 1000 / bare_ms:.2f} ×",
    )
    show(f"console, {arguments.count:,} events on the screen", f"{opened_ms:.0f} ms", f"{opened_ms / bare_ms:.2f} ×")
    show("frames painted while Down is held (90 keys)", f"{middle(rounds, 'frames'):.0f}", f"goal ≥ {FRAMES_GOAL}")
    show("last frame after the last key", f"{middle(rounds, 'backlog') * 1000:.0f} ms")
    show("longest gap between frames", f"{middle(rounds, 'gap') * 1000:.0f} ms")
    show("processor time for each key", f"{middle(rounds, 'per_key') * 1000:.1f} ms")
    show("a filter's first matches after", f"{middle(rounds, 'filtered') * 1000:.0f} ms")
    show("resident when opened", f"{middle(rounds, 'resident_open'):.0f} MB")
    show(
        "resident after both ends and a filter over everything",
        f"{middle(rounds, 'resident_end'):.0f} MB",
        f"goal ≤ {RESIDENT_GOAL}",
    )


if __name__ == "__main__":
    main()
