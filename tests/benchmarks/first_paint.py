"""Time to the console's first frame: `python -m tests.benchmarks.first_paint [--rounds N]`.

The real command on a pseudo-terminal of 120 × 40, from the start of the process until its first frame is complete and
shows the header, beside a Textual app that shows one line; both with `TEXTUAL_SPEEDUPS` as installed. Then until the
engine is open and the overview is on the screen. Rival and ours in turn; medians, their difference, and processor
time, which a busy machine disturbs less.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.console_log import BARE, show
from tests.benchmarks.terminal import Terminal

GOAL_MS = 150
WORKSPACE = """\
syncdeck: 1
node: desk-1
adapters:
  people: {type: csv_file, path: people.csv, key: email}
  list: {type: json_file, path: list.json, key: email}
syncs:
  engineering: {source: people, targets: [list]}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One start; seconds. `ready` is when the overview's first sync was painted."""

    painted: float
    processor: float
    ready: float = 0.0


def compiled(folder: Path) -> dict[str, str]:
    """Return surroundings in which modules are compiled once, as an installed program's are."""
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}


def bare(folder: Path) -> Start:
    """Start a bare Textual app."""
    with Terminal([sys.executable, "-c", BARE], environment=compiled(folder)) as terminal:
        painted = terminal.seen(b"READY")
        assert painted is not None, "the bare app painted nothing"
        return Start(painted=painted, processor=terminal.processor_seconds)


def console(folder: Path) -> Start:
    """Start the console."""
    command = [sys.executable, "-m", "console", "-w", str(folder)]
    with Terminal(command, environment=compiled(folder)) as terminal:
        painted = terminal.seen(b"Overview")
        assert painted is not None, "the console painted nothing"
        processor = terminal.processor_seconds
        ready = terminal.seen(b"engineering")
        assert ready is not None, "the overview stayed empty"
        return Start(painted=painted, processor=processor, ready=ready)


def milliseconds(starts: list[Start], name: str) -> float:
    """Return the median of one figure in milliseconds."""
    return statistics.median(float(getattr(start, name)) for start in starts) * 1_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "syncdeck.yaml").write_text(WORKSPACE)
        bare(folder), console(folder)  # the first of each compiles and warms the file cache
        pairs = [(bare(folder), console(folder)) for _ in range(rounds)]
    rivals, ours = [rival for rival, _ in pairs], [own for _, own in pairs]
    rival_ms, own_ms = milliseconds(rivals, "painted"), milliseconds(ours, "painted")
    show("bare Textual app, first frame", f"{rival_ms:.0f} ms")
    show("console, first frame", f"{own_ms:.0f} ms", f"{own_ms / rival_ms:.2f} ×")
    difference = statistics.median(own.painted - rival.painted for rival, own in pairs) * 1_000
    show("later than the bare app", f"{difference:.0f} ms", f"goal ≤ {GOAL_MS} ms")
    show("processor time until then, bare and ours", f"{milliseconds(rivals, 'processor'):.0f} ms")
    show("", f"{milliseconds(ours, 'processor'):.0f} ms")
    show("engine open, overview on the screen", f"{milliseconds(ours, 'ready'):.0f} ms")


if __name__ == "__main__":
    main()
