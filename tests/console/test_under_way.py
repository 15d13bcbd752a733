"""While something ordered here is under way the settings stay as they are: a reopened engine would interrupt it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from console.dialogs.save_changes import SaveChanges
from console.widgets.settings_form import SettingsForm
from engine.assembly import Engine
from tests.console.settling import settled, until
from tests.console.workbench import console, deck, fill, press, said

SENTENCE = "Under way here: apply 3f2a91. Change the settings when it has ended."


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return fill(tmp_path)


@asynccontextmanager
async def ordered(pilot: Pilot[None]) -> AsyncIterator[None]:
    """Have an order under way until the block ends."""
    under_way, ended = asyncio.Event(), asyncio.Event()
    here = asyncio.get_running_loop()

    async def order(_: Engine) -> None:
        here.call_soon_threadsafe(under_way.set)
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(ended.wait(), here))

    deck(pilot).order("apply 3f2a91", order)
    await under_way.wait()
    yield
    ended.set()
    await until(pilot, lambda: not deck(pilot).orders)


@pytest.mark.parametrize(
    "keys",
    [("2", "G", "D"), ("2", "G", "enter", "D"), ("3", "D"), ("3", "enter", "D"), ("3", "S"), ("3", "enter", "S")],
    ids=[
        "deleting an adapter",
        "deleting it from its form",
        "deleting a sync",
        "deleting it from its form too",
        "pausing a sync",
        "saving a form",
    ],
)
async def test_a_change_of_the_settings_is_refused_with_what_is_under_way(file: Path, keys: tuple[str, ...]) -> None:
    before = file.read_bytes()
    async with console(file) as pilot:
        *way, last = keys
        await press(pilot, *way)
        async with ordered(pilot):
            engine = deck(pilot).engine
            await pilot.press(last)
            await until(pilot, lambda: SENTENCE in said(pilot))
            assert not isinstance(pilot.app.screen, SaveChanges)
            assert deck(pilot).engine is engine
    assert file.read_bytes() == before


async def test_what_was_agreed_to_meanwhile_is_not_written_either(file: Path) -> None:
    before = file.read_bytes()
    async with console(file) as pilot:
        await press(pilot, "3", "S")
        await until(pilot, lambda: isinstance(pilot.app.screen, SaveChanges))
        async with ordered(pilot):
            await pilot.press("y")
            await until(pilot, lambda: f"Not written. {SENTENCE}" in said(pilot))
    assert file.read_bytes() == before


async def test_when_it_has_ended_the_settings_can_be_changed_again(file: Path) -> None:
    async with console(file) as pilot:
        async with ordered(pilot):
            await pilot.pause()
        await press(pilot, "3", "enter")
        await until(pilot, lambda: bool(pilot.app.screen.query(SettingsForm)))
        await settled(pilot)
        await press(pilot, "D")
        await until(pilot, lambda: isinstance(pilot.app.screen, SaveChanges))
