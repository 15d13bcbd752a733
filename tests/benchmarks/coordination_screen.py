"""How soon a change made by another process stands on the screen.

    python -m tests.benchmarks.coordination_screen [--changes 60]

The real command on a pseudo-terminal of 120 × 40, its coordination screen in front; another process takes and gives
back locks in the same coordination file. *Painted*: from just before a lock is asked for until its name has been
written to the terminal; a frame of Textual takes up to 1/60 s, which is the limit. *Told*: until a process that
follows has heard of the change, which is what the console does before it paints.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.console_log import show
from tests.benchmarks.coordination import Measure, tellings
from tests.benchmarks.coordination_parties import clients, percentile
from tests.benchmarks.terminal import Terminal

WORKSPACE = """\
syncdeck: 1
node: desk-1
coordination: {type: sqlite, namespace: bench}
"""
PAUSE = 0.15
NAME = re.compile(rb"shown-(\d{3})")
TOLD_GOAL_MS = 2


def painted(terminal: Terminal) -> dict[int, float]:
    """Return when each name was first written."""
    found: dict[int, float] = {}
    tail = b""
    for when, data in terminal.chunks:
        text = tail + data
        for match in NAME.finditer(text):
            found.setdefault(int(match[1]), when)
        tail = text[-8:]
    return found


def on_the_screen(folder: Path, changes: int) -> Sequence[float]:
    """Return how many ms each change took to the screen."""
    (folder / "syncdeck.yaml").write_text(WORKSPACE)
    place = folder / ".syncdeck"
    place.mkdir()
    with (
        Terminal([sys.executable, "-m", "console", "-w", str(folder)]) as terminal,
        clients("sqlite-lock", str(place), 1) as (other,),
    ):
        assert terminal.seen(rb"\x1b\[\?2026l") is not None, "the console painted nothing"
        terminal.send(b"9")
        other.do("acquire", "first-of-all")
        assert terminal.seen(rb"first-of-all") is not None, f"no lock was painted:\n{terminal.shown()}"
        begun = other.do("appear", changes, PAUSE)["at"]
        terminal.quiet()
        other.do("release", "first-of-all")
        found = painted(terminal)
    assert len(found) == changes, f"{changes - len(found)} changes were never painted:\n{terminal.shown()}"
    return [(found[number] - at) * 1_000 for number, at in enumerate(begun)]


def told(folder: Path, changes: int) -> Sequence[float]:
    """Return how many ms each change took to another process that follows."""
    with clients("sqlite-store", str(folder), 2) as party:
        return tellings(party, Measure(seconds=0, samples=changes, rounds=1))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=60)
    changes = parser.parse_args().changes
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as other:
        heard, seen = told(Path(other), changes), on_the_screen(Path(name), changes)
    show("change told to another process, median", f"{statistics.median(heard):.2f} ms")
    last = percentile(heard, 0.99)
    goal = f"goal ≤ {TOLD_GOAL_MS} ms{'' if last <= TOLD_GOAL_MS else ': MISSED'}"
    show("change told to another process, 99th percentile", f"{last:.2f} ms", goal)
    show("change painted on the console's screen, median", f"{statistics.median(seen):.1f} ms")
    show("change painted on the console's screen, 95th percentile", f"{percentile(seen, 0.95):.1f} ms")
    show("of which the next frame may take", "16.7 ms")
    print(f"load of the machine before and after: {before:.1f} {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
