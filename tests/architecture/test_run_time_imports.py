"""What is imported when: the engine and the registry stay light, and a command needs no screen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

HEAVY = {
    "engine.assembly": ("textual", "rich", "httpx", "sqlalchemy", "keyring", "ldap3", "ruamel"),
    "adapters.registry": ("textual", "rich", "httpx", "sqlalchemy", "keyring", "ldap3"),
    "console.__main__": ("textual", "httpx", "sqlalchemy", "keyring", "ldap3", "ruamel"),
    "console.app": ("httpx", "sqlalchemy", "keyring", "ldap3", "ruamel", "tree_sitter"),
}


@pytest.mark.parametrize("module", HEAVY)
def test_nothing_heavy_comes_along_with(module: str) -> None:
    program = f"import sys, {module}; print(*sorted(name.partition('.')[0] for name in sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert sorted(set(HEAVY[module]) & set(loaded)) == []


NOT_TO_COORDINATE = (
    *("textual", "httpx", "sqlalchemy", "keyring", "jmespath", "croniter", "uvicorn", "asyncpg", "redis", "nats"),
    *("importlib.metadata", "engine.assembly", "engine.reconcile.acting", "engine.reconcile.deciding"),
    *("engine.events.replicating", "engine.events.merging", "engine.storage.event_log"),
)
"""What a command that only asks for a lock or a key does not wait for."""


@pytest.mark.parametrize("words", [("keys", "put", "color", "green"), ("lock", "nightly", "--", "true")])
def test_coordinating_commands_import_nothing_else(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "syncdeck.yaml").write_text("syncdeck: 1\nadapters: {}\nsyncs: {}\n")
    program = "import sys; from console.__main__ import main; main(sys.argv[1:]); print('imported', *sys.modules)"

    said = subprocess.run(
        [sys.executable, "-c", program, "-w", str(tmp_path), *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    loaded = said.rpartition("imported ")[2].split()
    assert "engine.coordinating" in loaded
    assert [name for name in NOT_TO_COORDINATE if name in loaded] == []
