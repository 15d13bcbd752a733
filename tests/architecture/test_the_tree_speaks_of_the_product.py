"""No path of one machine and no package registry's host is named anywhere in the tree."""

from __future__ import annotations

import re
import subprocess

from tests.architecture.sources import ROOT

PLACES = re.compile(
    "|".join(
        [
            r"(?<![\w.])/(?:" + "wo" + r"rk|ho" + r"me/\w+)/",
            "py" + r"pi\.org",
            "python" + "hosted",
            "npm" + "js",
            "deb" + r"\.debian",
        ]
    )
)
PROSE = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".sh", ".sql", ".tcss", ""}


def test_no_machine_and_no_registry_is_named() -> None:
    names = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    found = [
        f"{name}:{number}"
        for name in names
        if (path := ROOT / name).suffix in PROSE and path.is_file()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if PLACES.search(line)
    ]
    assert found == []
