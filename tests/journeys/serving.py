"""`syncdeck serve` in a process of its own, as a service manager runs it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.journeys.command import ROOT

TOKEN = "sesame-open-wide"


@dataclass
class Served:
    """A running node. `ended` is filled when it has ended."""

    process: subprocess.Popen[str]
    url: str
    said: str
    errors: Path
    """Where standard error goes: a pipe that nobody reads would hold the node up."""
    log: list[dict[str, Any]] = field(default_factory=list)
    code: int | None = None

    def stop(self, how: signal.Signals = signal.SIGTERM, *, within: float = 10) -> int:
        """Ask the node to end, and return its exit code; its log can be read then."""
        self.process.send_signal(how)
        self.process.wait(timeout=within)
        errors = self.errors.read_text(encoding="utf-8")
        assert "Traceback" not in errors, errors
        self.log = [json.loads(line) for line in errors.splitlines()]
        self.code = self.process.returncode
        return self.code


@contextmanager
def served(folder: Path, *words: str, environment: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Serve a workspace on a free port until the block ends."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **(environment or {})}
    command = [sys.executable, "-m", "console", "serve", "--port", "0", *words]
    errors = folder / "serve.log"
    with (
        errors.open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            found = re.search(r"https?://\S+", said)
            if found is None:
                process.wait(timeout=30)
                raise AssertionError(f"it does not serve: {errors.read_text(encoding='utf-8')}")
            yield Served(process, found[0].rstrip('",}'), said, errors)
        finally:
            process.kill()


def workspace(folder: Path, node: str, more: str = "") -> Path:
    """Lay out a workspace of one node."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "syncdeck.yaml").write_text(f"syncdeck: 1\nnode: {node}\n{more}", encoding="utf-8")
    return folder
