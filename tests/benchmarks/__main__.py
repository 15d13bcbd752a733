"""`make bench`: every figure, each beside its rival or limit measured in the same run.

python -m tests.benchmarks            all of them
python -m tests.benchmarks plan       one of them
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
    "coordination": "Holding a name: pairs a second, hand-over, crash, being told, beside tooz, filelock, fasteners",
    "console_log": "A million events on the screen: opening, scrolling, memory",
}


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all; return how many failed to run."""
    failed = 0
    for name in names or list(BENCHMARKS):
        print(f"\n== {name}: {BENCHMARKS[name]}\n", flush=True)
        failed += (
            subprocess.run([sys.executable, "-m", f"tests.benchmarks.{name}"], cwd=ROOT, check=False).returncode != 0
        )
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
