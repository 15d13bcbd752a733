"""The sample company at work: real processes beside the console, which end when it does.

The other offices are a node each; the crew are commands that queue for locks and lead groups, again and again.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from console.sample.nodes import PEERS, folder_of
from console.sample.work import CREW

STOP_SECONDS = 10

AGAIN = "while kill -0 $PPID 2>/dev/null; do {command}; sleep {pause}; done"
"""Goes on until who started it is gone, however that ended."""


@contextmanager
def company_at_work(folder: Path, *, crew: bool = True) -> Iterator[None]:
    """Run `syncdeck serve` for every other office of a sample until the block ends, and the crew; what they say is in
    serve.log and crew.log."""
    with ExitStack() as stack:
        for office in (folder_of(folder, node) for node in PEERS):
            if (office / "syncdeck.yaml").exists():  # not in a sample that an earlier version built
                log = stack.enter_context((office / "serve.log").open("ab"))
                # In the terminal's group: when the terminal goes away, they are told.
                stack.callback(_stop, _start([*_syncdeck(office), "serve"], log))
        if crew:
            log = stack.enter_context((folder / "crew.log").open("ab"))
            for verb, name, held, pause in CREW:
                words = [*_syncdeck(folder), verb, name, "--", "sleep", str(held)]
                loop = AGAIN.format(command=shlex.join(words), pause=pause)
                stack.callback(_stop_all, _start(["sh", "-c", loop], log, group=0))
        yield


def _syncdeck(folder: Path) -> list[str]:
    return [sys.executable, "-m", "console", "-w", str(folder)]


def _start(command: Sequence[str], log: IO[bytes], group: int | None = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=group)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _stop_all(loop: subprocess.Popen[bytes]) -> None:
    """Stop a loop with the command that it runs."""
    with suppress(ProcessLookupError):
        os.killpg(loop.pid, signal.SIGTERM)
    _stop(loop)
