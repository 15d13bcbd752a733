"""Whom a pattern names."""

from __future__ import annotations

import unicodedata

import pytest

from engine.reconcile.deciding.protection import protecting
from engine.reconcile.records import fold, keep_case


@pytest.mark.parametrize(
    ("pattern", "spelling"),
    [
        ("*@contractor.example", "jo@Contractor.example"),
        ("Ann?", "anna"),
        ("STRASSE", "straße"),
        ("straße", "STRASSE"),
        (unicodedata.normalize("NFD", "zoë"), unicodedata.normalize("NFC", "Zoë")),
        (unicodedata.normalize("NFC", "*@müller.de"), unicodedata.normalize("NFD", "jo@Müller.de")),
        ("o'brien", "O'Brien"),
        ("ﬁnance*", "Finance-lead"),
    ],
)
def test_whoever_is_named_is_protected_however_either_side_spells_it(pattern: str, spelling: str) -> None:
    patterns = protecting([pattern])
    assert patterns.fullmatch(fold(spelling))


def test_letter_case_does_not_matter_in_a_case_sensitive_sync_either() -> None:
    assert protecting(["boss"]).fullmatch(keep_case("Boss"))


def test_nobody_else_is_protected() -> None:
    assert not protecting(["ann?", "*@x"]).fullmatch("anna@y")
    assert not protecting(["a.c"]).fullmatch("abc")


def test_no_pattern_names_nobody() -> None:
    assert not protecting([]).fullmatch("")
