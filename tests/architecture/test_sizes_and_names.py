"""Files stay small and are named after nouns of the field."""

from __future__ import annotations

import re

from tests.architecture.sources import ROOT, functions, source_files

CATCH_ALL = re.compile(r"(^|_)(utils?|helpers?|managers?|core|base|common|types|misc|stuff|lib|phase\d*)(_|$)")


def test_a_source_file_has_at_most_300_lines() -> None:
    crowded = {
        str(path.relative_to(ROOT)): lines
        for path in source_files()
        if (lines := len(path.read_text().splitlines())) > 300
    }
    assert crowded == {}


def test_a_function_has_at_most_50_lines() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {name} has {lines} lines"
        for path in source_files()
        for name, lines in functions(path)
        if lines > 50
    ]
    assert long == []


def test_no_file_has_a_catch_all_name() -> None:
    assert [str(path.relative_to(ROOT)) for path in source_files() if CATCH_ALL.search(path.stem)] == []


def test_the_app_class_only_holds_the_rooms_together() -> None:
    from tests.architecture.sources import classes

    sizes = dict(classes(ROOT / "console" / "app.py"))
    assert {name: lines for name, lines in sizes.items() if lines > 150} == {}


def test_nothing_is_left_half_done() -> None:
    unfinished = re.compile(r"\bTODO\b|\bFIXME\b|\bXXX\b|NotImplementedError|under construction")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in source_files()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if unfinished.search(line)
    ]
    assert found == []
