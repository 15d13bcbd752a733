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
assert not any(name.startswith("textual") for name in sys.modules), "Textual reads ESCDELAY when it is imported"
start.answer_escape_soon()
import textual.constants
print(textual.constants.ESCAPE_DELAY)
"""


@pytest.mark.parametrize(
    ("surroundings", "seconds"),
    [({}, "0.025"), ({"ESCDELAY": "300"}, "0.3")],
    ids=["esc is answered within 25 ms", "unless the environment says otherwise"],
)
def test_esc_does_not_wait(surroundings: dict[str, str], seconds: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "ESCDELAY"} | surroundings
    told = subprocess.run(
        [sys.executable, "-c", START], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == seconds
