"""Everything around the main job: starting, looking, caring, and being wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.journeys.command import Command


def test_without_a_terminal_the_console_says_what_to_use_instead(syncdeck: Command) -> None:
    refused = syncdeck()
    assert refused.code == 1
    assert "syncdeck plan SYNC" in refused.err


def test_a_new_workspace_is_valid_at_once(tmp_path: Path) -> None:
    command = Command(tmp_path)
    assert command("init", "new").code == 0
    assert command("-w", "new", "status").code == 0
    again = command("init", "new")
    assert again.code == 1
    assert "exists already" in again.err


def test_a_misspelt_setting_is_named_with_its_line_and_the_nearest_name(syncdeck: Command) -> None:
    syncdeck.change("syncdeck.yaml", "attributes:", "atributes:")
    refused = syncdeck("plan", "engineering")
    assert refused.code == 1
    assert "syncdeck.yaml:10" in refused.err
    assert "attributes" in refused.err


def test_an_unknown_sync_is_answered_with_the_nearest(syncdeck: Command) -> None:
    refused = syncdeck("plan", "enginering")
    assert refused.code == 1
    assert "engineering" in refused.err


def test_errors_are_json_for_scripts(syncdeck: Command) -> None:
    refused = syncdeck("plan", "enginering", "--json")
    assert json.loads(refused.err)["error"] == "NothingFound"


def test_no_workspace_is_said_in_words(tmp_path: Path) -> None:
    refused = Command(tmp_path)("status")
    assert refused.code == 1
    assert "syncdeck init" in refused.err


def test_adapters_are_listed_and_checked_with_a_sample(syncdeck: Command) -> None:
    assert {row["adapter"] for row in syncdeck("adapters", "--json").rows} == {"people", "team"}
    check = syncdeck("adapters", "check", "people", "--json")
    assert check.code == 0
    assert check.row["count"] == 5
    (syncdeck.folder / "people.csv").unlink()
    assert syncdeck("adapters", "check", "people").code == 1


def test_every_kind_of_adapter_is_listed(syncdeck: Command) -> None:
    kinds = {row["type"] for row in syncdeck("adapters", "types", "--json").rows}
    assert {
        "csv_file",
        "json_file",
        "yaml_file",
        "sql_table",
        "http_json",
        "ldap_group",
        "scim_group",
        "memory",
    } <= kinds


def test_the_schema_is_a_json_schema(syncdeck: Command) -> None:
    schema = json.loads(syncdeck("schema").out)
    assert "adapters" in schema["properties"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_command(syncdeck: Command, shell: str) -> None:
    assert "syncdeck" in syncdeck("completion", shell).out


def test_read_only_looks_and_changes_nothing(syncdeck: Command) -> None:
    assert syncdeck("plan", "engineering").code == 2
    assert syncdeck("--read-only", "status").code == 0
    refused = syncdeck("apply", "engineering", "--yes", "--read-only")
    assert refused.code == 1
    assert "read-only" in refused.err.lower() or "look" in refused.err.lower()


def test_doctor_finds_a_sound_workspace_sound(syncdeck: Command) -> None:
    syncdeck("plan", "engineering")
    doctor = syncdeck("doctor", "--json")
    assert doctor.code == 0, doctor.out
    assert all(finding["ok"] for finding in doctor.rows)


def test_a_backup_opens_as_the_state_of_another_workspace(syncdeck: Command) -> None:
    syncdeck("plan", "engineering")
    assert syncdeck("backup", "copy.db").code == 0
    assert syncdeck("backup", "copy.db").code == 1, "a backup never overwrites"
    syncdeck.change("syncdeck.yaml", "syncdeck: 1\n", "syncdeck: 1\nstate: copy.db\n")
    assert len(syncdeck("plans", "--json").rows) == 1


def test_help_shows_examples_and_exit_codes(syncdeck: Command) -> None:
    text = syncdeck("apply", "--help").out
    assert "examples:" in text
    assert "exit codes:" in text


def test_the_demo_tells_its_story_without_a_terminal(tmp_path: Path) -> None:
    demo = Command(tmp_path)("demo")
    assert demo.code == 0, demo.err
    assert "REFUSED by max_source_drop_percent" in demo.out
    assert "waits for an approval" in demo.out or "needs an approval" in demo.out
    assert "run.ended" in demo.out
    assert demo.out.count("equal: vectors, chains and states") == 2, "three nodes hold the same"
    assert Command(tmp_path)("demo").code == 0, "a second time finds the sample and tells it again"


def test_the_demo_touches_no_folder_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("keep")
    refused = Command(tmp_path)("demo", ".", "--fresh")
    assert refused.code == 1
    assert (tmp_path / "precious.txt").read_text() == "keep"
