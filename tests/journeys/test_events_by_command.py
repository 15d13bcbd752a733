"""Appending, exporting, importing, examining and redacting with the real command."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.journeys.command import Command

CHANGED = ("--type", "user.changed", "--aggregate", "user:1")


@pytest.fixture
def node(tmp_path: Path) -> Command:
    return new_node(tmp_path / "berlin", "berlin-1")


def new_node(folder: Path, name: str) -> Command:
    folder.mkdir()
    command = Command(folder)
    command.write("syncdeck.yaml", f"syncdeck: 1\nnode: {name}\n")
    return command


def append(node: Command, data: object, *more: str) -> dict[str, object]:
    return node("events", "append", *CHANGED, "--data", json.dumps(data), *more, "--json").row


def test_an_appended_event_is_acknowledged_with_both_its_versions(node: Command) -> None:
    first = append(node, {"name": "Ann"})
    second = append(node, {"name": "Bea"}, "--metadata", '{"ticket": 4711}', "--expected", "1")

    assert (first["version"], first["vector"]) == (1, {first["origin"]: 1})
    assert (second["version"], second["vector"]) == (2, {first["origin"]: 2})
    assert second["metadata"] == {"actor": "ann@desk", "ticket": 4711}
    assert append(node, None, "--expected", json.dumps({"kind": "vector", "data": second["vector"]}))["version"] == 3


def test_an_aggregate_that_moved_on_is_exit_code_4_and_nothing_is_appended(node: Command) -> None:
    append(node, {"name": "Ann"})
    refused = node("events", "append", *CHANGED, "--data", "{}", "--expected", "0")

    assert refused.code == 4
    assert "user:1 has version 1" in refused.err
    assert len(node("events", "--json").rows) == 1


def test_an_event_sent_twice_under_its_id_is_kept_once(node: Command) -> None:
    once = append(node, {"name": "Ann"}, "--id", "order-7")

    assert append(node, {"name": "Ann"}, "--id", "order-7") == once
    assert node("events", "append", *CHANGED, "--data", '{"name": "Bea"}', "--id", "order-7").code == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--type", "t"), "needs --type and --aggregate"),
        ((*CHANGED, "--data", "{"), "--data is no JSON"),
        ((*CHANGED, "--metadata", "[]"), "--metadata has to be a JSON object"),
        ((*CHANGED, "--expected", '{"kind": "odd", "data": 1}'), 'kind "odd" is not known'),
        (("--type", "t", "--aggregate", "run:1"), "belongs to Syncdeck's own journal"),
    ],
)
def test_what_cannot_be_appended_is_said(node: Command, words: tuple[str, ...], says: str) -> None:
    refused = node("events", "append", *words)

    assert (refused.code, says in refused.err) == (1, True), refused.err


def test_lines_from_standard_input_are_acknowledged_one_by_one(node: Command) -> None:
    lines = [json.dumps({"type": "user.changed", "aggregate_id": f"user:{n % 3}", "data": {"n": n}}) for n in range(30)]
    lines.insert(10, "")
    done = node("events", "append", "-", "--json", typed="\n".join(lines))

    assert [row["data"]["n"] for row in done.rows] == list(range(30))


def test_a_line_that_is_refused_is_named_and_those_before_it_stand(node: Command) -> None:
    def line(**more: object) -> str:
        return json.dumps({"type": "user.changed", "aggregate_id": "user:1", "data": {}, **more})

    moved = node("events", "append", "-", typed="\n".join([line(), line(expected=1), line(expected=1), line()]))
    unknown = node("events", "append", "-", typed="\n".join([line(), line(colour="red"), line()]))

    assert (moved.code, moved.err.startswith("syncdeck: Line 3: user:1 has version 2")) == (4, True), moved.err
    assert (unknown.code, "Line 2 is no event" in unknown.err) == (1, True), unknown.err
    assert len(node("events", "--json").rows) == 3


@pytest.mark.parametrize("name", ["events.ndjson", "events.ndjson.gz", "events.ndjson.zst"])
def test_an_export_is_imported_elsewhere_once(node: Command, tmp_path: Path, name: str) -> None:
    append(node, {"name": "Ann"})
    append(node, {"name": "Bea"})
    file = str(tmp_path / name)
    other = new_node(tmp_path / "hamburg", "hamburg")

    assert node("events", "export", file, "--json").row["lines"] == 2
    assert other("events", "import", file, "--json").row == {"lines": 2, "events": 2, "conflicts": 0}
    assert other("events", "import", file, "--json").row["events"] == 0
    assert [row["data"] for row in other("events", "--json").rows] == [{"name": "Ann"}, {"name": "Bea"}]
    assert other("events", "--origin", "berlin-1", "--json").rows == other("events", "--json").rows
    assert other("events", "--origin", "hamburg", "--json").rows == []
    assert "user:1  (berlin-1)  " in other("events").out, "another node wrote it"
    assert node("events", "export", file).code == 1, "nothing is overwritten"
    assert Path(file).stat().st_mode & 0o077 == 0


def test_a_changed_export_is_refused_by_its_line(node: Command, tmp_path: Path) -> None:
    append(node, {"name": "Ann"})
    append(node, {"name": "Bea"})
    lines = node("events", "export", "-").out.replace("Bea", "Eve")
    refused = new_node(tmp_path / "hamburg", "hamburg")("events", "import", "-", typed=lines)

    assert (refused.code, "Line 2 was not taken" in refused.err) == (1, True), refused.err
    assert "new: 1 event." in refused.out


def test_a_packed_file_that_unpacks_without_end_or_is_cut_is_refused(node: Command, tmp_path: Path) -> None:
    import gzip

    bomb, cut = tmp_path / "bomb.gz", tmp_path / "cut.gz"
    bomb.write_bytes(gzip.compress(b" " * 200_000_000, 1))
    cut.write_bytes(gzip.compress(b"{}" * 1_000)[:-10])

    assert "Line 1 is longer than" in node("events", "import", str(bomb)).err
    assert "cannot be read" in node("events", "import", str(cut)).err
    assert "cannot be read: No such file" in node("events", "import", "nowhere.ndjson").err


def test_an_export_that_was_cut_is_never_taken_for_a_shorter_one(node: Command, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.ndjson.zst", tmp_path / "cut.ndjson.zst"
    for number in range(3):
        node("events", "append", "--type", "t.x", "--aggregate", f"user:{number}")
    node("events", "export", str(whole))
    for missing in (1, 20, whole.stat().st_size // 2):
        cut.write_bytes(whole.read_bytes()[:-missing])

        ended = node("events", "import", str(cut))

        assert (ended.code, "ends before its packing does" in ended.err) == (1, True), ended.out
    cut.write_bytes(whole.read_bytes() * 2)
    assert node("events", "import", str(cut)).out == "6 lines read; new: 0 events.\n"


def test_a_changed_history_is_exit_code_1_and_named(node: Command) -> None:
    first = append(node, {"name": "Ann"})
    append(node, {"name": "Bea"})
    assert node("events", "verify").code == 0
    with closing(sqlite3.connect(node.folder / ".syncdeck" / "state.db")) as connection:
        connection.execute("UPDATE event SET data = replace(data, 'Ann', 'Eve')")
        connection.commit()
    broken = node("events", "verify", "--json")

    assert broken.code == 1
    assert f"payload or header: Event {first['origin']}#1 is not what was written" in broken.err
    assert broken.row["breaks"][0]["seq"] == 1
    assert node("events", "verify", "--origin", "nobody").code == 0


def test_a_redaction_asks_first_and_drops_the_payload_for_good(node: Command) -> None:
    event = append(node, {"name": "Ann", "phone": "0815-4711"})
    dot = f"{event['origin']}#{event['seq']}"

    assert node("events", "redact", dot, "--reason", "asked").code == 3, "nobody could answer"
    assert node("events", "redact", "nonsense", "--reason", "asked", "--yes").code == 1
    assert node("events", "redact", dot, "--reason", "asked", "--yes", "--vacuum").code == 0
    files = (node.folder / ".syncdeck").iterdir()
    assert not any(b"0815-4711" in file.read_bytes() for file in files)
    assert "(redacted)" in node("events", "--type", "user.*").out
    assert "is redacted already" in node("events", "redact", dot, "--reason", "asked twice", "--yes").out
    assert node("events", "verify").code == 0


def test_a_history_shows_the_state_as_of_any_event(node: Command) -> None:
    append(node, {"name": "Ann", "profile": {"title": "CTO"}})
    append(node, {"profile": {"title": None, "city": "Kiel"}})
    append(node, None)

    def state(*words: str) -> dict[str, object]:
        return node("events", "history", "user:1", "--json", *words).rows[-1]

    assert (state()["exists"], state()["version"]) == (False, 3)
    assert state("--at", "2")["value"] == {"name": "Ann", "profile": {"city": "Kiel"}}
    assert state("--at", "1")["value"] == {"name": "Ann", "profile": {"title": "CTO"}}
    assert state("--at", "7d")["exists"] is False
    assert "user:1 does not exist." in node("events", "history", "user:1").out
    assert node("events", "history", "nobody:1").code == 1


def test_a_compaction_shows_first_archives_then_takes_out_and_comes_back(
    node: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCHIVE_KEY", "0123456789abcdef0123456789abcdef")
    for number in range(3):
        append(node, {"n": number})
    looked = node("events", "compact", "--before", "0s", "--json").row
    archive = ("--archive", "old.ndjson.zst", "--key", "env:ARCHIVE_KEY")

    assert (looked["events"], looked["by_type"]) == (2, {"user.changed": 2})
    assert node("events", "compact", "--before", "0s", *archive).code == 3, "nobody said yes"
    assert not (node.folder / "old.ndjson.zst").exists()
    assert node("events", "compact", "--before", "0s", *archive, "--yes", "--vacuum").code == 0
    assert [row["data"] for row in node("events", "--type", "user.*", "--json").rows] == [{"n": 2}]
    assert node("events", "verify").code == 0

    assert "give --key" in node("events", "import", "old.ndjson.zst").err
    monkeypatch.setenv("OTHER_KEY", "another key, as long as that one")
    assert "signature does not fit" in node("events", "import", "old.ndjson.zst", "--key", "env:OTHER_KEY").err
    assert node("events", "import", "old.ndjson.zst", "--key", "env:ARCHIVE_KEY", "--json").row["events"] == 2
    assert node("events", "verify").code == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--before", "soon"), "not a length of time"),
        (("--retire", "nobody"), "nobody is neither a peer nor a writer here"),
        (("--archive", "-", "--key", "env:HOME"), "goes into a file of its own"),
        (("--archive", "old.zst"), "An archive is signed: give --key"),
    ],
)
def test_what_a_compaction_needs_is_said(node: Command, words: tuple[str, ...], says: str) -> None:
    append(node, {"n": 1})
    refused = node("events", "compact", *words)

    assert (refused.code, says in refused.err) == (1, True), refused.err
