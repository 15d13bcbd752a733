"""The power goes at any moment while processes coordinate: every key and message that was acknowledged is there, the
file is sound, and every token given out from now on is greater than all before, also those that nobody remembers."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from engine.clock import SystemClock
from engine.coordination.standing import Claim, Who
from engine.storage import connection
from engine.storage.coordination import file, line, upkeep
from engine.storage.coordination.store import SqliteStore
from tests.faults.power_cut import Cut, cuts
from tests.faults.recording_disk import Recording, recording

CUTS = min(int(os.environ.get("SYNCDECK_CUTS", "120")), 5_000)
FILE = "coordination.db"
WHO = Who(node="berlin-1", actor="anna@berlin-1", pid=1)
ROUNDS = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "recorded"
    folder.mkdir()
    return folder


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[Callable[[Cut], Path]]:
    """Return what lays the files of a cut into a folder, and gives the coordination file there."""
    memory = Path("/dev/shm")  # what lies there was cut already; nothing depends on where it is looked at
    place = memory if os.access(memory, os.W_OK) else tmp_path
    folder = place / f"syncdeck-coordination-cut-{os.getpid()}-{tmp_path.name}"
    folder.mkdir()

    def lay(cut: Cut) -> Path:
        for path in folder.iterdir():
            path.unlink()
        for name, content in cut.files.items():
            (folder / name).write_bytes(content)
        return folder / FILE

    yield lay
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


async def work(folder: Path, noted: Recording, chance: Random) -> None:
    """Take locks, write keys, append to a stream, as two processes would; note what was acknowledged."""
    backend = SqliteStore(folder / FILE, SystemClock(), "test")
    async with backend.open() as store, backend.open() as other:
        assert store.streams is not None
        session = await store.begin(WHO, timedelta(seconds=60), lambda name, token: None)
        there = await other.begin(WHO, timedelta(seconds=60), lambda name, token: None)
        for number in range(ROUNDS):
            for _ in range(chance.randrange(8)):
                for mine, at in ((session, store), (there, other)):
                    noted.told(("token", await at.claim(Claim(mine, "lock/a", "1"))))
                    await at.release(Claim(mine, "lock/a", "1"))
            value = chance.randbytes(chance.choice((3, 30, 9_000)))
            noted.told(("key", f"key/{number}", value, await other.put(f"key/{number}", value)))
            noted.told(("message", await store.streams.append("news", value), value))


def record(folder: Path, chance: Random) -> Recording:
    with recording(folder) as noted:
        asyncio.run(work(folder, noted, chance))
    return noted


async def look(path: Path, cut: Cut) -> str:
    """Open the file as the program does, and say what is wrong with it; nothing: empty."""
    keys = {told[1]: (told[2], told[3]) for told in cut.told if told[0] == "key"}
    messages = {told[1]: told[2] for told in cut.told if told[0] == "message"}
    tokens = [told[1] for told in cut.told if told[0] == "token"]
    async with SqliteStore(path, SystemClock(), "test").open() as store:
        assert store.streams is not None
        held = {entry.key: (entry.value, entry.revision) for entry in await store.entries()}
        kept = {message.offset: message.data for message in await store.streams.read("news")}
        session = await store.begin(WHO, timedelta(seconds=60), lambda name, token: None)
        token = await store.claim(Claim(session, "lock/a", "new"), wait=False)
    faults = []
    if not keys.items() <= held.items():
        faults.append(f"of {len(keys)} keys that were acknowledged {len(keys.items() - held.items())} are not there")
    if not messages.items() <= kept.items():
        faults.append("messages that were acknowledged are not there")
    if token is None or token <= max((*tokens, *(revision for _, revision in keys.values()), 0)):
        faults.append(f"the token {token} is not above those of before")
    return "; ".join(faults)


def what_is_wrong(path: Path, cut: Cut) -> str:
    wrong = asyncio.run(look(path, cut))
    with closing(sqlite3.connect(path)) as opened:
        sound = opened.execute("PRAGMA integrity_check").fetchall()
    return wrong or ("" if sound == [("ok",)] else f"damaged: {sound}")


@pytest.mark.soak
@pytest.mark.timeout(120 + CUTS)
def test_what_was_acknowledged_survives_and_tokens_rise_over_every_power_cut_which_takes_ten_seconds(
    folder: Path, disks: Callable[[Cut], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "COMMITS_BETWEEN", 40)
    noted = record(folder, Random(20_260_302))

    for cut in cuts(noted.deeds, CUTS, Random(1)):
        assert what_is_wrong(disks(cut), cut) == "", f"after {cut.after} deeds, {cut.kept}"


def test_the_harness_would_notice_keys_that_are_not_waited_for(
    folder: Path, disks: Callable[[Cut], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def less_careful(path: Path, *, read_only: bool) -> sqlite3.Connection:
        opened = connection.connect(path, read_only=read_only)
        opened.execute("PRAGMA synchronous = NORMAL")
        return opened

    monkeypatch.setattr(line, "connect", less_careful)
    noted = record(folder, Random(1))

    found = [what_is_wrong(disks(cut), cut) for cut in cuts(noted.deeds, 40, Random(2))]
    assert sum("are not there" in fault for fault in found) > 10
    assert not any("damaged" in fault or "token" in fault for fault in found)  # it forgets, and is sound all the same


def test_the_harness_would_notice_tokens_that_go_on_where_the_file_ends(
    folder: Path, disks: Callable[[Cut], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "instance_of", lambda path: "as if nothing had happened")
    noted = record(folder, Random(1))

    found = [what_is_wrong(disks(cut), cut) for cut in cuts(noted.deeds, 40, Random(2))]
    assert sum("is not above" in fault for fault in found) > 3
