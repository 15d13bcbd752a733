"""Two consoles on one workspace: what is done in the one is seen in the other."""

from __future__ import annotations

from pathlib import Path

from tests.console.settling import until
from tests.console.workbench import console, deck, fill, press, screen_text


async def test_a_plan_made_elsewhere_appears_without_a_key(tmp_path: Path) -> None:
    file = fill(tmp_path)
    async with console(file) as pilot:
        await press(pilot, "4")
        await until(pilot, lambda: "No plan has been made yet." in screen_text(pilot))
        deck(pilot).watch_log()
        async with console(file) as other:
            await press(other, "p")
            await until(other, lambda: len(other.app.screen_stack) == 2)
        await until(pilot, lambda: "No plan has been made yet." not in screen_text(pilot))
        assert "engineering" in screen_text(pilot)
