"""A real NTP server: chronyd, which serves this machine's time and never touches its clock."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.servers.server_process import Recipe, ServerProcess, program, running

LEAST_ANSWER = 48
REQUEST = bytes([0x23]) + bytes(47)
"""Version 4, mode 3: a client's (RFC 5905 §7.3)."""


@contextmanager
def start_chrony(*directives: str, stratum: int = 5) -> Iterator[ServerProcess]:
    """Run an NTP server until the block ends, with further directives of chrony.conf."""
    path = program("chronyd", package="chrony")

    def command(folder: Path, ports: Sequence[int]) -> Sequence[str | Path]:
        lines = [
            f"local stratum {stratum}",
            f"port {ports[0]}",
            "bindaddress 127.0.0.1",
            "allow 127.0.0.1",
            "cmdport 0",
            "bindcmdaddress /",
            f"pidfile {folder}/pid",
            *directives,
        ]
        (folder / "chrony.conf").write_text("\n".join(lines) + "\n")
        user = pwd.getpwuid(os.geteuid()).pw_name
        # -x: the clock is left alone; -U: no root needed; -F 0: no system call is forbidden; -d: in the foreground.
        return [path, "-x", "-d", "-U", "-u", user, "-F", "0", "-f", folder / "chrony.conf"]

    with running(Recipe(name="chrony", scheme="ntp", command=command, answers=_tells_the_time)) as server:
        yield server


def _tells_the_time(port: int) -> bool:
    with socket.socket(type=socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.2)
        asking.connect(("127.0.0.1", port))
        asking.send(REQUEST)
        answer = asking.recv(512)
    return len(answer) >= LEAST_ANSWER and answer[1] not in {0, 16}
