"""Another package adds a strategy by an entry point: found, held to the law, used by a rule, and kept when it fails."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from adapters.extensions import Additions
from adapters.registry import Registry
from engine.events.merging.rules import judge
from engine.events.merging.strategies import STRATEGIES
from engine.events.merging.strategy import Strategy
from engine.settings.reading import read_rules
from engine.settings.replication import Rule
from tests.architecture.sources import ROOT
from tests.engine.events.merging.test_strategies import contest, hold_to_the_law


@pytest.fixture(scope="module")
def longest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Strategy]:
    """Install the package as pip installs any other, and look for what it adds."""
    source = Path(copytree(ROOT / "tests" / "example_endpoint", tmp_path_factory.mktemp("source") / "package"))
    site = tmp_path_factory.mktemp("site")
    options = ["--no-index", "--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "--target", str(site), str(source)], check=True)
    sys.path.insert(0, str(site))
    try:
        additions = Additions()
        assert additions.problems == []
        yield additions.strategies["longest"]
    finally:
        sys.path.remove(str(site))
        for name in [name for name in sys.modules if name.partition(".")[0] == "acme_word_list"]:
            del sys.modules[name]


def test_it_is_found_and_says_where_it_comes_from(longest: Strategy) -> None:
    assert (longest.word, longest.origin) == ("longest", "acme-word-list")
    assert longest.summary == "The longest text wins."


def test_a_rule_may_use_it(longest: Strategy) -> None:
    (rule,) = read_rules(b"rules:\n- {use: longest}\n", "rules.yaml", Registry())
    assert rule == Rule(use="longest")
    verdict = judge(contest("", ["short", "the longest", "middling"]), [rule], {"longest": longest})
    assert (verdict.settled, verdict.value) == (True, "the longest")


@pytest.mark.parametrize("values", [["a", "bb", "cc"], ["x", "", "x"], ["a", 1], [["a"], {"a": 1}], [None, True, 1.5]])
def test_it_is_held_to_the_law_of_strategies(longest: Strategy, values: list[Any]) -> None:
    for seed in range(20):
        hold_to_the_law(longest, ("", values), Rule(use="longest"), random.Random(seed))


def test_without_the_package_an_operator_is_asked() -> None:
    verdict = judge(contest("", ["a", "bb"]), [Rule(use="longest")], STRATEGIES)
    assert not verdict.settled
    assert "longest does not exist here" in verdict.reason
