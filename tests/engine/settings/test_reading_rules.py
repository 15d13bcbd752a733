"""Rules in a file of their own, or in a workspace's."""

from __future__ import annotations

import pytest

from engine.errors import SettingsError
from engine.settings.reading import read_rules
from engine.settings.replication import Condition, Rule
from tests.doubles.catalogue import SampleCatalogue

NEITHER = "expected `rules:` with the list of rules below it, or a whole syncdeck.yaml."

RULES = "rules:\n- {when: {field: tags}, use: prefer_origin, prefer: [a]}\n- {use: last_write_wins}\n"
READ = (Rule(when=Condition(field="tags"), use="prefer_origin", prefer=("a",)), Rule(use="last_write_wins"))


def read(text: str) -> tuple[Rule, ...]:
    return read_rules(text.encode(), "new.yaml", SampleCatalogue())


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        (RULES, READ),
        ("syncdeck: 1\nconflicts:\n  " + RULES.replace("\n", "\n  "), READ),
        ("syncdeck: 1\nadapters: {}\n", ()),
        ("rules: []\n", ()),
    ],
)
def test_rules_stand_alone_or_among_all_settings(text: str, rules: tuple[Rule, ...]) -> None:
    assert read(text) == rules


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("- {use: union}\n", "new.yaml:1:1: found a list; " + NEITHER),
        ("union\n", "new.yaml:1:1: found the text 'union'; " + NEITHER),
        ("", "new.yaml: the file is empty; " + NEITHER),
        ("rule: []\n", "new.yaml:1:1: rule: unknown setting. Did you mean rules? Allowed: rules."),
    ],
)
def test_what_holds_no_rules_is_told_what_to_hold(text: str, fault: str) -> None:
    with pytest.raises(SettingsError) as told:
        read(text)
    assert list(told.value.problems) == [fault]
