"""Open the coordination file, or say in words why it cannot be used where it lies."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.resources import files
from pathlib import Path

from engine.errors import CoordinationError, CoordinationUnavailable, NotSupported, StorageError
from engine.storage.connection import BUSY_TRIES, connect, create_private, patiently, primary_code
from engine.storage.coordination.mounts import file_system_of
from engine.storage.migrate import statements
from engine.storage.processes import instance_of

APPLICATION_ID = 0x53594E4B
"""`SYNK` in the file's header: tells it from a state file and from any other database."""
VERSION = 1
PAGE_BYTES = 2_048
"""A name with its past fits; half the usual size makes a hand-over a sixth cheaper (measured)."""
CEILING_STEP = 1 << 20

ELSEWHERE = frozenset("nfs nfs4 cifs smb3 smbfs 9p afs ceph glusterfs lustre ocfs2 gfs2 fuse".split())
"""File systems that several machines may have mounted: their locks and shared memory do not hold between machines."""
HERE = frozenset({"fuse.fuse-overlayfs", "fuse.portal"})
"""Local ones that go by the name of a family with remote members."""

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}


def connect_quick(path: Path) -> sqlite3.Connection:
    """Open a connection for what a crash of the machine may forget (claims: their tokens stay below the ceiling); it
    never waits for others."""
    connection = connect(path, read_only=False)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA busy_timeout = 0")
    return connection


def lock_path(path: Path) -> Path:
    """Return the file whose lock makes those who want to write stand in line."""
    return path.with_name(f"{path.name}-queue")


def bell_path(path: Path) -> Path:
    """Return the file that is written to after every transaction, for others to notice."""
    return path.with_name(f"{path.name}-bell")


def prepare(path: Path, namespace: str, now: float) -> int:
    """Make sure of a coordination file that is ours, of this version, and usable from here; return the number of a
    namespace in it. `now` is of the clock of deadlines. Raises `CoordinationUnavailable`, `NotSupported`,
    `StorageError`."""
    refuse_elsewhere(path)
    with telling(path):
        create_private(path)
        for beside in (lock_path(path), bell_path(path)):
            create_private(beside)
        number = _known(path, namespace)
        if number is None:
            with _alone(path):
                _lay_out(path)
                number = _make_known(path, namespace, now)
        return number


def _known(path: Path, namespace: str) -> int | None:
    """Return the number of a namespace of a file that needs nothing written: nobody can be in the way of that for
    longer than it takes to lay the file out, or to leave it as the last."""
    for _ in range(BUSY_TRIES):
        try:
            return _known_now(path, namespace)
        except sqlite3.OperationalError as error:
            code = primary_code(error)
            if code == sqlite3.SQLITE_READONLY:  # something that was interrupted has to be undone first
                return None
            if code != sqlite3.SQLITE_BUSY:
                raise
    return _known_now(path, namespace)


def _known_now(path: Path, namespace: str) -> int | None:
    with closing(connect(path, read_only=True)) as connection:
        if connection.execute("PRAGMA schema_version").fetchone() == (0,):
            return None
        check(connection, path)
        return namespace_number(connection, namespace) if _is_of_now(connection, path) else None


def _make_known(path: Path, namespace: str, now: float) -> int:
    with closing(connect(path, read_only=False)) as connection:
        check(connection, path)
        patiently(connection, "BEGIN IMMEDIATE")
        if not _is_of_now(connection, path):
            _begin_anew(connection, path, now)
        connection.execute("INSERT OR IGNORE INTO namespace (name) VALUES (?)", (namespace,))
        (number,) = connection.execute("SELECT id FROM namespace WHERE name = ?", (namespace,)).fetchone()
        connection.execute("COMMIT")
        return int(number)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    handle = os.open(lock_path(path), os.O_RDWR)
    try:
        with first_in_line(handle):
            yield
    finally:
        os.close(handle)


@contextmanager
def first_in_line(handle: int) -> Iterator[None]:
    """Wait for one's turn at the lock file, in the order of asking (flock(2)), and keep it for a block."""
    import fcntl  # where there is none, nobody gets here

    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)


def _lay_out(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        if connection.execute("PRAGMA schema_version").fetchone() != (0,):
            return
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("BEGIN IMMEDIATE")
        for statement in statements(files("engine.storage.coordination").joinpath("schema.sql").read_text("utf-8")):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")


def _is_of_now(connection: sqlite3.Connection, path: Path) -> bool:
    """Tell whether what a file says of moments is of this boot. Raises `NotSupported` when it is of another clock."""
    meta = dict(connection.execute("SELECT name, value FROM meta"))
    instance = instance_of(path)
    if not instance or instance != meta["instance"]:
        return False
    if _time_namespace() != meta["timens"]:
        raise NotSupported(
            f"{path} is used from another time namespace (time_namespaces(7)), whose clock of elapsed time may "
            "differ from this one's. Run all nodes in the same one, or take etcd, redis or postgres."
        )
    return True


def _begin_anew(connection: sqlite3.Connection, path: Path, now: float) -> None:
    """After a restart of the machine, or of a copied file: deadlines mean nothing any more, and the last numbers given
    out may not be on record, so that the next begin where nobody has been. Where it cannot be told whether there was a
    restart, deadlines that lie further ahead than they can are those of another boot."""
    instance = instance_of(path)
    ceiling = raise_ceiling(connection)
    connection.execute("INSERT INTO change VALUES (?, 0, 'restart', '')", (ceiling - CEILING_STEP,))
    connection.execute("DELETE FROM session WHERE ? OR deadline > ? + ttl", (bool(instance), now))
    connection.execute("DELETE FROM waiter WHERE session NOT IN (SELECT id FROM session)")
    connection.execute(
        "UPDATE claim SET session = NULL, nonce = NULL, value = NULL WHERE session NOT IN (SELECT id FROM session)"
    )
    connection.execute(
        "UPDATE key SET deadline = ? + expires WHERE expires IS NOT NULL AND (? OR deadline > ? + expires)",
        (now, bool(instance), now),
    )
    values = ((instance, "instance"), (_time_namespace(), "timens"))
    connection.executemany("UPDATE meta SET value = ? WHERE name = ?", values)


def raise_ceiling(connection: sqlite3.Connection) -> int:
    """Allow more numbers to be given out; return the new ceiling, which counts once it is on the disk."""
    ((ceiling,),) = connection.execute(
        "UPDATE meta SET value = value + ? WHERE name = 'ceiling' RETURNING value", (CEILING_STEP,)
    ).fetchall()
    return int(ceiling)


def ceiling_of(connection: sqlite3.Connection) -> int:
    """Return below which number all may be given out."""
    (ceiling,) = connection.execute("SELECT value FROM meta WHERE name = 'ceiling'").fetchone()
    return int(ceiling)


def namespace_number(connection: sqlite3.Connection, namespace: str) -> int | None:
    """Return the number of a namespace; None: nobody has used it."""
    row = connection.execute("SELECT id FROM namespace WHERE name = ?", (namespace,)).fetchone()
    return None if row is None else int(row[0])


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Raise `StorageError` unless a file is a coordination file of this version."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise StorageError(
            f"{path} is a database of another program. Move it away; Syncdeck keeps its locks under that name."
        )
    if version > VERSION:
        raise StorageError(
            f"{path} was written by a newer Syncdeck (schema {version}, this one knows up to {VERSION}). "
            "Upgrade this program, or stop every node and move the file away: locks and keys begin anew then."
        )


def refuse_elsewhere(path: Path) -> None:
    """Raise `NotSupported` for a file on a file system that other machines share, and on Windows."""
    if os.name == "nt":
        raise NotSupported(
            "Processes coordinate through a file on Linux and macOS alone. Take etcd, consul, nats, redis or postgres "
            "as `coordination.type` in syncdeck.yaml."
        )
    kind = file_system_of(path)
    family = kind.partition(".")[0]
    if kind not in HERE and family in ELSEWHERE:
        raise NotSupported(
            f"{path} lies on a file system that other machines may share ({kind}); SQLite's locks do not hold there. "
            "Put the state file on a local disk, or coordinate through redis, etcd, consul, nats or postgres."
        )


def _time_namespace() -> int:
    try:
        return Path("/proc/self/ns/time").stat().st_ino
    except OSError:
        return 0


def closed(path: Path) -> CoordinationUnavailable:
    """Return the error for whoever asks, or waits, when this process has closed the file."""
    return CoordinationUnavailable(f"The coordination file {path} is closed.")


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise inside into words."""
    try:
        yield
    except (sqlite3.DatabaseError, OSError) as error:
        raise in_words(error, path) from error


def in_words(
    error: sqlite3.Error | OSError, path: Path, *, maybe_done: bool = False
) -> CoordinationError | StorageError:
    """Return what to tell an operator: the file, the fault, the next step."""
    if isinstance(error, OSError):
        return CoordinationUnavailable(
            f"The coordination file {path} cannot be used: {error.strerror}. Check the rights of its folder, and the "
            "free space."
        )
    code = primary_code(error)
    if code in _DAMAGED:
        return StorageError(
            f"The coordination file {path} is damaged ({error}). Stop every node that uses it and move it away: locks, "
            "keys and tasks begin anew, the event log is not touched."
        )
    advice = {
        sqlite3.SQLITE_FULL: "The disk is full. Free some space; nothing was half written.",
        sqlite3.SQLITE_READONLY: "It may only be read here. Check the rights of the file and of its folder.",
        sqlite3.SQLITE_CANTOPEN: "It cannot be opened. Check that the folder exists and may be written.",
        sqlite3.SQLITE_IOERR: "The disk reports a fault. Check it and the system's log.",
        sqlite3.SQLITE_BUSY: "Another process is writing to it. Try again.",
        sqlite3.SQLITE_LOCKED: "Another process is writing to it. Try again.",
    }.get(code, "Try again; if that does not help, stop every node that uses it and move it away.")
    return CoordinationUnavailable(
        f"The coordination file {path} cannot be used ({error}). {advice}", maybe_done=maybe_done
    )
