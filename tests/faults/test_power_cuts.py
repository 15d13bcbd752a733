"""The power goes at any moment: what anybody was told is there afterwards, the file is sound, and the chain holds.

SIGKILL cannot show this: what a killed process wrote is still in the kernel's memory, synced or not. Here every write
and sync of the real writer is recorded, and the disk is made as a power cut at any moment may leave it.

`SYNCDECK_CUTS` sets how often the power goes (400 in the normal run; `make soak` takes 100,000).
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from msgspec import json

from engine.storage import checkpoint, database
from engine.storage.care import examine
from engine.storage.connection import connect
from engine.storage.migrate import migrate
from tests.faults.first_version import lay_out_first_version
from tests.faults.peer import BATCH
from tests.faults.power_cut import Cut, cuts
from tests.faults.recorded_work import record
from tests.faults.recording_disk import recording

CUTS = int(os.environ.get("SYNCDECK_CUTS", "250"))
CUTS_IN_ONE_RECORDING = 150
STATE = "state.db"


@pytest.fixture
def short_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the write-ahead log go into the file every few commits, not every few hundred."""
    monkeypatch.setattr(checkpoint, "COMMITS_BETWEEN", 6)


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[Callable[[Cut], Path]]:
    """Return what lays the files of a cut into a folder, and gives the state file there."""
    memory = Path("/dev/shm")  # what lies there was cut already; nothing depends on where it is looked at
    place = memory if os.access(memory, os.W_OK) else tmp_path
    folder = place / f"syncdeck-cut-{os.getpid()}-{tmp_path.name}"

    folder.mkdir()

    def lay(cut: Cut) -> Path:
        for path in folder.iterdir():
            path.unlink()
        for name, content in cut.files.items():
            (folder / name).write_bytes(content)
            (folder / name).chmod(0o600)
        return folder / STATE

    yield lay
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


@pytest.mark.soak
@pytest.mark.timeout(60 + CUTS)
def test_what_anybody_was_told_survives_every_power_cut_which_takes_ten_seconds(
    tmp_path: Path, short_log: None, disks: Callable[[Cut], Path]
) -> None:
    chance = Random(20_260_302)
    for number, begun in enumerate(range(0, CUTS, CUTS_IN_ONE_RECORDING)):
        work = record(tmp_path / str(number), STATE, Random(number))
        for cut in cuts(work.deeds, min(CUTS_IN_ONE_RECORDING, CUTS - begun), chance):
            assert what_is_wrong(cut, disks(cut)) == "", f"recording {number}, after {cut.after} deeds, {cut.kept}"


def test_the_harness_would_notice_a_file_that_is_not_synced_with_every_commit(
    tmp_path: Path, short_log: None, disks: Callable[[Cut], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def less_careful(path: Path, *, read_only: bool) -> sqlite3.Connection:
        connection = connect(path, read_only=read_only)
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    for module in (database, checkpoint):
        monkeypatch.setattr(module, "connect", less_careful)
    work = record(tmp_path / "normal", STATE, Random(1))
    found = [what_is_wrong(cut, disks(cut)) for cut in cuts(work.deeds, 60, Random(2))]

    assert sum("told of" in fault for fault in found) > 20
    assert not any("damaged" in fault for fault in found)  # it forgets, and is sound all the same


def test_a_power_cut_while_an_older_file_is_brought_up_to_date_costs_nothing(
    tmp_path: Path, disks: Callable[[Cut], Path]
) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    ids = lay_out_first_version(folder / STATE, events=40)
    before = {STATE: (folder / STATE).read_bytes()}
    with recording(folder) as noted, closing(connect(folder / STATE, read_only=False)) as upgraded:
        migrate(upgraded, folder / STATE)

    for cut in cuts(noted.deeds, 100, Random(3), before):
        assert what_is_wrong(replace(cut, told=ids), disks(cut)) == "", f"after {cut.after} deeds, {cut.kept}"


def what_is_wrong(cut: Cut, state: Path) -> str:
    """Open the file as the program does, look at everything, and say what is wrong with it; nothing: empty."""
    if not state.exists():
        return f"{len(cut.told)} events were told of, and there is no file" if cut.told else ""
    with closing(connect(state, read_only=False)) as connection:
        migrate(connection, state)
        rows = connection.execute("SELECT id, data FROM event").fetchall()
    faults = [
        finding.detail for finding in examine(state, newest=None) if not finding.ok and finding.name != "free space"
    ]
    if faults:
        return f"damaged: {faults}"
    held = {identity for identity, _ in rows}
    gone = [identity for identity in cut.told if identity not in held]
    if gone:
        return f"{len(gone)} events were told of, and are not there"
    return _halves([json.decode(data) for _, data in rows])


def _halves(payloads: Sequence[dict[str, Any]]) -> str:
    """Return which batch is there in part."""
    parts = Counter((each["batch"], each["of"]) for each in payloads if "batch" in each)
    halves = [batch for (batch, size), found in parts.items() if found != size]
    sent = sum("sent" in each for each in payloads)
    return f"half a batch: {halves}, {sent} of the peer" if halves or sent % BATCH else ""
