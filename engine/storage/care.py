"""Looking after the state file: examine it, and back it up while it is in use."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from engine.coordination.naming import SPACE
from engine.errors import StorageError, SyncdeckError
from engine.storage.connection import connect, telling
from engine.storage.coordination.blocked import stopped_writer
from engine.storage.event_verify import verify_newest
from engine.storage.migrate import check_ours, latest_version, refuse_newer, version_of

LEAST_FREE_BYTES = 200 * 1024 * 1024
LONG_LOG_BYTES = 256 * 1024 * 1024
"""Four times the length at which the writer makes room in it: something holds it open."""

NEWEST_EVENTS = 100_000
"""Events whose chain an ordinary examination computes again; about a second."""

OTHERS = 0o077
"""Permission bits of group and others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found. `advice` is the next step, empty when all is well."""

    name: str
    ok: bool
    detail: str
    advice: str = ""


class Care:
    """Care for one state file, and for the coordination file beside it, if there is one. Works beside a running engine,
    and on a file that no engine can open any more."""

    def __init__(self, path: Path, coordination: Path | None = None) -> None:
        self._path = path
        self._coordination = coordination

    async def examine(self, *, newest: int | None = NEWEST_EVENTS) -> Sequence[Finding]:
        """Run every check, in a thread; the chain of the `newest` events, None for all. Never raises for a fault."""
        findings = await asyncio.to_thread(examine, self._path, newest=newest)
        if self._coordination is not None and self._coordination.exists():
            findings.append(await asyncio.to_thread(_coordination, self._coordination))
        return findings

    async def backup(self, destination: Path) -> int:
        """Copy the state as it is now into a new file, prove that the copy is sound, and return its size in bytes.

        Keys, tasks and streams go into a second file, named as the first with `-coordination`.

        Raises `StorageError`; then no file is left at the destination.
        """
        beside = destination.with_name(f"{destination.name}-coordination")
        if self._coordination is None or not self._coordination.exists():
            return await asyncio.to_thread(backup, self._path, destination)
        _refuse_existing(beside)
        size = await asyncio.to_thread(backup, self._path, destination)
        return size + await asyncio.to_thread(_copy, self._coordination, beside, _settle_coordination)


def examine(path: Path, *, newest: int | None = NEWEST_EVENTS) -> list[Finding]:
    """Return what every check finds, in the order in which an operator would look."""
    if not path.exists():
        advice = "Any command that plans or applies begins one; or check `state` in syncdeck.yaml."
        return [Finding(name="state file", ok=False, detail=f"{path} does not exist.", advice=advice)]
    findings = [_permissions(path), _free_space(path), _write_ahead_log(path)]
    try:
        with telling(path), closing(connect(path, read_only=True)) as connection:
            findings.append(_schema(connection, path))
            if findings[-1].ok:
                findings += [_integrity(connection), _chain(connection, newest)]
    except SyncdeckError as error:
        findings.append(Finding(name="state file", ok=False, detail=str(error), advice=_RESTORE))
    return findings


_RESTORE = "Restore the newest backup, or move the file away to begin a new history."


def _permissions(path: Path) -> Finding:
    mode = path.stat().st_mode & 0o777
    return Finding(
        name="permissions",
        ok=not mode & OTHERS,
        detail=f"{path} has mode {mode:04o}.",
        advice=f"Others may read or change it: chmod 600 {path}" if mode & OTHERS else "",
    )


def _free_space(path: Path) -> Finding:
    free = shutil.disk_usage(path.parent).free
    enough = free >= LEAST_FREE_BYTES
    advice = "" if enough else f"Free some space: below {LEAST_FREE_BYTES >> 20} MB the next large run may not fit."
    return Finding(name="free space", ok=enough, detail=f"{free >> 20:,} MB free on its disk.", advice=advice)


def _write_ahead_log(path: Path) -> Finding:
    log = path.with_name(path.name + "-wal")
    length = log.stat().st_size if log.exists() else 0
    short = length <= LONG_LOG_BYTES
    advice = "" if short else "A process holds an old view of it open: look for a stopped or hanging syncdeck."
    return Finding(name="write-ahead log", ok=short, detail=f"{length >> 10:,} kB beside the file.", advice=advice)


def _schema(connection: sqlite3.Connection, path: Path) -> Finding:
    refuse_newer(connection, path)
    check_ours(connection, path)
    version, latest = version_of(connection), latest_version()
    return Finding(
        name="schema",
        ok=version == latest,
        detail=f"Version {version}; this program writes version {latest}.",
        advice="" if version == latest else "The next command that writes brings it up to date.",
    )


def _integrity(connection: sqlite3.Connection) -> Finding:
    faults = [text for (text,) in connection.execute("PRAGMA integrity_check(10)") if text != "ok"]
    faults += [
        f"{table} row {row} refers to nothing" for table, row, *_ in connection.execute("PRAGMA foreign_key_check")
    ]
    detail = "; ".join(faults[:3]) if faults else "Every page and every index is sound."
    return Finding(name="integrity", ok=not faults, detail=detail, advice=_RESTORE if faults else "")


def _chain(connection: sqlite3.Connection, newest: int | None) -> Finding:
    """Compute the chain again, of each origin from the first of its events among the newest."""
    checked, fault = verify_newest(connection, newest)
    (held,) = connection.execute("SELECT coalesce(sum(count), 0) FROM event_type").fetchone()
    detail = fault or f"{checked:,} of {held:,} events checked; none was changed, dropped or inserted."
    advice = "Somebody or something changed the history: keep this file as evidence, compare it with a backup, and run "
    return Finding(
        name="event chain",
        ok=not fault,
        detail=detail,
        advice=f"{advice}syncdeck events verify." if fault else "",
    )


def backup(path: Path, destination: Path) -> int:
    """Copy a state file that may be in use; see `Care.backup`."""
    return _copy(path, destination, _refuse_unsound)


def _copy(path: Path, destination: Path, settle: Callable[[sqlite3.Connection, Path], None]) -> int:
    """Copy a database that may be in use, let `settle` judge or amend the copy, and return its size."""
    _refuse_existing(destination)
    unfinished = destination.with_name(destination.name + ".unfinished")
    try:
        with telling(path):
            destination.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(unfinished, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600))
            with closing(connect(path, read_only=True)) as source, closing(sqlite3.connect(unfinished)) as copy:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
                settle(copy, unfinished)
            _to_disk(unfinished)
            unfinished.rename(destination)
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()
    _to_disk(destination.parent)
    return destination.stat().st_size


def _refuse_existing(destination: Path) -> None:
    if destination.exists():
        raise StorageError(f"{destination} exists already. Name a file that does not, so that no backup is lost.")


def _settle_coordination(copy: sqlite3.Connection, path: Path) -> None:
    """Take out of a copy what tells its tokens from those of other backends: once it is restored, it gives tokens that
    were given before."""
    if not (sound := _integrity(copy)).ok:
        raise StorageError(f"The backup of {path} was given up: {sound.detail} Run `syncdeck doctor`.")
    with copy:
        copy.execute("DELETE FROM key WHERE name = ?", (SPACE,))


def _coordination(path: Path) -> Finding:
    if (pid := stopped_writer(path)) is not None:
        detail = f"Process {pid} was stopped in the middle of a transaction: nobody else can write."
        advice = f"Let it go on (kill -CONT {pid}), or end it (kill -KILL {pid}): both leave the file sound."
        return Finding(name="coordination file", ok=False, detail=detail, advice=advice)
    try:
        with telling(path), closing(connect(path, read_only=True)) as connection:
            return replace(_integrity(connection), name="coordination file")
    except SyncdeckError as error:
        advice = "Stop all processes on this workspace and move the file away: locks and tasks in it are gone then."
        return Finding(name="coordination file", ok=False, detail=str(error), advice=advice)


def _refuse_unsound(copy: sqlite3.Connection, path: Path) -> None:
    check_ours(copy, path)
    unsound = [finding for finding in (_integrity(copy), _chain(copy, NEWEST_EVENTS)) if not finding.ok]
    if unsound:
        raise StorageError(f"The backup was given up: {unsound[0].detail} Run `syncdeck doctor`.")


def _to_disk(path: Path) -> None:
    """Make a file, or the names in a folder, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
