"""Other packages' strategies and upcasts, found by entry point; a broken package costs only its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.registry import Registry
from engine.events.merging.strategies import STRATEGIES

PACKAGE = """
from engine.events.merging.strategies import STRATEGIES
newest = STRATEGIES["last_write_wins"]
no_strategy = 42
def renamed(data):
    return {"name": data["title"]}
steps = (renamed,)
no_steps = "renamed"
"""

ENTRY_POINTS = """
[syncdeck.strategies]
newest = acme_merging:newest
ask_operator = acme_merging:newest
nothing = acme_merging:no_strategy
missing = acme_merging:gone

[syncdeck.upcasts]
customer.changed = acme_merging:steps
customer.deleted = acme_merging:no_steps
"""


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """The registry where a package of the name acme-merging is installed."""
    (tmp_path / "acme_merging.py").write_text(PACKAGE)
    about = tmp_path / "acme_merging-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-merging\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    return Registry()


def test_a_strategy_of_another_package_stands_beside_our_own(registry: Registry) -> None:
    assert set(registry.strategies()) == {*STRATEGIES, "newest"}
    assert registry.extensions().strategies()["ask_operator"] is STRATEGIES["ask_operator"]


def test_upcasts_of_another_package_are_taken(registry: Registry) -> None:
    upcasts = registry.extensions().upcasts()
    assert (upcasts.newest("customer.changed"), upcasts.newest("customer.deleted")) == (2, 1)


@pytest.mark.parametrize(
    "sentence",
    [
        "acme-merging: the strategy ask_operator is Syncdeck's own and stays so.",
        "acme-merging: the strategy nothing is no Strategy. Tell its author.",
        "acme-merging: the strategy missing cannot be loaded: AttributeError",
        "acme-merging: the upcast of customer.deleted is no tuple of functions. Tell its author.",
    ],
)
def test_what_cannot_be_used_is_said(registry: Registry, sentence: str) -> None:
    assert any(problem.startswith(sentence) for problem in registry.problems), registry.problems
