"""Syncs: the list, the form with its live scope, mapping and guards, pausing, planning."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.dialogs.save_changes import SaveChanges
from console.screens.overview import OverviewScreen
from console.screens.sync import SyncScreen
from console.widgets.marks import Picks
from console.widgets.record_list import RecordList
from console.widgets.settings_form import SettingsForm
from tests.console.settling import settled, until
from tests.console.test_adapters import form, problems, save, type_into
from tests.console.workbench import SIZES, console, deck, fill, press, rows_of, said, screen_text

at_both_sizes = pytest.mark.parametrize("size", SIZES, ids=["80x24", "160x50"])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return fill(tmp_path)


@at_both_sizes
async def test_the_list_tells_where_everything_goes(file: Path, size: tuple[int, int]) -> None:
    async with console(file, size) as pilot:
        await press(pilot, "3")
        (line,) = rows_of(pilot.app.screen.query_one(RecordList))
        assert "people → list" in line
        assert "by hand" in line


@at_both_sizes
async def test_the_scope_is_counted_with_examples(file: Path, size: tuple[int, int]) -> None:
    async with console(file, size) as pilot:
        await press(pilot, "3", "enter")
        await until(pilot, lambda: "2 of 3 records" in screen_text(pilot))
        assert "ann@acme.example, bob@acme.example" in screen_text(pilot)


@at_both_sizes
async def test_the_count_follows_what_is_typed(file: Path, size: tuple[int, int]) -> None:
    async with console(file, size) as pilot:
        await press(pilot, "3", "enter")
        await until(pilot, lambda: bool(pilot.app.screen.query(SettingsForm)))
        await type_into(pilot, "where", "department == 'sales'")
        await until(pilot, lambda: "1 of 3 records" in screen_text(pilot))


async def test_an_expression_that_cannot_be_read_is_explained_at_its_field(file: Path) -> None:
    async with console(file) as pilot:
        await press(pilot, "3", "enter")
        await until(pilot, lambda: bool(pilot.app.screen.query(SettingsForm)))
        await type_into(pilot, "where", "department ==")
        await until(pilot, lambda: "JMESPath" in problems(pilot).get("where", ""))


async def test_the_mapping_is_shown_on_a_real_record(file: Path) -> None:
    async with console(file, (160, 50)) as pilot:
        await press(pilot, "3", "enter")
        await until(pilot, lambda: "becomes, at the targets" in screen_text(pilot))
        text = screen_text(pilot)
        assert "department  eng" in text
        assert text.index("becomes, at the targets") < text.index("name  Ann")


async def test_on_a_narrow_terminal_the_field_in_focus_decides_what_stands_below(file: Path) -> None:
    async with console(file) as pilot:
        await press(pilot, "3", "enter")
        await until(pilot, lambda: "Scope" in screen_text(pilot))
        form(pilot).enter("attributes")
        await until(pilot, lambda: "Mapping" in screen_text(pilot))
        form(pilot).enter("guards.max_removals")
        await until(pilot, lambda: "Guards, as the newest plan met them" in screen_text(pilot))


async def test_guards_are_gauges_once_there_is_a_plan(file: Path) -> None:
    async with console(file, (160, 50)) as pilot:
        await press(pilot, "3", "p")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
        await press(pilot, "escape", "enter")
        await until(pilot, lambda: "max removals" in screen_text(pilot).split("Guards, as")[-1])
        assert "0, most 10" in screen_text(pilot)


@at_both_sizes
async def test_targets_are_picked_from_the_adapters_that_can_be_written(file: Path, size: tuple[int, int]) -> None:
    async with console(file, size) as pilot:
        await press(pilot, "3", "enter")
        await until(pilot, lambda: bool(pilot.app.screen.query(SettingsForm)))
        await settled(pilot)
        picks = pilot.app.screen.query_one(Picks)
        assert picks.picked == ["list"]
        picks.focus()
        await press(pilot, "right", "right", "space")
        assert picks.picked == ["list", "spare"]
        await save(pilot)
    assert "targets: [list, spare]" in file.read_text()


@at_both_sizes
async def test_a_sync_is_paused_and_resumed_with_its_diff_shown(file: Path, size: tuple[int, int]) -> None:
    async with console(file, size) as pilot:
        for expected, unexpected in (("+    paused: true", ""), ("-    paused: true", "paused: true")):
            await press(pilot, "3", "S")
            await until(pilot, lambda: isinstance(pilot.app.screen, SaveChanges))
            assert expected in screen_text(pilot)
            await press(pilot, "y")
            await until(pilot, lambda: deck(pilot).engine is not None)
            await settled(pilot)
            assert not unexpected or unexpected not in file.read_text()


async def test_a_copy_starts_paused(file: Path) -> None:
    async with console(file) as pilot:
        await press(pilot, "3", "c")
        await until(pilot, lambda: bool(pilot.app.screen.query(SettingsForm)))
        await settled(pilot)
        values, _ = form(pilot).collected()
    assert values["name"] == "engineering-copy"
    assert values["paused"] is True
    assert values["where"] == "department == 'eng'"


async def test_two_syncs_that_would_fight_over_a_target_are_refused_at_the_field(file: Path) -> None:
    async with console(file) as pilot:
        await press(pilot, "3", "c")
        await until(pilot, lambda: bool(pilot.app.screen.query(SettingsForm)))
        await settled(pilot)
        await type_into(pilot, "name", "second")
        await until(pilot, lambda: "engineering" in problems(pilot).get("targets", ""))


async def test_a_new_sync_needs_a_name_a_source_and_targets(file: Path) -> None:
    async with console(file) as pilot:
        await press(pilot, "3", "a")
        await until(pilot, lambda: bool(pilot.app.screen.query(SettingsForm)))
        await settled(pilot)
        await type_into(pilot, "name", "sales")
        await until(pilot, lambda: {"source", "targets"} <= set(problems(pilot)))


@at_both_sizes
async def test_a_deleted_sync_is_gone_and_its_target_untouched(file: Path, size: tuple[int, int]) -> None:
    target = (file.parent / "list.yaml").read_bytes()
    async with console(file, size) as pilot:
        await press(pilot, "3", "D")
        await until(pilot, lambda: isinstance(pilot.app.screen, SaveChanges))
        await press(pilot, "y")
        await until(pilot, lambda: "There are no syncs yet." in screen_text(pilot))
    assert "engineering" not in file.read_text()
    assert (file.parent / "list.yaml").read_bytes() == target


async def test_only_what_is_saved_is_planned(file: Path) -> None:
    async with console(file) as pilot:
        await press(pilot, "3", "enter")
        await until(pilot, lambda: bool(pilot.app.screen.query(SettingsForm)))
        await type_into(pilot, "where", "department == 'sales'")
        await press(pilot, "escape", "p")
        assert "S saves first" in said(pilot)
        assert isinstance(pilot.app.screen, SyncScreen)


async def test_a_plan_that_is_ready_later_does_not_pull_people_away(file: Path) -> None:
    async with console(file) as pilot:
        deck(pilot).plan_sync("engineering")
        deck(pilot).action_switch("adapters")
        await until(pilot, lambda: "The plan of engineering is ready" in said(pilot))
        assert deck(pilot).current_mode == "adapters"
        assert len(pilot.app.screen_stack) == 1


async def test_a_plan_opens_where_it_was_asked_for(file: Path) -> None:
    async with console(file) as pilot:
        await press(pilot, "p")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
        await press(pilot, "escape")
        assert isinstance(pilot.app.screen, OverviewScreen)
        assert "≠ out of step" in screen_text(pilot)
