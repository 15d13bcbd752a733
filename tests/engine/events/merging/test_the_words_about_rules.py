"""What docs/conflicts.md says of rules is so."""

from __future__ import annotations

import re

from adapters.registry import Registry
from engine.events.merging.strategies import STRATEGIES
from engine.settings.reading import read_rules
from tests.architecture.sources import ROOT

TEXT = (ROOT / "docs" / "conflicts.md").read_text(encoding="utf-8")


def test_the_rules_shown_are_rules() -> None:
    (yaml,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    rules = read_rules(yaml.encode(), "conflicts.md", Registry())
    assert {rule.use for rule in rules} == set(STRATEGIES)


def test_every_strategy_has_its_row() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE))
    assert rows - {"use"} == set(STRATEGIES)
