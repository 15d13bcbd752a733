"""On what kind of file system a file lies."""

from __future__ import annotations

import re
from pathlib import Path

_TABLE = Path("/proc/self/mountinfo")


def file_system_of(path: Path, table: Path = _TABLE) -> str:
    """Return the kind of file system that a path lies on (`ext4`, `nfs4`), as the kernel calls it (proc(5), mountinfo);
    empty where it cannot be told."""
    try:
        mounts = table.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""
    real = path.absolute().resolve()
    best, kind = "", ""
    for mount in mounts:
        before, _, after = mount.partition(" - ")
        point = _unescaped(before.split(" ")[4])
        if len(point) >= len(best) and real.is_relative_to(point):  # of two at the same point the later one shows
            best, kind = point, after.split(" ")[0]
    return kind


def _unescaped(text: str) -> str:
    """Return a mount point as it is called: space, tab, newline and backslash are written in octal."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
