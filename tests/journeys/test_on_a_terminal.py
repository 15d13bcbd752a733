"""What only a terminal shows: the question before an apply, the word that has to be typed, the console itself."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.journeys.command import ROOT, TEAM, Command

PATIENCE_SECONDS = 20


class Terminal:
    """A command on a pseudo-terminal of 100 by 30."""

    def __init__(self, process: subprocess.Popen[bytes], end: int) -> None:
        self.process = process
        self.end = end
        self.shown = ""

    def wait_for(self, text: str) -> None:
        """Read until a text has appeared."""
        while text not in self.shown:
            ready, _, _ = select.select([self.end], [], [], PATIENCE_SECONDS)
            assert ready, f"{text!r} never came; so far: {self.shown[-2000:]}"
            self.shown += self._read()

    def type(self, text: str) -> None:
        os.write(self.end, text.encode())

    def leave(self) -> int:
        """Read what is left and return the exit code."""
        while more := self._read():
            self.shown += more
        return self.process.wait(PATIENCE_SECONDS)

    def _read(self) -> str:
        try:
            return os.read(self.end, 65_536).decode(errors="replace")
        except OSError:  # the other end is closed
            return ""


@contextmanager
def on_a_terminal(folder: Path, *words: str) -> Iterator[Terminal]:
    """Run the command as a person does; it is killed at the end if it is still there."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    process = subprocess.Popen(
        [sys.executable, "-m", "console", *words],
        cwd=folder,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_a_person_is_asked_and_a_no_changes_nothing(syncdeck: Command) -> None:
    with on_a_terminal(syncdeck.folder, "apply", "engineering") as terminal:
        terminal.wait_for("go on]")
        terminal.type("yes\n")
        assert terminal.leave() == 1
    assert syncdeck.read("team.yaml") == TEAM, "a plan that removes a third of its target wants the target's name"


def test_the_targets_name_is_the_word_for_many_removals(syncdeck: Command) -> None:
    with on_a_terminal(syncdeck.folder, "apply", "engineering") as terminal:
        terminal.wait_for("type team to go on]")
        terminal.type("team\n")
        assert terminal.leave() == 2
    assert "gone@acme.example" not in syncdeck.read("team.yaml")


def test_the_console_opens_on_the_workspace_and_leaves_in_peace(syncdeck: Command) -> None:
    with on_a_terminal(syncdeck.folder) as terminal:
        terminal.wait_for("engineering")
        terminal.type("\x11")
        assert terminal.leave() == 0


def test_the_demo_opens_the_console_on_the_sample(tmp_path: Path) -> None:
    with on_a_terminal(tmp_path, "demo") as terminal:
        terminal.wait_for("contractor-badges")
        terminal.type("\x11")
        assert terminal.leave() == 0


def test_the_console_ends_when_its_terminal_is_gone(syncdeck: Command) -> None:
    with on_a_terminal(syncdeck.folder) as terminal:
        terminal.wait_for("Overview")
        os.dup2(os.open(os.devnull, os.O_RDWR), terminal.end)  # the last descriptor of the terminal's other end
        assert terminal.process.wait(PATIENCE_SECONDS) == 1
