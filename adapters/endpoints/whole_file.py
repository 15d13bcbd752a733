"""Files that are read and replaced whole: locked, merged on a fresh read, replaced in one step.

The lock is advisory, on a side file, and keeps several Syncdecks apart. An editor or a script that knows no lock is
noticed by the file's identity, size and time just before the replacement: then the merge starts again on what it wrote.
"""

from __future__ import annotations

import difflib
import errno
import fcntl
import os
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

from engine.errors import RemoteRefused, RemoteUnavailable

Answer = TypeVar("Answer")
Edit = Callable[[bytes], tuple[bytes, Answer]]
"""The bytes as they are now to the bytes as they should be, and what to tell the caller. May be called again."""

LOCK_ATTEMPTS = 200
LOCK_PAUSE_SECONDS = 0.05
"""Ten seconds in all: a Syncdeck holds the lock for the length of one rewrite."""

MERGE_ATTEMPTS = 5
PASSING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EAGAIN, errno.EINTR, errno.EMFILE, errno.ENFILE})
"""Faults of the system that may be over in a minute; all others need somebody to act."""

EFFECTIVE = os.access in os.supports_effective_ids
Stamp = tuple[int, int, int, int]


def read_whole(path: Path) -> bytes:
    """Return the file's bytes. Raises `RemoteRefused` when it is not there or may not be read."""
    with _in_words(path):
        return path.read_bytes()


def rewrite(path: Path, edit: Edit[Answer]) -> Answer:
    """Let `edit` change the file under its lock; no byte is written when nothing changes.

    Mode and owner stay; a symbolic link stays and what it points to is replaced. After a return the new content is
    durable. Raises `RemoteRefused`, `RemoteUnavailable` (`maybe_done` only when the folder could not be made durable).
    """
    real = Path(os.path.realpath(path))
    with _in_words(path), _locked(real):
        for _ in range(MERGE_ATTEMPTS):
            stamp = _stamp(real)
            old = real.read_bytes()
            new, answer = edit(old)
            if new == old:
                return answer
            if not os.access(real, os.W_OK, effective_ids=EFFECTIVE):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            if _replaced(real, new, stamp):
                return answer
    raise RemoteUnavailable(
        f"{path} was changed by somebody else {MERGE_ATTEMPTS} times while it was being rewritten. Nothing was done; "
        "try again when it is quiet."
    )


def similar_names(path: Path) -> str:
    """Return a sentence on what there is instead of a path that does not exist."""
    if not path.parent.is_dir():
        return f"The folder {path.parent} does not exist either."
    names = sorted(entry.name for entry in path.parent.iterdir())
    near = (
        difflib.get_close_matches(path.name, names, n=3, cutoff=0.5)
        or [name for name in names if Path(name).suffix == path.suffix and not name.startswith(".")][:3]
    )
    if not near:
        return f"The folder {path.parent} holds nothing like it."
    return f"The folder {path.parent} has {', '.join(near)}."


def _replaced(path: Path, content: bytes, stamp: Stamp) -> bool:
    """Put the content in the file's place, unless the file is no longer the one that was read."""
    with _beside(path) as (temporary, file):
        file.write(content)
        file.flush()
        _same_owner(path, file.fileno())
        os.fsync(file.fileno())
        if _stamp(path) != stamp:
            return False
        temporary.replace(path)
    try:
        _make_durable(path.parent)
    except OSError as error:
        raise RemoteUnavailable(
            f"{path} was replaced, but its folder could not be made durable: {error.strerror}.", maybe_done=True
        ) from error
    return True


@contextmanager
def _beside(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Yield a new file in the same folder (a rename is atomic only within one file system); remove it if left over."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield temporary, file
    finally:
        temporary.unlink(missing_ok=True)


def _same_owner(path: Path, descriptor: int) -> None:
    """Give the new file the mode and, where this process may, the owner of the one it will replace."""
    old, new = path.stat(), os.fstat(descriptor)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        with suppress(PermissionError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file that exists; the side file is gone afterwards."""
    path.stat()
    side = path.with_name(f".{path.name}.lock")
    descriptor = _lock(side)
    try:
        yield
    finally:
        side.unlink(missing_ok=True)
        os.close(descriptor)


def _lock(side: Path) -> int:
    """Return the descriptor of the locked side file.

    Whoever gets the lock makes sure that the file he locked is still the one in the folder: the holder before him
    removed it while he waited.
    """
    pause = threading.Event()
    for _ in range(LOCK_ATTEMPTS):
        descriptor = os.open(side, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_ino == side.stat().st_ino:
                return descriptor
        except (BlockingIOError, FileNotFoundError):
            pause.wait(LOCK_PAUSE_SECONDS)
        os.close(descriptor)
    raise RemoteUnavailable(
        f"{side} has been held by another Syncdeck for {LOCK_ATTEMPTS * LOCK_PAUSE_SECONDS:.0f} seconds. "
        "Try again when it is done."
    )


def _stamp(path: Path) -> Stamp:
    """Return what changes when anybody writes the file or puts another in its place."""
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def _make_durable(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    """Turn the system's refusals into sentences that name the file and the next step."""
    try:
        yield
    except FileNotFoundError as error:
        raise RemoteRefused(f"{path} does not exist. {similar_names(path)} Mend the path, or make the file.") from error
    except (IsADirectoryError, NotADirectoryError) as error:
        raise RemoteRefused(f"{path} is not a file. Name the file itself.") from error
    except PermissionError as error:
        raise RemoteRefused(f"{path} may not be {_forbidden(path)} by this user. Change its rights.") from error
    except OSError as error:
        if error.errno in PASSING:
            raise RemoteUnavailable(f"{path} cannot be used now: {error.strerror}. Nothing was changed.") from error
        raise RemoteRefused(f"{path} cannot be used: {error.strerror}.") from error


def _forbidden(path: Path) -> str:
    return "replaced" if os.access(path, os.R_OK, effective_ids=EFFECTIVE) else "read"
