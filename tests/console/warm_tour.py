"""A tour of a console that has warmed up, for a process of its own: prints what was still met for the first time."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from textual.pilot import Pilot

from console.warmth import GROUP
from tests.console.settling import until
from tests.console.workbench import console, deck, fill, press

STOPS = (
    ("2",),
    ("2", "enter", "i", "escape", "escape"),
    ("2", "a", "escape"),
    ("2", "G", "D", "escape"),
    ("2", "question_mark", "escape"),
    ("2", "at", "escape"),
    ("2", "ctrl+p", "escape"),
    ("3",),
    ("3", "enter", "escape"),
    ("3", "S", "escape"),
    ("4",),
    ("5",),
    ("6",),
    ("6", "slash", "escape"),
    ("6", "T", "escape"),
    ("9",),
    *(("9", tab) for tab in "ldtcsom"),
    ("9", "s", "a", "escape"),
    ("9", "c", "a", "escape"),
    ("1", "p", "A", "escape"),
    ("1", "X", "escape"),
    ("1", "slash", "escape", "escape"),
)
OURS = ("console", "textual", "rich", "pygments")


def met(pilot: Pilot[None]) -> set[str]:
    """Return the modules and the sources of styles that are known."""
    modules = {name for name in sys.modules if name.partition(".")[0] in OURS}
    return modules | {f"{Path(path).name} {kind}" for path, kind in pilot.app.stylesheet.source}


async def tour(folder: Path) -> None:
    """Go everywhere once."""
    async with console(fill(folder), (120, 40)) as pilot:
        warm = [worker for worker in pilot.app.workers if worker.group == GROUP]
        await until(pilot, lambda: deck(pilot).warmed and all(worker.is_finished for worker in warm))
        before = met(pilot)
        for keys in STOPS:
            await press(pilot, *keys)
            for new in sorted(met(pilot) - before):
                print(f"{' '.join(keys)}: {new}")
            before = met(pilot)
        print(f"{len(STOPS)} stops")


if __name__ == "__main__":
    asyncio.run(tour(Path(sys.argv[1])))
