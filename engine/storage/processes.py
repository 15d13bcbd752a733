"""Which process wrote a row, and whether it is gone: by process number and start, so that a number used again by
another process is not mistaken for the old one."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path


@cache
def this_process() -> str:
    """Return this process's mark: `host:pid:start`."""
    return mark_of(os.getpid())


def mark_of(pid: int) -> str:
    """Return the mark of a process of this host."""
    return f"{socket.gethostname()}:{pid}:{_start_of(pid)}"


def is_gone(mark: str) -> bool:
    """Tell whether the marked process has certainly ended.

    A process of another host, or of another container on this one, cannot be seen from here: not gone, as far as
    anybody here can say.
    """
    if not seen_from_here(mark):
        return False
    _, pid, start = mark.rsplit(":", 2)
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # it exists and belongs to another user
    return _start_of(int(pid)) != start


def seen_from_here(mark: str) -> bool:
    """Tell whether the number in a mark means the same process here: it is of this host and process namespace."""
    host, _, start = mark.rsplit(":", 2)
    here = this_process().rsplit(":", 2)
    return host == here[0] and start.partition("/")[0] == here[2].partition("/")[0]


def _start_of(pid: int) -> str:
    """Return `<process namespace>/<start in clock ticks since boot>` (proc(5), field 22 of stat); where there is no
    /proc, a text that is the same for all."""
    with suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text()
        namespace = Path("/proc/self/ns/pid").readlink().name.strip("pid:[]")
        return f"{namespace}/{stat.rpartition(')')[2].split()[19]}"
    return "unknown/0"


def instance_of(path: Path) -> str:
    """Return a mark of this file on this running machine: a copy of the file, or the same on another machine, has
    another. Empty where it cannot be told."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        status = path.stat()
        return blake2b(f"{boot}/{status.st_dev}/{status.st_ino}".encode(), digest_size=12).hexdigest()
    return ""
