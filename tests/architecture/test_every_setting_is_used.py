"""A setting that nobody reads is a promise that nobody keeps."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import msgspec
import pytest

from engine.settings.replication import Condition, ConflictSettings, PeerSettings, Rule, ServerSettings

ROOT = Path(__file__).parents[2]
DECLARED = ROOT / "engine" / "settings"
SPEAKS_OF: dict[type[msgspec.Struct], tuple[str, ...]] = {
    PeerSettings: ("PeerSettings", "workspace.peers"),
    ServerSettings: ("ServerSettings", "workspace.server"),
    ConflictSettings: ("ConflictSettings", "workspace.conflicts"),
    Rule: ("import Rule", ", Rule", "Rule,"),
    Condition: ("Condition", ".when"),
}
"""By these words a module is known to have to do with settings of a kind."""
FIELDS = [(kind, field.name) for kind in SPEAKS_OF for field in msgspec.structs.fields(kind)]


@cache
def read_of(kind: type[msgspec.Struct]) -> frozenset[str]:
    """Every name that is read of something by modules that have to do with such settings, their own room aside."""
    files = (file for tree in ("engine", "adapters", "console") for file in (ROOT / tree).rglob("*.py"))
    sources = (file.read_text("utf-8") for file in files if DECLARED not in file.parents)
    speaking = (source for source in sources if any(word in source for word in SPEAKS_OF[kind]))
    nodes = (node for source in speaking for node in ast.walk(ast.parse(source)))
    return frozenset(node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load))


@pytest.mark.parametrize(("kind", "name"), FIELDS, ids=[f"{kind.__name__}.{name}" for kind, name in FIELDS])
def test_a_setting_is_read_by_the_program(kind: type[msgspec.Struct], name: str) -> None:
    assert name in read_of(kind)
