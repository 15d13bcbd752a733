"""What `coordination_screen` runs on its pseudo-terminal: the console, noting when each step towards the screen was
done, or the least that a Textual app can do, for comparison.

    python -m tests.benchmarks.screen_steps console FILE -w FOLDER    steps go to the file, a line each
    python -m tests.benchmarks.screen_steps bare FIFO                 one cell, changed by what is written to the FIFO
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

STEPS = ("told", "asked", "read", "drawn")
LONGEST = 64


def noted(kind: type, method: str, step: str, file: int, *, before: bool = False) -> None:
    """Let a method of a class note when it was called, or was done."""
    plain: Callable[..., Any] = getattr(kind, method)

    @wraps(plain)
    def noting(*given: Any, **named: Any) -> Any:
        if before:
            os.write(file, f"{step} {time.perf_counter()}\n".encode())
        answer = plain(*given, **named)
        if not before:
            os.write(file, f"{step} {time.perf_counter()}\n".encode())
        return answer

    setattr(kind, method, noting)


def console(path: str, words: list[str]) -> int:
    """Run the console."""
    from console.__main__ import main
    from console.following import Tidings
    from console.panes.locks import LocksPane

    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    noted(Tidings, "note", "told", file)
    noted(LocksPane, "question", "asked", file)
    noted(LocksPane, "took", "read", file, before=True)
    noted(LocksPane, "draw", "drawn", file)
    return main(words)


def bare(path: str) -> int:
    """Run an app of one cell."""
    from textual.app import App, ComposeResult
    from textual.widget import Widget

    class Cell(Widget):
        text = "ready"

        def render(self) -> str:
            return self.text

    class Bare(App[None]):
        def compose(self) -> ComposeResult:
            yield Cell()

        def on_mount(self) -> None:
            self.source = os.open(path, os.O_RDWR | os.O_NONBLOCK)
            asyncio.get_running_loop().add_reader(self.source, self.hear)

        def hear(self) -> None:
            cell = self.query_one(Cell)
            cell.text = os.read(self.source, LONGEST).decode()
            cell.refresh()

    Bare().run()
    return 0


if __name__ == "__main__":
    what, where, *rest = sys.argv[1:]
    sys.exit(bare(where) if what == "bare" else console(where, rest))
