"""Warming up: what somebody would wait for once is done before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from textual.css.stylesheet import Stylesheet

from console.styles.parsed import ParsedOnce
from tests.console.warm_tour import STOPS

ROOT = Path(__file__).parents[2]


def test_in_a_warm_console_no_screen_form_or_dialog_is_imported_or_styled_anew(tmp_path: Path) -> None:
    toured = subprocess.run(
        [sys.executable, "-m", "tests.console.warm_tour", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert toured.returncode == 0, toured.stderr
    assert toured.stdout.splitlines() == [f"{len(STOPS)} stops"]


def known(styles: Stylesheet) -> list[str]:
    """Return the rules as text, in order."""
    return [rule.css for rule in styles.rules]


def test_a_source_is_parsed_once_for_a_theme() -> None:
    styles = ParsedOnce({"ink": "#112233"})
    styles.add_source("Label { color: $ink; }", read_from=("a", ""))
    styles.parse()
    (rule,) = styles.rules
    styles.add_source("Button { color: $ink; }", read_from=("b", ""))
    styles.set_variables({"ink": "#112233"})
    styles.reparse()
    assert styles.rules[0] is rule
    assert len(styles.rules) == 2


def test_another_theme_is_parsed_with_its_own_colours() -> None:
    styles = ParsedOnce({"ink": "#112233"})
    styles.add_source("Label { color: $ink; }", read_from=("a", ""))
    styles.parse()
    before = known(styles)
    styles.set_variables({"ink": "#445566"})
    styles.reparse()
    assert known(styles) != before
    assert "#445566" in known(styles)[0]
