"""Examining and backing up a state file."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.coordination.naming import SPACE
from engine.errors import StorageError
from engine.events.event import NewEvent, Position
from engine.storage.care import Care, Finding
from engine.storage.coordination.store import SqliteStore
from engine.storage.database import Database, open_database
from engine.storage.event_log import StoredEventLog
from tests.doubles.clock import ManualClock
from tests.engine.storage.conftest import NODE


async def fill(state: Path, count: int = 30) -> None:
    async with open_database(state) as database:
        log = StoredEventLog(database, ManualClock(), NODE)
        for number in range(count):
            await log.append([NewEvent(type="user.added", aggregate_id=f"user:{number % 4}", data={"number": number})])


def tamper(state: Path, statement: str) -> None:
    with closing(sqlite3.connect(state)) as connection:
        connection.execute(statement)
        connection.commit()


async def faults(state: Path, newest: int | None = None) -> dict[str, Finding]:
    return {finding.name: finding for finding in await Care(state).examine(newest=newest) if not finding.ok}


async def test_a_sound_file_has_no_faults(state: Path) -> None:
    await fill(state)
    findings = {finding.name: finding for finding in await Care(state).examine()}

    assert [finding.name for finding in findings.values() if not finding.ok or finding.advice] == []
    assert findings["event chain"].detail == "30 of 30 events checked; none was changed, dropped or inserted."


async def test_it_is_examined_while_it_is_in_use(log: StoredEventLog, state: Path) -> None:
    await log.append([NewEvent(type="user.added", aggregate_id="user:1")])

    assert await faults(state) == {}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET data = '{\"number\":99}' WHERE position = 17",
        'UPDATE event SET metadata = \'{"actor":"nobody"}\' WHERE position = 17',
        "UPDATE event SET aggregate = 'user:9' WHERE position = 17",
        "UPDATE event SET hlc = hlc + 1 WHERE position = 17",
        "UPDATE event SET context = '{}' WHERE position = 17",
        "UPDATE event SET chain = zeroblob(32) WHERE position = 17",
        "DELETE FROM event WHERE position = 17",
        "DELETE FROM event WHERE position = 30",
        "DELETE FROM event WHERE position > 5",
    ],
)
async def test_a_changed_history_is_found(state: Path, statement: str) -> None:
    await fill(state)
    tamper(state, statement)
    found = await faults(state)

    assert list(found) == ["event chain"]
    assert "keep this file as evidence" in found["event chain"].advice


async def test_the_newest_events_are_checked_against_the_one_before_them(state: Path) -> None:
    await fill(state)
    tamper(state, "UPDATE event SET data = '{}' WHERE position = 3")

    assert await faults(state, newest=10) == {}
    assert list(await faults(state, newest=30)) == ["event chain"]


async def test_damaged_pages_are_found_and_told_in_words(state: Path) -> None:
    await fill(state, 400)
    content = bytearray(state.read_bytes())
    content[-8_192:] = b"\xff" * 8_192
    state.write_bytes(content)
    found = await faults(state)

    assert found
    assert all("backup" in finding.advice for finding in found.values())


async def test_a_file_that_cannot_be_opened_is_a_finding_too(state: Path) -> None:
    state.parent.mkdir()
    state.write_bytes(b"no database" * 1_000)
    found = await faults(state)

    assert "is damaged" in found["state file"].detail


async def test_a_newer_file_is_a_finding(state: Path) -> None:
    await fill(state, 1)
    tamper(state, "PRAGMA user_version = 9")

    assert "written by a newer Syncdeck" in (await faults(state))["state file"].detail


async def test_a_missing_file_is_a_finding(state: Path) -> None:
    assert "does not exist" in (await faults(state))["state file"].detail


async def test_a_file_that_others_may_read_is_a_finding(state: Path) -> None:
    await fill(state, 1)
    state.chmod(0o644)

    assert f"chmod 600 {state}" in (await faults(state))["permissions"].advice


async def test_a_backup_taken_in_use_holds_all_that_was_acknowledged(
    log: StoredEventLog, database: Database, tmp_path: Path
) -> None:
    events = await log.append([NewEvent(type="user.added", aggregate_id=f"user:{n}") for n in range(100)])
    copy = tmp_path / "backups" / "monday.db"
    size = await Care(database.path).backup(copy)

    assert size == copy.stat().st_size
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert [path.name for path in copy.parent.iterdir()] == ["monday.db"]
    async with open_database(copy) as restored:
        assert await StoredEventLog(restored, ManualClock(), NODE).page(Position(0), 1_000) == events


async def test_a_backup_never_replaces_a_file(state: Path, tmp_path: Path) -> None:
    await fill(state, 1)
    (tmp_path / "monday.db").write_text("precious")

    with pytest.raises(StorageError, match="exists already"):
        await Care(state).backup(tmp_path / "monday.db")
    assert (tmp_path / "monday.db").read_text() == "precious"


async def test_an_unsound_file_makes_no_backup(state: Path, tmp_path: Path) -> None:
    await fill(state)
    tamper(state, "UPDATE event SET data = '{}' WHERE position = 3")

    with pytest.raises(StorageError, match=r"The backup was given up: Event berlin-1~\w+#3 is not"):
        await Care(state).backup(tmp_path / "monday.db")
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


async def test_a_backup_takes_keys_along_and_is_told_from_what_it_was_copied_from(state: Path, tmp_path: Path) -> None:
    await fill(state, 1)
    coordination = state.with_name("coordination.db")
    async with SqliteStore(coordination, SystemClock(), "syncdeck").open() as store:
        await store.put("key/release", b"42")
        await store.put(SPACE, b"this very file")
        await Care(state, coordination).backup(tmp_path / "monday.db")

    copy = tmp_path / "monday.db-coordination"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    async with SqliteStore(copy, SystemClock(), "syncdeck").open() as restored:
        entry = await restored.get("key/release")
        assert entry is not None
        assert entry.value == b"42"
        assert await restored.get(SPACE) is None


async def test_a_damaged_coordination_file_is_found(state: Path, tmp_path: Path) -> None:
    await fill(state, 1)
    coordination = tmp_path / "coordination.db"
    coordination.write_bytes(b"no database at all" * 100)

    findings = {finding.name: finding for finding in await Care(state, coordination).examine()}
    assert not findings["coordination file"].ok
    assert "move the file away" in findings["coordination file"].advice
