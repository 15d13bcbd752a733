"""How the console is started: what has to stand before Textual is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
START = """
import sys, console.__main__ as start
assert not any(name.startswith("textual") for name in sys.modules), "Textual reads its settings when it is imported"
start.hurry_textual()
import textual.constants
print(textual.constants.ESCAPE_DELAY, textual.constants.MAX_FPS)
"""


@pytest.mark.parametrize(
    ("surroundings", "said"),
    [({}, "0.025 240"), ({"ESCDELAY": "300", "TEXTUAL_FPS": "30"}, "0.3 30")],
    ids=["esc is answered within 25 ms, a change painted within 5", "unless the environment says otherwise"],
)
def test_nothing_waits_for_textual(surroundings: dict[str, str], said: str) -> None:
    own = {name: value for name, value in os.environ.items() if name not in {"ESCDELAY", "TEXTUAL_FPS"}}
    told = subprocess.run(
        [sys.executable, "-c", START], cwd=ROOT, env=own | surroundings, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == said
