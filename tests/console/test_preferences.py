"""Preferences: what is usable is used, what is not is said, and the one rule cannot be remapped away."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.preferences import FILE_NAME, Preferences, chosen, load_preferences
from console.styles.themes import DARK, LIGHT


def test_without_a_file_everything_is_as_delivered(tmp_path: Path) -> None:
    assert load_preferences(tmp_path) == Preferences()


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
        ({"color": "red"}, "unknown setting 'color'. Allowed: theme, keys."),
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
