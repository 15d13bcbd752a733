"""The directions drawn in ARCHITECTURE.md hold, and each contract barks when its direction is broken."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, TREES

SABOTAGE = {
    "the engine reaches into an adapter": ("engine/errors.py", "import adapters.registry"),
    "a screen opens an adapter itself": ("console/keymap.py", "import adapters.registry"),
    "reconcile looks at the event log": ("engine/reconcile/plan.py", "import engine.events.event"),
    "a room appears that no layer names": ("engine/attic.py", "import engine.errors"),
    "a decision reads the clock": ("engine/reconcile/deciding/guards.py", "import time"),
    "a lock asks for tasks": ("engine/coordination/holding/lock.py", "import engine.coordination.working.tasks"),
    "a backend asks for tasks": ("adapters/coordination/redis/keys.py", "import engine.coordination.working.tasks"),
    "a backend leans on another": ("adapters/coordination/etcd/keys.py", "import adapters.coordination.consul.keys"),
    "presentation imports a widget library": ("console/presentation/__init__.py", "import textual"),
    "SQL outside storage": ("engine/events/event.py", "import sqlite3"),
    "the engine calls a service": ("engine/reconcile/acting/apply.py", "import httpx"),
    "an endpoint brings its own HTTP client": ("adapters/endpoints/csv_file.py", "import httpx"),
    "a command needs a screen": ("console/commands/__init__.py", "import console.app"),
}


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(
        command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, check=False
    )


def test_every_direction_is_kept() -> None:
    outcome = lint_imports(ROOT)
    assert outcome.returncode == 0, outcome.stdout


@pytest.mark.parametrize("fault", SABOTAGE)
def test_the_contracts_bark_when(fault: str, tmp_path: Path) -> None:
    file, line = SABOTAGE[fault]
    for tree in TREES:
        shutil.copytree(ROOT / tree, tmp_path / tree, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    victim = tmp_path / file
    victim.write_text((victim.read_text() if victim.exists() else "") + f"\n{line}\n")
    outcome = lint_imports(tmp_path)
    assert outcome.returncode == 1, outcome.stdout
    assert (
        "BROKEN" in outcome.stdout or "not listed" in outcome.stdout.lower() or "exhaustive" in outcome.stdout.lower()
    )
