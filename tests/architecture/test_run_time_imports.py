"""What is imported when: the engine and the registry stay light, and a command needs no screen."""

from __future__ import annotations

import subprocess
import sys

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
