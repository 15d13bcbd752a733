"""SIGKILL at any moment: what was acknowledged is there, whole batches only, and the chain holds.

`SYNCDECK_KILLS` sets how many processes are killed (15 in the normal run; `make soak` takes hundreds).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from msgspec import json

from engine.storage.care import examine
from engine.storage.connection import connect
from tests.faults.peer import BATCH

KILLS = int(os.environ.get("SYNCDECK_KILLS", "15"))
KILLS_PER_FILE = 25
"""Everything is checked after each kill, so a file must not grow for ever."""

MOST_LINES = 60
"""Acknowledgements to wait for before a kill: from none, while the file is being laid out, to many."""

Acknowledged = list[tuple[str, int, str]]
"""Origin, seq and chain of the last event of each batch that somebody was told of."""


def append_until_killed(state: Path, mark: str, lines: int, processes: int = 1) -> Acknowledged:
    """Start writers, kill each with SIGKILL after so many acknowledgements, and return all that were read."""
    command = [sys.executable, "-m", "tests.faults.store_writer", str(state), mark]
    writers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    acknowledged: Acknowledged = []
    for writer in writers:
        with writer:
            assert writer.stdout is not None
            read = [writer.stdout.readline() for _ in range(lines)]
            writer.send_signal(signal.SIGKILL)
            read += writer.stdout.readlines()
        assert writer.returncode == -signal.SIGKILL
        for line in read:
            if line.endswith("\n"):  # the last one may have been cut off by the kill
                origin, seq, chain = line.split()
                acknowledged.append((origin, int(seq), chain))
    return acknowledged


def check(state: Path, acknowledged: Acknowledged) -> int:
    """Assert every law on the file as it was left; return how many events it holds."""
    faults = [finding for finding in examine(state, newest=None) if not finding.ok and finding.name != "free space"]
    assert faults == []
    with closing(connect(state, read_only=True)) as connection:
        rows = connection.execute(
            "SELECT o.name, e.seq, e.position, e.data, e.chain FROM event e JOIN event_origin o ON o.id = e.origin "
            "ORDER BY e.position"
        ).fetchall()
    chains = {(origin, seq): chain.hex() for origin, seq, _, _, chain in rows}
    payloads = [json.decode(data) for _, _, _, data, _ in rows]
    parts = Counter(tuple(each[name] for name in ("mark", "task", "number", "of")) for each in payloads if "of" in each)
    sent = Counter(origin for (origin, *_), payload in zip(rows, payloads, strict=True) if "sent" in payload)

    assert [position for _, _, position, _, _ in rows] == list(range(1, len(rows) + 1))
    assert [chains.get((origin, seq)) for origin, seq, _ in acknowledged] == [chain for _, _, chain in acknowledged]
    assert [batch for batch, found in parts.items() if found % batch[3]] == []
    assert [origin for origin, found in sent.items() if found % BATCH] == []
    for origin in {origin for origin, _ in chains}:
        seqs = [seq for name, seq in chains if name == origin]
        assert seqs == list(range(1, len(seqs) + 1)), f"{origin} has a hole, or is out of order"
    return len(rows)


@pytest.mark.soak
@pytest.mark.timeout(60 + 10 * KILLS)
def test_nothing_acknowledged_is_lost_however_often_the_writer_is_killed(tmp_path: Path) -> None:
    chance = random.Random(20_260_302)
    for begun in range(0, KILLS, KILLS_PER_FILE):
        state = tmp_path / f"{begun}.db"
        acknowledged: Acknowledged = []
        for number in range(begun, min(begun + KILLS_PER_FILE, KILLS)):
            acknowledged += append_until_killed(state, str(number), chance.randrange(1, MOST_LINES))
            held = check(state, acknowledged)

            assert held >= len(acknowledged) > number - begun


@pytest.mark.timeout(120)
def test_a_writer_killed_beside_others_takes_nothing_of_theirs_along(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    acknowledged = append_until_killed(state, "together", 30, processes=3)

    assert len(acknowledged) >= 90
    assert check(state, acknowledged) >= len(acknowledged)


def test_a_process_killed_while_it_lays_out_the_file_leaves_one_that_opens(tmp_path: Path) -> None:
    for number in range(5):
        state = tmp_path / f"{number}.db"
        writer = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.store_writer", str(state), "early"], stdout=subprocess.PIPE
        )
        while not state.exists():
            assert writer.poll() is None
        writer.kill()
        writer.communicate(timeout=30)
        acknowledged = append_until_killed(state, "again", 1)

        assert check(state, acknowledged) >= len(acknowledged) > 0
