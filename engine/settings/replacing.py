"""Replace a file as a whole: readers see the old bytes or the new ones, never half, also after a power cut."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path


def replace_file(path: Path, data: bytes) -> None:
    """Write `data` in place of an existing file, keeping its mode.

    A symbolic link stays one: what it points to is replaced. Raises `OSError`; the old file is then still whole.
    """
    real = path.resolve(strict=True)
    before = real.stat()
    handle, name = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.", suffix=".new")
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.chmod(stat.S_IMODE(before.st_mode))
        fresh.replace(real)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync_folder(real.parent)


def sync_folder(folder: Path) -> None:
    """Make it durable that a file of this folder was created, renamed or replaced; only POSIX can open a folder."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
