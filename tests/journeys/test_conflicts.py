"""Two nodes edit the same thing apart; an operator settles it from the command line, and both show the same."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.command import Command, Ended

Apart = tuple[Command, Command]


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two nodes that know Ann, and edited her apart; both have heard of it."""
    folder = tmp_path_factory.mktemp("apart")
    berlin, lyon = workspace(folder / "berlin"), workspace(folder / "lyon")
    append(berlin, {"email": "old", "name": "Ann", "tags": ["x"]})
    carry(berlin, lyon)
    append(berlin, {"email": "b@x", "tags": ["x", "b"]})
    append(lyon, {"email": "l@x", "tags": ["x", "l"]})
    carry(berlin, lyon)
    carry(lyon, berlin)
    return folder


@pytest.fixture
def apart(once: Path, tmp_path: Path) -> Apart:
    """The same two nodes, for one test alone."""
    shutil.copytree(once, tmp_path, dirs_exist_ok=True)
    return Command(tmp_path / "berlin"), Command(tmp_path / "lyon")


def workspace(folder: Path, settings: str = "") -> Command:
    folder.mkdir()
    (folder / "syncdeck.yaml").write_text(f"syncdeck: 1\nnode: {folder.name}\n{settings}")
    return Command(folder)


def append(node: Command, data: Any, aggregate: str = "user:ann") -> None:
    words = ["--type", "user.changed", "--aggregate", aggregate, "--data", json.dumps(data)]
    assert node("events", "append", *words).code == 0


def carry(source: Command, target: Command) -> None:
    """Let one node have what another has."""
    file = target.folder / "carried.ndjson"
    file.unlink(missing_ok=True)
    assert source("events", "export", str(file)).code == 0
    assert target("events", "import", str(file)).code == 0


def shown(node: Command) -> Any:
    return node("events", "history", "user:ann", "--json").rows[-1]["value"]


def only(node: Command) -> dict[str, Any]:
    return node("conflicts", "--json").row


def test_a_conflict_is_listed_shown_decided_and_taken_back(apart: Apart) -> None:
    berlin, lyon = apart
    conflict = only(berlin)
    assert only(lyon) == conflict
    assert conflict["fields"] == ["email", "tags"]
    words = ["--take", "local", "--field", "tags", "--take", "both", "--comment", "asked her", "--yes"]
    decided = berlin("conflicts", "resolve", conflict["id"], *words, "--json")
    assert decided.code == 2
    assert decided.row["after"] == {"email": "b@x", "name": "Ann", "tags": ["x", "b", "l"]}
    carry(berlin, lyon)
    for node in apart:
        assert node("conflicts", "--json").rows == []
        assert shown(node) == decided.row["after"]
        settled = node("conflicts", "--state", "settled", "--json").row
        assert (settled["id"], settled["settled_by"]) == (conflict["id"], "ann@desk")
    assert "decided         b@x" in lyon("conflicts", "show", conflict["id"]).out
    assert lyon("conflicts", "undo", conflict["id"], "--yes").code == 2
    carry(lyon, berlin)
    for node in apart:
        assert only(node) == conflict
        assert shown(node) == {"email": "old", "name": "Ann", "tags": ["x"]}


def test_what_nobody_decided_is_not_offered_to_be_taken_back(apart: Apart) -> None:
    berlin, _ = apart
    refused = berlin("conflicts", "undo", "user:ann", "--yes")
    assert (refused.code, refused.out) == (1, "")
    assert "none to undo" in refused.err


def test_the_sides_are_readable_in_eighty_columns(apart: Apart) -> None:
    berlin, _ = apart
    text = berlin("conflicts", "show", "user:ann").out
    assert all(len(line) <= 80 for line in text.splitlines())
    for words in ("base            old", "b@x", "l@x", "(this node)", "by ann@desk", "waits for an operator"):
        assert words in text


def test_a_list_that_was_cut_says_so(apart: Apart) -> None:
    berlin, _ = apart
    cut, whole = berlin("conflicts", "--limit", "1", "--json"), berlin("conflicts", "--limit", "0", "--json")

    assert cut.rows == whole.rows
    assert ("--limit 0 shows all" in cut.err, whole.err) == (True, "")


def test_without_a_terminal_nothing_is_written_unless_agreed(apart: Apart) -> None:
    berlin, _ = apart
    refused = berlin("conflicts", "resolve", "user:ann", "--take", "base")
    assert (refused.code, "--yes" in refused.err) == (1, True)
    assert "then" in refused.out, "the preview is shown"
    assert only(berlin)["state"] == "open"


def test_a_file_says_what_becomes(apart: Apart) -> None:
    berlin, _ = apart
    (berlin.folder / "merged.json").write_text('{"email": "ann@x", "tags": null}')
    assert berlin("conflicts", "resolve", "user:ann", "--take", "merged.json", "--yes").code == 2
    assert shown(berlin) == {"email": "ann@x", "name": "Ann"}


def test_many_are_decided_alike(apart: Apart) -> None:
    berlin, _ = apart
    assert berlin("conflicts", "resolve-all", "--take", "both", "--field", "name").code == 0
    asked = berlin("conflicts", "resolve-all", "--take", "both", "--field", "tags")
    assert (asked.code, "--yes" in asked.err) == (1, True)
    decided = berlin("conflicts", "resolve-all", "--take", "both", "--field", "tags", "--yes", "--json")
    assert (decided.code, decided.row["undecided"]) == (2, ["email"])
    assert only(berlin)["fields"] == ["email"]
    misspelt = berlin("conflicts", "resolve-all", "--take", "newst", "--yes")
    assert (misspelt.code, "newest, or a node: berlin, lyon" in misspelt.err) == (1, True), misspelt.err
    assert berlin("conflicts", "resolve-all", "--take", "lyon", "--yes").code == 2
    assert shown(berlin)["email"] == "l@x"


def test_the_second_decision_is_refused(apart: Apart) -> None:
    berlin, _ = apart
    conflict = only(berlin)["id"]
    assert berlin("conflicts", "resolve", conflict, "--take", "1", "--yes").code == 2
    again = berlin("conflicts", "resolve", conflict, "--take", "2", "--yes", actor="bob@desk")
    assert again.code == 4
    assert "was settled by ann@desk" in again.err


def test_a_claim_is_seen_by_everybody(apart: Apart) -> None:
    berlin, lyon = apart
    claimed = berlin("conflicts", "claim", "user:ann", "--json")
    assert (claimed.code, claimed.row["claimed_by"]) == (0, "ann@desk")
    carry(berlin, lyon)
    assert "claimed by ann@desk" in lyon("conflicts").out
    assert lyon("conflicts", "release", "user:ann").code == 0
    assert only(lyon)["state"] == "open"


def test_rules_are_tried_before_they_are_kept(apart: Apart) -> None:
    berlin, _ = apart
    assert berlin("conflicts", "resolve", "user:ann", "--field", "email", "--take", "1", "--yes").code == 2
    berlin.write("new.yaml", "rules:\n- {when: {field: tags}, use: union}\n- {use: last_write_wins}\n")
    rows = {row["field"]: row for row in berlin("conflicts", "backtest", "new.yaml", "--json").rows}
    assert (rows["email"]["chosen"], rows["email"]["outcome"], rows["email"]["agrees"]) == ("b@x", "l@x", False)
    assert (rows["tags"]["outcome"], rows["tags"]["agrees"]) == (["x", "b", "l"], None)
    told: Ended = berlin("conflicts", "backtest", "new.yaml")
    assert told.code == 0
    assert "0 as operators decided, 1 otherwise" in told.out
    berlin.write("wrong.yaml", "rules:\n- {use: last_write_win}\n")
    wrong = berlin("conflicts", "backtest", "wrong.yaml")
    assert (wrong.code, "Did you mean last_write_wins?" in wrong.err) == (1, True)
    berlin.write("bare.yaml", "- {use: last_write_wins}\n")
    bare = berlin("conflicts", "backtest", "bare.yaml")
    assert (bare.code, "found a list; expected `rules:` with the list of rules below it" in bare.err) == (1, True)


def test_rules_of_the_workspace_settle_what_they_can(tmp_path: Path) -> None:
    rules = "conflicts:\n  rules:\n  - {when: {field: tags}, use: union}\n"
    berlin, lyon = workspace(tmp_path / "berlin", rules), workspace(tmp_path / "lyon")
    for node, letter in ((berlin, "b"), (lyon, "l")):
        append(node, {"email": letter, "tags": [letter]})
    carry(lyon, berlin)
    assert (only(berlin)["fields"], only(berlin)["automatic"]) == (["email"], 1)
    assert shown(berlin) == {"tags": ["b", "l"]}


@pytest.mark.parametrize("words", [["claim", "user:ann"], ["resolve", "user:ann", "--take", "1", "--yes"]])
def test_who_may_only_look_changes_nothing(apart: Apart, words: list[str]) -> None:
    berlin, _ = apart
    refused = berlin("conflicts", *words, "--read-only")
    assert refused.code == 1
    assert "only looks" in refused.err


NOWHERE: dict[str, Callable[[Command], Ended]] = {
    "No conflict waits for an operator.": lambda node: node("conflicts"),
    "No conflict matches.": lambda node: node("conflicts", "--field", "x"),
    "There is no conflict abc, and no aggregate of that name": lambda node: node("conflicts", "show", "abc"),
}


@pytest.mark.parametrize("words", NOWHERE)
def test_nothing_is_said_in_words(tmp_path: Path, words: str) -> None:
    said = NOWHERE[words](workspace(tmp_path / "berlin"))
    assert words in said.out + said.err
