"""Preferences: what is usable is used, what is not is said, and the one rule cannot be remapped away."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.preferences import FILE_NAME, Preferences, chosen, keep, load_preferences
from console.presentation.ages import TimeStyle
from console.styles.themes import DARK, LIGHT
from tests.console.settling import until
from tests.console.workbench import console, fill, press, screen_text


def test_without_a_file_everything_is_as_delivered(tmp_path: Path) -> None:
    assert load_preferences(tmp_path) == Preferences(file=tmp_path / FILE_NAME)


def test_theme_and_keys_are_read(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('theme = "syncdeck-light"\n[keys]\n"overview.plan" = "n"\n')
    preferences = load_preferences(tmp_path)
    assert preferences.theme == LIGHT.name
    assert preferences.keys == {"overview.plan": "n"}
    assert preferences.problems == ()


def test_a_damaged_file_does_not_keep_the_console_shut(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("theme = ")
    preferences = load_preferences(tmp_path)
    assert preferences.theme == DARK.name
    assert "cannot be read" in preferences.problems[0]


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        ({"theme": "pink"}, "there is no theme 'pink'. Allowed: syncdeck-dark, syncdeck-light."),
        ({"color": "red"}, "unknown setting 'color'. Allowed: theme, time, keys."),
        ({"time": "mars"}, "there is no time 'mars'. Allowed: local, UTC, age."),
        ({"keys": {"overview.plam": "n"}}, "there is no key 'overview.plam'. Did you mean 'overview.plan'?"),
        ({"keys": {"adapters.delete": "d"}}, "'adapters.delete' changes the world and needs a capital letter"),
        ({"keys": {"entry.save": "ctrl+s"}}, "'entry.save' changes the world and needs a capital letter"),
    ],
)
def test_what_cannot_be_used_is_said_and_the_rest_is_used(found: dict[str, object], problem: str) -> None:
    preferences = chosen({"keys": {"overview.run": "v"}, **found}, "console.toml")
    assert preferences.problems[0].startswith(f"console.toml: {problem}")
    assert preferences.theme == DARK.name


def test_another_capital_letter_may_change_the_world() -> None:
    assert chosen({"keys": {"adapters.delete": "K"}}, "console.toml").keys == {"adapters.delete": "K"}


# -- remembering -------------------------------------------------------------------------------------------------------


def test_what_is_kept_is_found_the_next_time(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there yet"
    assert keep(folder / FILE_NAME, "theme", LIGHT.name) == ""
    assert keep(folder / FILE_NAME, "time", "UTC") == ""
    preferences = load_preferences(folder)
    assert (preferences.theme, preferences.time, preferences.problems) == (LIGHT.name, TimeStyle.UTC, ())
    assert [file.name for file in folder.iterdir()] == [FILE_NAME]


def test_keeping_changes_one_line_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    file.write_text('# mine\ntheme = "syncdeck-dark"   # by day\n\n[keys]\n"overview.plan" = "n"\n')
    assert keep(file, "theme", LIGHT.name) == ""
    assert file.read_text() == '# mine\ntheme = "syncdeck-light"   # by day\n\n[keys]\n"overview.plan" = "n"\n'


def test_a_setting_that_is_not_there_yet_stands_above_the_tables(tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    file.write_text('[keys]\n"overview.plan" = "n"\n')
    keep(file, "theme", LIGHT.name)
    assert load_preferences(tmp_path) == Preferences(theme=LIGHT.name, keys={"overview.plan": "n"}, file=file)


def test_a_damaged_file_is_left_as_it_is_and_the_reason_is_said(tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    file.write_text("theme = ")
    assert keep(file, "theme", LIGHT.name).startswith(f"theme is not remembered: {file} cannot be changed")
    assert file.read_text() == "theme = "


def test_a_folder_that_cannot_be_made_never_raises(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    assert "cannot be changed" in keep(tmp_path / "taken" / FILE_NAME, "theme", LIGHT.name)


async def test_the_console_remembers_theme_and_time(tmp_path: Path) -> None:
    settings = tmp_path / "settings"
    async with console(fill(tmp_path), preferences=load_preferences(settings)) as pilot:
        await press(pilot, "f2", "6", "t")
        await until(pilot, lambda: load_preferences(settings).time is TimeStyle.UTC)
    async with console(tmp_path / "syncdeck.yaml", preferences=load_preferences(settings)) as pilot:
        assert pilot.app.theme == LIGHT.name
        await press(pilot, "6")
        await until(pilot, lambda: "UTC" in screen_text(pilot))
