"""The JSON Schema that editors use agrees with what the loader accepts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from adapters.registry import ENDPOINTS, Registry
from console.sample.workspace import SETTINGS as SAMPLE_WORKSPACE
from engine.errors import SettingsError
from engine.settings.document import parse, plain
from engine.settings.reading import read_workspace
from engine.settings.schema import json_schema
from engine.settings.starter import starter_workspace
from tests.doubles.catalogue import SampleCatalogue
from tests.engine.settings.samples import BLOCK, EXAMPLE

SAMPLE = json_schema(SampleCatalogue())


def faults(data: Any, schema: dict[str, Any] = SAMPLE) -> list[str]:
    validator = jsonschema.Draft202012Validator(schema)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(data)]


def test_it_is_a_schema_of_the_draft_it_names() -> None:
    jsonschema.Draft202012Validator.check_schema(SAMPLE)
    jsonschema.Draft202012Validator.check_schema(json_schema(Registry()))


@pytest.mark.parametrize("text", [EXAMPLE, BLOCK, starter_workspace("Acme: 100 %")])
def test_what_the_loader_reads_is_valid(text: str) -> None:
    read_workspace(text.encode(), Path("/srv/syncdeck.yaml"), SampleCatalogue())
    assert faults(plain(parse(text.encode(), "syncdeck.yaml").root)) == []


def test_the_sample_workspace_is_valid_with_the_real_endpoints() -> None:
    read_workspace(SAMPLE_WORKSPACE.encode(), Path("/srv/syncdeck.yaml"), Registry())
    assert faults(plain(parse(SAMPLE_WORKSPACE.encode(), "syncdeck.yaml").root), json_schema(Registry())) == []


def test_every_type_of_this_installation_is_told_apart() -> None:
    schema = json_schema(Registry())
    assert {f"adapter.{row.type}" for row in ENDPOINTS} <= schema["$defs"].keys()
    assert set(schema["$defs"]["adapter"]["properties"]["type"]["enum"]) >= {row.type for row in ENDPOINTS}


FAULTY = {
    "an unknown setting": ("syncs.engineering.guards.max_removal", 5),
    "a wrong type": ("syncs.engineering.guards.max_removals", "many"),
    "a number out of bounds": ("syncs.engineering.guards.max_removal_percent", 120),
    "an unknown mode": ("syncs.engineering.mode", "addremove"),
    "a duration without unit": ("syncs.engineering.approval.expires", 24),
    "a duration nobody knows": ("syncs.engineering.approval.expires", "soon"),
    "no targets": ("syncs.engineering.targets", []),
    "a secret in clear": ("adapters.staff.password", "hunter2"),
    "an unknown type": ("adapters.people.type", "csv_fil"),
    "another type's setting": ("adapters.people.table", "members"),
    "a section of a later version": ("projections", {"a": {"models": "x"}}),
    "a peer without a scheme": ("peers.hamburg.url", "hamburg.example"),
    "a rule with an unknown strategy": ("conflicts.rules", [{"use": "coin_toss"}]),
    "another coordination": ("coordination.type", "redis"),
    "another format": ("syncdeck", 2),
    "a name with a space": ("adapters.my list", {"type": "csv_file", "path": "x", "key": "k"}),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_an_editor_marks(fault: str) -> None:
    path, value = FAULTY[fault]
    data: Any = plain(parse(EXAMPLE.encode(), "syncdeck.yaml").root)
    *way, last = path.split(".")
    place = data
    for name in way:
        place = place[name]
    place[last] = value
    assert faults(data) != []
    with pytest.raises(SettingsError):
        read_workspace(yaml.safe_dump(data).encode(), Path("/srv/syncdeck.yaml"), SampleCatalogue())


def test_help_is_there_while_typing() -> None:
    removals = SAMPLE["$defs"]["sync"]["properties"]["guards"]["properties"]["max_removals"]
    assert removals["default"] == 10
    assert removals["description"] == "Most removals in one plan, for each target."
    assert removals["type"] == ["integer", "null"]


def test_a_type_whose_package_is_missing_says_what_to_install() -> None:
    assert "pip install 'syncdeck[exotic]'" in SAMPLE["$defs"]["adapter.exotic"]["description"]
