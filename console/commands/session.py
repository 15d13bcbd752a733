"""What every headless verb is given: the workspace, the way to open the engine, and where to print."""

from __future__ import annotations

import logging
import sys
from argparse import Namespace
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from console.outside import Outside
from engine.redaction import REDACTOR, RedactingFilter

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.coordinating import Coordinating
    from engine.settings.model import Workspace

DONE, ERROR, CHANGES, REFUSED = 0, 1, 2, 3
"""The exit codes that verbs return themselves (the others come from `engine.errors` and `RunResult`)."""


def log_warnings() -> None:
    """Let libraries warn on standard error, with every secret hidden."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.addFilter(RedactingFilter(REDACTOR))
    logging.basicConfig(handlers=[handler], format="%(name)s: %(message)s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One invocation of the command line."""

    outside: Outside
    folder: Path
    json: bool
    colour: bool
    interactive: bool
    read_only: bool
    purpose: str = ""
    """What others see this process called where it holds something."""

    @classmethod
    def of(cls, arguments: Namespace, outside: Outside, *, no_colour: bool) -> Session:
        """Read the common options."""
        terminal = sys.stdout.isatty()
        return cls(
            outside=outside,
            folder=Path(arguments.workspace).expanduser(),
            json=getattr(arguments, "json", False),
            colour=terminal and not no_colour,
            interactive=terminal and sys.stdin.isatty(),
            read_only=getattr(arguments, "read_only", False),
            purpose=_purpose(arguments),
        )

    def open(self) -> AbstractAsyncContextManager[Engine]:
        """Open the engine on the workspace."""
        return self.outside.open(self.folder, purpose=self.purpose, read_only=self.read_only)

    def coordinate(self) -> AbstractAsyncContextManager[Coordinating]:
        """Open its coordination alone, for verbs that need nothing else: scripts call them often."""
        return self.outside.coordinate(self.folder, purpose=self.purpose, read_only=self.read_only)

    def workspace(self) -> Workspace:
        """Read the workspace file only."""
        return self.outside.load(self.folder)

    def say(self, text: str = "") -> None:
        """Print a line for people; silent with --json."""
        if not self.json:
            print(text)

    def title(self, text: str) -> None:
        """Print a heading for people."""
        self.say(self.paint(f"\n{text}\n{'─' * len(text)}", "bold"))

    def emit(self, row: object) -> None:
        """Print one object on one line; silent without --json."""
        if self.json:
            print(msgspec.json.encode(row).decode(), flush=True)

    def warn(self, text: str) -> None:
        """Print a line on standard error."""
        print(text, file=sys.stderr)

    def paint(self, text: str, *styles: str) -> str:
        """Colour a text when standard output is a terminal that wants it (ECMA-48 SGR)."""
        codes = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
        return f"\x1b[{';'.join(codes[style] for style in styles)}m{text}\x1b[0m" if self.colour and styles else text

    def confirm(self, question: str, *, word: str = "") -> bool:
        """Ask a person; the answer has to be `y`, or exactly `word` when one is demanded."""
        wanted = f"type {word} to go on" if word else "y/N"
        try:
            answer = input(f"{question} [{wanted}] ").strip()
        except EOFError:
            return False
        return answer == word if word else answer.lower() in {"y", "yes"}


def _purpose(arguments: Namespace) -> str:
    """Return what others see this process called: `tasks work`, `lock deploy`."""
    about = next((word for name in ("act", "name", "group") if (word := getattr(arguments, name, ""))), "")
    return f"{arguments.word} {about}".strip()
