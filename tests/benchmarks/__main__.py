"""`make bench`: every figure, each beside its rival or limit measured in the same run.

python -m tests.benchmarks                          all of them
python -m tests.benchmarks plan                     one of them
python -m tests.benchmarks coordination redis etcd  one of them, with what it takes: here, backends
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

BENCHMARKS = {
    "plan": "Planning a million against a million, beside a bare set difference and a plain dict comparison",
    "append": "Appending events durably, beside raw SQLite commits",
    "log_pages": "Opening and paging a log of a million events",
    "log_reading": "One history, a search's first page, digest and views of many aggregates, beside bare SQLite",
    "conflicts": "Ten thousand open conflicts: the queue, and a thousand decisions, beside a bare SELECT",
    "first_paint": "Time to the console's first frame, beside a bare Textual app",
    "replication": "Two real nodes on loopback: pull, push, memory, and how soon an event is seen at the other",
    "coordination": "Holding a name on every backend: pairs a second, hand-over, being told, beside tooz and others",
    "coordination_loss": "Holders that die, hang or are cut off: who has it next, and when the holder is told",
    "coordination_tasks": "Tasks from end to end on every backend, beside three bare writes",
    "coordination_screen": "How soon another process's change stands on the console's screen",
    "console_log": "A million events on the screen: opening, scrolling, memory",
}


def main(words: list[str]) -> int:
    """Run the named benchmarks, each with the words that follow its name, or all; return how many failed to run."""
    asked: list[list[str]] = []
    for word in words or BENCHMARKS:
        if word in BENCHMARKS or not asked:
            asked.append([word])
        else:
            asked[-1].append(word)
    failed = 0
    for name, *rest in asked:
        print(f"\n== {name}: {BENCHMARKS[name]}\n", flush=True)
        command = [sys.executable, "-m", f"tests.benchmarks.{name}", *rest]
        failed += subprocess.run(command, cwd=ROOT, check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
