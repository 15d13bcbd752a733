"""How soon a change made by another process stands on the screen, beside the least that Textual takes.

    python -m tests.benchmarks.coordination_screen [--changes 80]

The real command on a pseudo-terminal of 120 × 40, its coordination screen in front; another process takes and gives
back locks in the same coordination file. *Painted*: from just before a lock is asked for until its name has been
written to the terminal. *Told*: until a process that follows has heard of the change, which is what the console does
before it paints. *Bare*: an app of one cell that is told what to show through a FIFO. Textual paints a frame at once
when none was painted in the last 1/60 s; else the change waits for the next one.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.console_log import show
from tests.benchmarks.coordination import Measure, tellings
from tests.benchmarks.coordination_parties import clients, percentile
from tests.benchmarks.screen_steps import STEPS
from tests.benchmarks.terminal import Terminal

WORKSPACE = """\
syncdeck: 1
node: desk-1
coordination: {type: sqlite, namespace: bench}
"""
RUN = [sys.executable, "-m", "tests.benchmarks.screen_steps"]
PAUSE = 0.15
NAME = re.compile(rb"shown-(\d{3})")
GOAL_MS = 2
WORDS = {
    "told": "of which: told to the console",
    "asked": "   the screen awake",
    "read": "   read",
    "drawn": "   list and details compared",
    "painted": "   Textual: composed and written",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a measurement of the console found, all in ms."""

    painted: Sequence[float]
    steps: dict[str, Sequence[float]]
    """For each change, how long each step took after the one before."""


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


def on_the_screen(folder: Path, changes: int) -> Seen:
    """Return how long each change took to the screen."""
    (folder / "syncdeck.yaml").write_text(WORKSPACE)
    place, steps = folder / ".syncdeck", folder / "steps"
    place.mkdir()
    with (
        Terminal([*RUN, "console", str(steps), "-w", str(folder)]) as terminal,
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
    ends = [found[number] for number in range(changes)]
    return Seen(apart(begun, ends), in_steps(steps, begun, ends))


def in_steps(file: Path, begun: Sequence[float], ends: Sequence[float]) -> dict[str, Sequence[float]]:
    """Return how long each step took of the changes that went through all of them one by one."""
    lines = [line.split() for line in file.read_text().splitlines()]
    moments = {step: [float(at) for name, at in lines if name == step] for step in STEPS}
    found: dict[str, list[float]] = {step: [] for step in WORDS}
    for begin, end in zip(begun, ends, strict=True):
        before, times = begin, []
        for step in STEPS:
            place = bisect_left(moments[step], before)
            times.append(moments[step][place] if place < len(moments[step]) else end + 1)
            before = times[-1]
        if times[-1] <= end:
            for step, since, until in zip(WORDS, [begin, *times], [*times, end], strict=True):
                found[step].append((until - since) * 1_000)
    return dict(found)


def bare(folder: Path, changes: int) -> Sequence[float]:
    """Return how many ms each change took to the screen of an app that does nothing else."""
    fifo = folder / "changes"
    os.mkfifo(fifo)
    with Terminal([*RUN, "bare", str(fifo)]) as terminal:
        assert terminal.seen(b"ready") is not None, "the bare app painted nothing"
        begun = []
        with fifo.open("wb", buffering=0) as ear:
            for number in range(changes):
                time.sleep(PAUSE)  # noqa: TID251 - the pause of the party that changes locks
                begun.append(time.perf_counter())
                ear.write(b"shown-%03d" % number)
        terminal.quiet()
        found = painted(terminal)
    assert len(found) == changes, f"{changes - len(found)} changes were never painted:\n{terminal.shown()}"
    return apart(begun, [found[number] for number in range(changes)])


def apart(begun: Sequence[float], ends: Sequence[float]) -> Sequence[float]:
    """Return the ms between each two."""
    return [(end - begin) * 1_000 for begin, end in zip(begun, ends, strict=True)]


def told(folder: Path, changes: int) -> Sequence[float]:
    """Return how many ms each change took to another process that follows."""
    with clients("sqlite-store", str(folder), 2) as party:
        return tellings(party, Measure(seconds=0, samples=changes, rounds=1))


def verdict(figure: float, floor: float) -> str:
    """Say whether the goal was reached, and whether it can be."""
    if figure <= GOAL_MS:
        return f"goal ≤ {GOAL_MS} ms"
    reach = f"; the bare app: {floor:.1f} ms" if floor > GOAL_MS else ""
    return f"goal ≤ {GOAL_MS} ms: MISSED{reach}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=80)
    changes = parser.parse_args().changes
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / place for place in ("told", "bare", "console")]
        for folder in folders:
            folder.mkdir()
        heard, floor, seen = told(folders[0], changes), bare(folders[1], changes), on_the_screen(folders[2], changes)
    show("change told to another process, median", f"{statistics.median(heard):.2f} ms")
    last = percentile(heard, 0.99)
    show("change told to another process, 99th percentile", f"{last:.2f} ms", verdict(last, 0))
    for words, share in (("median", 0.5), ("95th percentile", 0.95), ("99th percentile", 0.99)):
        rival, ours = percentile(floor, share), percentile(seen.painted, share)
        show(f"bare Textual app: told and painted, {words}", f"{rival:.1f} ms")
        show(f"console: another's change painted, {words}", f"{ours:.1f} ms", f"{ours / rival:.1f} × the bare app's")
    for step, words in WORDS.items():
        show(f"{words}, median", f"{statistics.median(seen.steps[step]):.2f} ms")
    show("console, the goal", f"{percentile(seen.painted, 0.99):.1f} ms", verdict(ours, percentile(floor, 0.99)))
    print(f"load of the machine before and after: {before:.1f} {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
