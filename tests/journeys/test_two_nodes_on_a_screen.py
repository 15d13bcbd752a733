"""An operator meets another node, exchanges with it, sees what it wrote, proves both equal, learns that it is gone."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual.pilot import Pilot

from console.widgets.event_list import EventList
from console.widgets.line_panel import LineStack
from console.widgets.record_list import RecordList
from tests.console.settling import settled, until
from tests.console.workbench import console, press, rows_of, said, screen_text
from tests.journeys.command import Command
from tests.journeys.serving import served, workspace

HR = "hr@hamburg"


def append(node: Path, aggregate: str, data: str) -> None:
    """Let an application write on a node."""
    words = ["--type", "user.changed", "--aggregate", aggregate, "--data", data, "--metadata", f'{{"actor": "{HR}"}}']
    ended = Command(node)("events", "append", *words)
    assert ended.code == 0, ended.err


def lines(pilot: Pilot[None]) -> list[str]:
    return rows_of(pilot.app.screen.query_one(RecordList))


async def test_a_day_with_another_node(tmp_path: Path) -> None:
    hamburg = workspace(tmp_path / "hamburg", "hamburg")
    append(hamburg, "user:ann", '{"title": "Lead"}')
    with served(hamburg) as node:
        berlin = workspace(tmp_path / "berlin", "berlin", f'peers: {{hamburg: {{url: "{node.url}", every: 10m}}}}\n')
        append(berlin, "user:bob", '{"title": "Engineer"}')
        async with console(berlin / "syncdeck.yaml", (120, 40)) as pilot:
            await meet(pilot)
            await look_at_what_it_wrote(pilot)
            await see_what_another_process_brings(pilot, hamburg, berlin)
            await prove_equal(pilot)
            node.stop()
            await miss_it(pilot)


async def meet(pilot: Pilot[None]) -> None:
    await press(pilot, "8")
    assert "○ never met" in lines(pilot)[0]
    await press(pilot, "t")
    await until(pilot, lambda: "✓ histories" in screen_text(pilot))
    panel = pilot.app.screen.query_one("#known", LineStack)
    told = " ".join(" ".join(panel.line_text(line) for line in range(panel.line_count)).split())
    assert "hamburg has 1 events that are not here, and lacks 1 that are." in told
    await press(pilot, "escape", "s")
    await until(pilot, lambda: "hamburg is in step: 1 pulled, 1 pushed." in said(pilot))
    await until(pilot, lambda: "● connected" in lines(pilot)[0])
    await press(pilot, "enter")
    await until(pilot, lambda: len(lines(pilot)) == 2)
    assert "✓ equal" in lines(pilot)[1]
    await press(pilot, "escape")


async def look_at_what_it_wrote(pilot: Pilot[None]) -> None:
    await press(pilot, "6")
    await until(pilot, lambda: any("hamburg" in line and "title: Lead" in line for line in lines(pilot)))
    events = pilot.app.screen.query_one(EventList)
    place = next(place for place, line in enumerate(lines(pilot)) if "title: Lead" in line)
    events.go_to(place)
    await press(pilot, "a")
    await until(pilot, lambda: "+ title" in screen_text(pilot))
    assert "user:ann   1 event of 1 node" in screen_text(pilot)
    await press(pilot, "escape", "G")


async def see_what_another_process_brings(pilot: Pilot[None], hamburg: Path, berlin: Path) -> None:
    """Nobody tells this console: it sees what a command, or `syncdeck serve`, stored in the same file."""
    await asyncio.to_thread(append, hamburg, "user:ann", '{"title": "Principal"}')
    ended = await asyncio.to_thread(Command(berlin), "peers", "sync", "hamburg")
    assert ended.out.startswith("hamburg: 1 event pulled"), ended
    await until(pilot, lambda: any("title: Principal" in line for line in lines(pilot)))


async def prove_equal(pilot: Pilot[None]) -> None:
    await press(pilot, "8", "equals_sign")
    await until(pilot, lambda: "✓ Equal with hamburg" in screen_text(pilot))
    await press(pilot, "escape")


async def miss_it(pilot: Pilot[None]) -> None:
    await press(pilot, "s")
    await until(pilot, lambda: "✗ lost" in lines(pilot)[0])
    await until(pilot, lambda: "✗ 1 peer" in screen_text(pilot).splitlines()[0])
    await press(pilot, "enter")
    await until(pilot, lambda: "tried again with longer and longer pauses" in " ".join(screen_text(pilot).split()))
    await settled(pilot)
