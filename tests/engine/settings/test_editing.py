"""Edits keep every byte that they are not about."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import NothingFound, SettingsError
from engine.settings.document import parse, plain
from engine.settings.editing import WorkspaceFile
from engine.settings.model import SyncSettings
from engine.settings.replication import Direction, PeerSettings
from engine.settings.sections import SECTIONS, Section
from engine.settings.starter import starter_workspace
from tests.doubles.catalogue import FileSettings, SampleCatalogue
from tests.engine.settings.samples import BLOCK, EXAMPLE


def opened(text: str) -> WorkspaceFile:
    return WorkspaceFile(Path("/srv/syncdeck.yaml"), text.encode(), SampleCatalogue())


def changed_lines(file: WorkspaceFile) -> list[str]:
    """Return the lines that a reviewer would see as removed or added."""
    lines = file.diff().splitlines()[2:]
    return [line for line in lines if line.startswith(("+", "-"))]


def test_nothing_is_written_when_nothing_changed(tmp_path: Path) -> None:
    path = tmp_path / "syncdeck.yaml"
    path.write_text(EXAMPLE)
    before = path.stat()
    file = WorkspaceFile.read(path, SampleCatalogue())
    for section in SECTIONS:
        for name in file.names(section):
            file.put(section, name, file.values(section, name))
    assert not file.changed
    assert file.diff() == ""
    file.save()
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_one_setting_is_one_changed_line_and_its_comment_stays() -> None:
    file = opened(EXAMPLE)
    values = file.values("syncs", "engineering")
    values["guards"]["max_removals"] = 25
    file.put("syncs", "engineering", values)
    assert changed_lines(file) == [
        "-      max_removals: 10                    # both must hold",
        "+      max_removals: 25                    # both must hold",
    ]


def test_a_setting_within_brackets_leaves_the_layout_of_the_others() -> None:
    file = opened(EXAMPLE)
    file.put("adapters", "people", {**file.values("adapters", "people"), "path": "hr.csv", "at": "a, b"})
    assert changed_lines(file) == [
        "-  people:  {type: csv_file,  path: people.csv, key: email}",
        "+  people:  {type: csv_file,  path: hr.csv, key: email, at: 'a, b'}",
    ]


def test_quotes_stay_as_they_were() -> None:
    file = opened(EXAMPLE)
    file.put("adapters", "wiki", {**file.values("adapters", "wiki"), "url": "sqlite:///ü\"'.db"})
    assert 'url: "sqlite:///ü\\"\'.db", table' in file.text


def test_a_setting_is_taken_away_and_one_added() -> None:
    file = opened(EXAMPLE)
    values = file.values("syncs", "engineering")
    del values["case_sensitive"]
    del values["approval"]["four_eyes"]
    values["rename_by"] = "name"
    file.put("syncs", "engineering", values)
    assert changed_lines(file) == [
        "-    case_sensitive: false",
        "-    approval: {required: true, four_eyes: false, expires: 24h}",
        "+    approval: {required: true, expires: 24h}",
        "+    rename_by: name",
    ]


def test_a_new_adapter_goes_to_the_end_of_its_section() -> None:
    file = opened(EXAMPLE)
    file.put("adapters", "mail", {"type": "yaml_file", "path": "mail.yaml", "key": "no"})
    assert changed_lines(file) == ["+  mail: {type: yaml_file, path: mail.yaml, key: 'no'}"]
    assert file.names("adapters") == ("people", "list", "wiki", "staff", "mail")


def test_a_new_sync_is_written_over_several_lines() -> None:
    file = opened(EXAMPLE)
    file.put("syncs", "ops", {"source": "people", "targets": ["wiki"], "guards": {"protect": ["*@x, y"]}})
    assert changed_lines(file) == [
        "+  ops:",
        "+    source: people",
        "+    targets: [wiki]",
        "+    guards: {protect: ['*@x, y']}",
    ]


def test_a_starter_file_takes_its_first_entries() -> None:
    file = opened(starter_workspace())
    file.put("adapters", "a", {"type": "csv_file", "path": "a.csv", "key": "k"})
    file.put("adapters", "b", {"type": "csv_file", "path": "b.csv", "key": "1e5"})
    file.put("syncs", "s", {"source": "a", "targets": ["b"]})
    assert file.problems() == ()
    assert all(line in file.text for line in starter_workspace().splitlines())


def test_sections_are_made_where_there_are_none() -> None:
    file = opened("syncdeck: 1")
    file.put("adapters", "a", {"type": "csv_file", "path": "a.csv", "key": "k"})
    assert file.text == "syncdeck: 1\n\nadapters:\n  a: {type: csv_file, path: a.csv, key: k}\n"


def test_a_renamed_adapter_is_followed_by_its_syncs() -> None:
    file = opened(BLOCK)
    file.put("adapters", "lists", {**file.values("adapters", "mail"), "key": "e-mail"}, was="mail")
    file.rename("adapters", "wiki", "pages")
    file.rename("adapters", "hr", "people")
    assert changed_lines(file) == [
        "-    source: hr          # Größe: 500",
        "+    source: people          # Größe: 500",
        "-      - mail   # the list",
        "-      - 'wiki'",
        "+      - lists   # the list",
        "+      - 'pages'",
        "-  hr:",
        "+  people:",
        "-  mail: {type: yaml_file, path: mail.yaml, key: email}",
        "-  wiki:",
        "+  lists: {type: yaml_file, path: mail.yaml, key: e-mail}",
        "+  pages:",
    ]
    assert file.problems() == ()


def test_an_adapter_in_use_is_not_removed() -> None:
    file = opened(EXAMPLE)
    assert file.dependents("adapters", "wiki") == ("engineering",)
    with pytest.raises(SettingsError, match="The adapter wiki is used by engineering"):
        file.remove("adapters", "wiki")
    assert not file.changed


def test_removing_takes_the_lines_of_the_entry_alone() -> None:
    file = opened(EXAMPLE)
    file.remove("adapters", "staff")
    assert [line[:12] for line in changed_lines(file)] == ["-  staff:   ", "-           "]
    file.remove("syncs", "engineering")
    assert "\nsyncs:\n\npeers: " in file.text
    assert file.problems() == ()


def test_a_peer_is_added_changed_renamed_and_removed_and_every_other_byte_stays() -> None:
    file = opened(EXAMPLE)
    file.put("peers", "bremen", {"url": "http://127.0.0.1:8471", "every": "5m"})
    assert changed_lines(file) == ["+  bremen: {url: 'http://127.0.0.1:8471', every: 5m}"]
    file.remove("peers", "bremen")
    assert file.text == EXAMPLE
    file.put("peers", "hafen", {**file.values("peers", "hamburg"), "direction": "pull"}, was="hamburg")
    assert changed_lines(file) == [
        '-  hamburg: {url: "https://hamburg.example:8470", token: "keyring:hamburg"}',
        '+  hafen: {url: "https://hamburg.example:8470", token: "keyring:hamburg", direction: pull}',
    ]
    file.remove("peers", "hafen")
    assert "peers:                                    # other nodes\nserver:" in file.text
    assert file.problems() == ()


def test_a_peer_that_bears_an_adapter_s_name_leaves_the_syncs_alone() -> None:
    file = opened(EXAMPLE)
    file.put("peers", "wiki", {"url": "http://127.0.0.1:8471"})
    file.rename("peers", "wiki", "pages")
    file.remove("peers", "pages")
    assert file.text == EXAMPLE


def test_the_first_peer_makes_its_section() -> None:
    file = opened("syncdeck: 1\n# the end\n")
    file.put("peers", "hamburg", {"url": "https://hamburg.example:8470", "token": "keyring:hamburg"})
    assert file.text == (
        "syncdeck: 1\n# the end\n\npeers:\n  hamburg: {url: 'https://hamburg.example:8470', token: 'keyring:hamburg'}\n"
    )
    assert file.problems() == ()


def test_a_peer_s_problems_have_the_path_of_its_setting() -> None:
    file = opened(EXAMPLE)
    with pytest.raises(SettingsError, match=r"peers\.bremen\.url"):
        file.checked("peers", "bremen", {"url": "bremen"})
    file.put("peers", "bremen", {"url": "http://b:1"})
    with pytest.raises(SettingsError, match="The name hamburg is taken by another peer"):
        file.rename("peers", "bremen", "hamburg")
    checked = opened(EXAMPLE).checked("peers", "bremen", {"url": "http://b:1", "direction": "push"})
    assert checked == PeerSettings(name="bremen", url="http://b:1", direction=Direction.PUSH)


def test_a_name_that_is_taken_or_no_name_is_refused() -> None:
    file = opened(EXAMPLE)
    with pytest.raises(SettingsError, match="The name list is taken by another adapter"):
        file.rename("adapters", "wiki", "list")
    with pytest.raises(SettingsError, match="'two words' is no name"):
        file.put("adapters", "two words", {"type": "csv_file"})
    with pytest.raises(NothingFound, match=r"There is no adapter wikki\. Did you mean wiki\?"):
        file.rename("adapters", "wikki", "x")
    assert not file.changed


def test_an_edit_that_would_change_something_else_is_refused() -> None:
    file = opened(
        "syncdeck: 1\nsyncs:\n  a: {source: x, targets: [y], guards: &g {max_removals: 1}}\n"
        "  b: {source: x, targets: [y], guards: *g}\n"
    )
    for name in ("a", "b"):
        with pytest.raises(SettingsError, match="Nothing was changed: edit the file by hand"):
            file.put("syncs", name, {**file.values("syncs", name), "guards": {"max_removals": 2}})
    assert not file.changed


def test_windows_line_ends_and_the_byte_order_mark_stay(tmp_path: Path) -> None:
    path = tmp_path / "syncdeck.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + BLOCK.replace("\n", "\r\n").encode())
    file = WorkspaceFile.read(path, SampleCatalogue())
    values = file.values("syncs", "ops")
    values["guards"]["max_removals"] = 4
    file.put("syncs", "ops", values)
    file.put("syncs", "more", {"source": "hr", "targets": ["mail"], "mode": "remove-only"})
    file.save()
    expected = BLOCK.replace("max_removals: 3", "max_removals: 4").replace("\n", "\r\n")
    written = path.read_bytes().decode("utf-8-sig")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert (
        written.replace("  more:\r\n    source: hr\r\n    targets: [mail]\r\n    mode: remove-only\r\n", "") == expected
    )
    assert "\n" not in written.replace("\r\n", "")


def test_problems_come_with_the_path_of_their_setting() -> None:
    file = opened(EXAMPLE)
    file.put("adapters", "people", {"type": "csv_file", "key": 7})
    assert [(problem.path, problem.sentence[:18]) for problem in file.problems()] == [
        ("adapters.people.path", "is missing. The fi"),
        ("adapters.people.key", "found the number 7"),
    ]


def test_an_entry_is_checked_before_it_is_put() -> None:
    file = opened(EXAMPLE.replace("add-remove   ", "nonsense   ", 1))
    checked = file.checked("adapters", "fresh", {"type": "csv_file", "path": "x", "key": "k"})
    assert checked == FileSettings(path="x", key="k")
    with pytest.raises(SettingsError, match=r"adapters\.fresh\.key: is missing"):
        file.checked("adapters", "fresh", {"type": "csv_file", "path": "x"})
    sync = file.checked("syncs", "new", {"source": "people", "targets": ["wiki"]})
    assert isinstance(sync, SyncSettings)
    assert not file.changed


def test_saving_is_refused_while_there_are_problems(tmp_path: Path) -> None:
    path = tmp_path / "syncdeck.yaml"
    path.write_text(EXAMPLE)
    file = WorkspaceFile.read(path, SampleCatalogue())
    file.put("adapters", "people", {"type": "csv_file", "path": "x"})
    with pytest.raises(SettingsError, match=r"adapters\.people\.key: is missing"):
        file.save()
    assert path.read_text() == EXAMPLE


def test_somebody_elses_change_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "syncdeck.yaml"
    path.write_text(EXAMPLE)
    file = WorkspaceFile.read(path, SampleCatalogue())
    path.write_text(EXAMPLE + "# mine\n")
    file.remove("adapters", "staff")
    with pytest.raises(SettingsError, match="was changed by somebody else since it was opened"):
        file.save()
    assert path.read_text() == EXAMPLE + "# mine\n"


def test_saving_keeps_the_mode_and_a_link_and_leaves_nothing_behind(tmp_path: Path) -> None:
    real = tmp_path / "real" / "acme.yaml"
    real.parent.mkdir()
    real.write_text(EXAMPLE)
    real.chmod(0o640)
    link = tmp_path / "syncdeck.yaml"
    link.symlink_to(real)
    file = WorkspaceFile.read(link, SampleCatalogue())
    file.remove("adapters", "staff")
    workspace = file.save()
    assert list(workspace.adapters) == ["people", "list", "wiki"]
    assert link.is_symlink()
    assert real.read_text() == file.text
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert [path.name for path in real.parent.iterdir()] == ["acme.yaml"]
    assert not file.changed


def test_the_diff_hides_secrets_that_stood_in_the_file() -> None:
    file = opened(EXAMPLE.replace("keyring:staff", "hunter2"))
    file.put("adapters", "staff", {**file.values("adapters", "staff"), "password": "keyring:staff"})
    assert "hunter2" not in file.diff()


words = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=12)
scalars = (
    words | st.integers(-9, 9_999) | st.booleans() | st.none() | st.sampled_from(["1e5", "0o7", "~", "#x", "a: b"])
)
values = st.dictionaries(
    words,
    st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3), max_leaves=6
    ),
    max_size=4,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    text=st.sampled_from([EXAMPLE, BLOCK, BLOCK.replace("\n", "\r\n"), starter_workspace(), "syncdeck: 1"]),
    data=st.data(),
)
def test_what_is_put_is_what_stands_there_and_comments_stay(text: str, data: Any) -> None:
    file = opened(text)
    section: Section = data.draw(st.sampled_from(SECTIONS))
    name = data.draw(st.sampled_from([*file.names(section), "fresh"]))
    wanted = {**(file.values(section, name) if name != "fresh" else {}), **data.draw(values)}
    before = plain(parse(text.encode(), "f").root)
    file.put(section, name, wanted)
    assert file.values(section, name) == wanted
    after = plain(parse(file.text.encode(), "f").root)
    others = {each: value for each, value in (before.get(section) or {}).items() if each != name}
    assert {each: value for each, value in after[section].items() if each != name} == others
    for line in text.splitlines():
        assert not line.lstrip().startswith("#") or line in file.text


@settings(max_examples=60, deadline=None)
@given(text=st.sampled_from([EXAMPLE, BLOCK]), wanted=values)
def test_putting_back_what_was_there_gives_the_same_values(text: str, wanted: dict[str, Any]) -> None:
    file = opened(text)
    name = file.names("syncs")[0]
    first = file.values("syncs", name)
    file.put("syncs", name, {**first, **wanted})
    file.put("syncs", name, first)
    assert file.values("syncs", name) == first
