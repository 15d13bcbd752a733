"""Who keeps others from writing: a process that was stopped in the middle of a transaction."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from engine.storage.coordination.file import lock_path

_STOPPED = ("T", "t")
"""By a signal, or by whoever traces it (proc(5), stat)."""
_LOCKS = Path("/proc/locks")
_WRITE_LOCK = "120"
"""Where SQLite's lock for writing lies in the shared-memory file of a write-ahead log (SQLite, walformat §2.3.1)."""


def who_blocks(path: Path) -> str:
    """Return a sentence about why nobody gets to write to a coordination file, with the process if it can be told."""
    pid = _holder(path.with_name(f"{path.name}-shm"), _WRITE_LOCK) or _holder(lock_path(path), "0")
    who = f"Process {pid}" if pid else "Another process"
    look = f"See whether it was stopped (ps -o stat= -p {pid}); let it go on, or end it" if pid else "Look for one"
    return (
        f"{who} has been writing to the coordination file {path} for seconds, and nobody else can. {look}: locks are "
        "safe, and lapse in their time."
    )


def stopped_writer(path: Path) -> int | None:
    """Return the process that was stopped in the middle of a transaction, if there is one."""
    pid = _holder(path.with_name(f"{path.name}-shm"), _WRITE_LOCK)
    with suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return pid if state in _STOPPED else None
    return None


def _holder(path: Path, begin: str) -> int | None:
    """Return the process that has a lock on a file from a byte on (proc(5), locks)."""
    try:
        found = path.stat()
        lines = _LOCKS.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        match line.split():
            case [_, _, _, "WRITE", pid, where, first, _] if first == begin:
                if int(where.rpartition(":")[2]) == found.st_ino and int(pid) > 0:
                    return int(pid)
    return None
