"""The real command in a process of its own, on a workspace of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from tests.journeys.nest import hatch

ROOT = Path(__file__).parents[2]

PEOPLE = """\
email,name,department,active
ann@acme.example,Ann,eng,yes
Bob.Ray@acme.example,Bob Ray,eng,yes
cy@acme.example,Cy,eng,yes
dee@acme.example,Dee,sales,yes
eve@acme.example,Eve,eng,no
"""
TEAM = """\
# kept by hand
team: engineering
members:
- email: ann@acme.example   # asks questions
  name: Ann
- email: BOB.RAY@acme.example
  name: Robert
- email: gone@acme.example
  name: Gone
"""
SETTINGS = """\
syncdeck: 1
adapters:
  people: {type: csv_file, path: people.csv, key: email}
  team: {type: yaml_file, path: team.yaml, at: members, key: email}
syncs:
  engineering:
    source: people
    where: "department == 'eng' && active == 'yes'"
    targets: [team]
    attributes: {name: name}
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How one invocation ended."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def row(self) -> dict[str, Any]:
        """Standard output as the one JSON object it has to be."""
        (row,) = self.rows
        return row


@dataclass(frozen=True, slots=True)
class Command:
    """`syncdeck` in a folder, as a script runs it: no terminal, no standard input."""

    folder: Path
    behind: tuple[str, ...] = ()
    """What starts it: words before the command itself."""

    def __call__(self, *words: str, actor: str = "ann@desk", typed: str = "") -> Ended:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "SYNCDECK_ACTOR": actor, "PYTHONDONTWRITEBYTECODE": "1"}
        ended = self._started(words, environment, typed) if self.behind else self._hatched(words, environment, typed)
        assert "Traceback" not in ended.err, ended.err
        return ended

    def _started(self, words: Sequence[str], environment: Mapping[str, str], typed: str) -> Ended:
        """Start an interpreter behind other words."""
        done = subprocess.run(
            [*self.behind, sys.executable, "-m", "console", *words],
            cwd=self.folder,
            env=environment,
            input=typed,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def _hatched(self, words: Sequence[str], environment: Mapping[str, str], typed: str) -> Ended:
        """Fork from a process that has imported the program."""
        with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as err:
            given.write(typed.encode())
            given.seek(0)
            code = hatch(words, self.folder, environment, [given.fileno(), out.fileno(), err.fileno()])
            said = []
            for stream in (out, err):
                stream.seek(0)
                said.append(stream.read().decode())
        return Ended(code, *said)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def change(self, name: str, old: str, new: str) -> None:
        text = self.read(name)
        assert old in text
        self.write(name, text.replace(old, new))


def small_workspace(folder: Path) -> Command:
    """Return the command in a new workspace: a directory of five and a team that is out of step with it."""
    command = Command(folder)
    command.write("people.csv", PEOPLE)
    command.write("team.yaml", TEAM)
    command.write("syncdeck.yaml", SETTINGS)
    return command
