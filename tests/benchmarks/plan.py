"""Planning a million against a million, beside the least that Python could do.

    python -m tests.benchmarks.plan [--count 1000000] [--rounds 5]

*Keys*: the rival builds two sets from the same lists of str and takes both differences. Ours folds letter case, takes
fingerprints, makes the plan with its sentences, judges it by the guards, encodes it and writes the plan file.
*Records*: six attributes; the rival puts both sides into a dict of tuples and compares them. Both get their records
from the same generator, batch by batch, as an adapter would send them; what the generator alone takes is printed too.
Every case runs in a process of its own, rival and ours in turn; memory is the peak resident size less that of a bare
interpreter.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

BATCH = 5_000
"""As files and SQL tables are read (`BATCH_ROWS`); written out, so that the rivals import nothing of ours."""
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("city", "department", "manager", "name", "phone", "title")


def keys_of(first: int, count: int, *, capitals: bool) -> list[str]:
    """Return addresses; with `capitals`, each twentieth is written as people write them."""
    plain = [f"user{number:07d}@example.com" for number in range(first, first + count)]
    if capitals:
        plain[::20] = [key.capitalize() for key in plain[::20]]
    return plain


def rows_of(first: int, count: int, *, target: bool) -> Iterator[tuple[list[str], list[tuple[str, ...]]]]:
    """Yield batches of keys and rows; a target holds another title for one record in ten."""
    for start in range(first, first + count, BATCH):
        numbers = range(start, min(start + BATCH, first + count))
        keys = [f"user{number:07d}@example.com" for number in numbers]
        rows: list[tuple[str, ...]] = [
            (
                "Berlin",
                f"department {number % 40}",
                f"user{number // 10:07d}@example.com",
                f"Name Surname {number}",
                f"+49 30 {number:08d}",
                "Engineer II" if target and number % 10 == 0 else "Engineer",
            )
            for number in numbers
        ]
        yield keys, rows


def sets(count: int) -> Callable[[], object]:
    """Prepare the rival of the first case."""
    ours, theirs = keys_of(0, count, capitals=False), keys_of(count // 10, count, capitals=True)

    def work() -> object:
        wanted, held = set(ours), set(theirs)
        return wanted - held, held - wanted

    return work


def plan_of_keys(count: int) -> Callable[[], object]:
    """Prepare ours of the first case."""
    ours, theirs = keys_of(0, count, capitals=False), keys_of(count // 10, count, capitals=True)

    def batches(keys: list[str]) -> Iterator[tuple[list[str], list[tuple[str, ...]]]]:
        for start in range(0, count, BATCH):
            yield keys[start : start + BATCH], []

    return _planner(lambda: batches(ours), lambda: batches(theirs), ())


def dicts(count: int) -> Callable[[], object]:
    """Prepare the rival of the second case."""

    def work() -> object:
        wanted: dict[str, tuple[str, ...]] = {}
        for keys, rows in rows_of(0, count, target=False):
            wanted.update(zip(keys, rows, strict=True))
        held: dict[str, tuple[str, ...]] = {}
        for keys, rows in rows_of(count // 10, count, target=True):
            held.update(zip(keys, rows, strict=True))
        added = [key for key in wanted if key not in held]
        removed = [key for key in held if key not in wanted]
        updated = [key for key, row in wanted.items() if key in held and held[key] != row]
        return added, removed, updated

    return work


def plan_of_records(count: int) -> Callable[[], object]:
    """Prepare ours of the second case."""
    return _planner(lambda: rows_of(0, count, target=False), lambda: rows_of(count // 10, count, target=True), NAMES)


def reading(count: int) -> Callable[[], object]:
    """Prepare the generator alone."""

    def work() -> object:
        for _ in rows_of(0, count, target=False):
            pass
        for _ in rows_of(count // 10, count, target=True):
            pass
        return None

    return work


Batches = Callable[[], Iterator[tuple[list[str], list[tuple[str, ...]]]]]


def _planner(source: Batches, target: Batches, names: tuple[str, ...]) -> Callable[[], object]:
    from engine.reconcile.comparing.difference import Comparison
    from engine.reconcile.comparing.wanted import WantedCollector
    from engine.reconcile.deciding import planfile
    from engine.reconcile.deciding.planning import Occasion, TargetReading, make_plan
    from engine.reconcile.plan import Action
    from engine.reconcile.ports import Found, Limits
    from engine.reconcile.records import Batch
    from engine.settings.model import SyncSettings

    sync = SyncSettings(name="all", source="people", targets=("list",), attributes={name: name for name in names})

    def work() -> object:
        collector = WantedCollector(sync)
        for keys, rows in source():
            collector.add(Batch(spellings=keys, names=names, rows=rows))
        collector.add(Batch(spellings=(), names=names, proof="end"))
        wanted = collector.finish(NOW)
        comparison = Comparison(wanted, sync, "list")
        for keys, rows in target():
            comparison.add(Batch(spellings=keys, names=names, rows=rows))
        comparison.add(Batch(spellings=(), names=names, proof="end"))
        difference = comparison.finish(NOW)
        reading = TargetReading(
            target="list",
            difference=difference,
            answers=dict.fromkeys(difference.to_resolve(), Found()),
            limits=Limits(actions=frozenset(Action)),
        )
        occasion = Occasion(now=NOW, actor="bench", config_digest="0" * 64)
        plan = make_plan(sync, wanted, [reading], occasion, recent_counts=(wanted.total,))
        with tempfile.TemporaryFile() as file:
            planfile.save(plan, file)
        return plan

    return work


CASES: dict[str, Callable[[int], Callable[[], object]]] = {
    "sets": sets,
    "plan of keys": plan_of_keys,
    "dicts": dicts,
    "plan of records": plan_of_records,
    "reading": reading,
}


def peak_mb() -> float:
    """Return this process's peak resident size so far."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def run_case(case: str, count: int) -> None:
    """Run one case in this process and print its figures."""
    work = CASES[case](count)
    started, started_cpu = time.perf_counter(), time.process_time()
    kept = work()
    seconds, cpu = time.perf_counter() - started, time.process_time() - started_cpu
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": peak_mb(), "kept": kept is not None}))


def figures(case: str, count: int) -> dict[str, float]:
    """Run one case in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.plan", "--case", case, "--count", str(count)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(answer.stdout)
    return result


def bare_mb() -> float:
    """Return the peak resident size of an interpreter that does nothing."""
    code = "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])"
    return int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout) / 1024


def main() -> None:
    """Run all cases in turn and print medians and ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--case", choices=CASES)
    options = parser.parse_args()
    if options.case:
        run_case(options.case, options.count)
        return
    bare = bare_mb()
    runs: dict[str, list[dict[str, float]]] = {case: [] for case in CASES}
    for _ in range(options.rounds):
        for case in CASES:
            runs[case].append(figures(case, options.count))
    seconds, cpu, peak = (
        {case: statistics.median(run[figure] for run in found) for case, found in runs.items()}
        for figure in ("seconds", "cpu", "peak")
    )
    memory = {case: megabytes - bare for case, megabytes in peak.items()}
    load = " ".join(f"{average:.1f}" for average in os.getloadavg())
    print(
        f"{options.count:,} against {options.count:,}, medians of {options.rounds}; a bare interpreter: {bare:.0f} MB; "
        f"load of the last 1, 5, 15 minutes: {load}"
    )
    for case in CASES:
        print(f"  {case:16} {seconds[case]:7.3f} s ({cpu[case]:.3f} s of processor) {memory[case]:7.0f} MB")
    for ours, rival, goal in (("plan of keys", "sets", 2.5), ("plan of records", "dicts", 1.0)):
        print(
            f"  {ours} / {rival}: time {seconds[ours] / seconds[rival]:.2f} (goal {goal}), "
            f"processor {cpu[ours] / cpu[rival]:.2f}, memory {memory[ours] / memory[rival]:.2f}"
        )


if __name__ == "__main__":
    main()
