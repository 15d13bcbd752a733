"""The sample company's other offices at work: a real node each, as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from console.sample.nodes import PEERS, folder_of

STOP_SECONDS = 10


@contextmanager
def offices_open(folder: Path) -> Iterator[None]:
    """Run `syncdeck serve` for every other office of a sample until the block ends; what they say is in serve.log."""
    with ExitStack() as stack:
        for office in (folder_of(folder, node) for node in PEERS):
            if not (office / "syncdeck.yaml").exists():  # a sample that an earlier version built
                continue
            log = stack.enter_context((office / "serve.log").open("ab"))
            command = [sys.executable, "-m", "console", "-w", str(office), "serve"]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            stack.callback(_stop, process)
        yield


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
