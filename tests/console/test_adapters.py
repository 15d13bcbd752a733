"""Adapters: the list, the form made from the settings, tests of connections, and edits of the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from textual.pilot import Pilot

from console.dialogs.choose import Choose
from console.dialogs.confirm import Confirm
from console.dialogs.failure import FailureDialog
from console.dialogs.save_changes import SaveChanges
from console.screens.adapter import AdapterScreen
from console.screens.adapters import AdaptersScreen
from console.screens.entry import EntryScreen
from console.widgets.field_controls import SecretControl, TextControl
from console.widgets.marks import OnOff
from console.widgets.record_list import RecordList
from console.widgets.settings_form import GroupRow, SettingsForm
from tests.console.settling import settled, until
from tests.console.workbench import SIZES, console, deck, fill, press, rows_of, said, screen_text, write

at_both_sizes = pytest.mark.parametrize("size", SIZES, ids=["80x24", "160x50"])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return fill(tmp_path)


def form(pilot: Pilot[None]) -> SettingsForm:
    return pilot.app.screen.query_one(SettingsForm)


def problems(pilot: Pilot[None]) -> dict[str, str]:
    return {row.entry.path: row.complaint for row in form(pilot).rows() if row.complaint}


async def open_adapter(pilot: Pilot[None], name: str) -> None:
    await press(pilot, "2")
    assert pilot.app.screen.query_one(RecordList).go_to_key(name)
    await press(pilot, "enter")
    await until(pilot, lambda: bool(pilot.app.screen.query(SettingsForm)))
    await settled(pilot)


async def type_into(pilot: Pilot[None], path: str, text: str) -> None:
    """Replace what stands in a field."""
    screen = pilot.app.screen
    assert isinstance(screen, EntryScreen)
    form(pilot).enter(path)
    await pilot.press("end", "ctrl+u")
    await write(pilot, text)
    await until(pilot, lambda: not screen.unchecked)


async def save(pilot: Pilot[None]) -> None:
    await press(pilot, "escape", "S")
    await until(pilot, lambda: isinstance(pilot.app.screen, SaveChanges))
    await press(pilot, "y")
    await until(pilot, lambda: "Saved" in said(pilot))
    await settled(pilot)


@at_both_sizes
async def test_the_list_tells_type_users_and_last_test(file: Path, size: tuple[int, int]) -> None:
    async with console(file, size) as pilot:
        await press(pilot, "2")
        people, listed, spare = rows_of(pilot.app.screen.query_one(RecordList))
        assert people.split()[:2] == ["people", "csv_file"]
        assert "engineering (source)" in people
        assert "engineering (target)" in listed
        assert "nobody" in spare


@at_both_sizes
async def test_a_test_reads_everything_and_shows_a_sample(file: Path, size: tuple[int, int]) -> None:
    async with console(file, size) as pilot:
        await press(pilot, "2", "t")
        await until(pilot, lambda: "The test passed" in screen_text(pilot))
        pilot.app.screen.query_one("#beside").scroll_end(animate=False)
        await until(pilot, lambda: "ann@acme.example" in screen_text(pilot))
        await press(pilot, "escape")
        await until(pilot, lambda: "✓ ok" in rows_of(pilot.app.screen.query_one(RecordList))[0])


async def test_a_failing_test_names_the_step_and_the_reason(file: Path) -> None:
    (file.parent / "people.csv").unlink()
    async with console(file, (160, 50)) as pilot:
        await press(pilot, "2", "t")
        await until(pilot, lambda: "The test failed" in screen_text(pilot))
        assert "people.csv" in screen_text(pilot)


async def test_settings_are_tested_before_they_are_saved(file: Path) -> None:
    (file.parent / "other.csv").write_text("email\nzoe@acme.example\n")
    before = file.read_bytes()
    async with console(file, (160, 50)) as pilot:
        await open_adapter(pilot, "people")
        await type_into(pilot, "path", "other.csv")
        await press(pilot, "escape", "t")
        await until(pilot, lambda: "zoe@acme.example" in screen_text(pilot))
    assert file.read_bytes() == before


@at_both_sizes
async def test_the_form_has_a_line_for_every_setting_of_the_type(file: Path, size: tuple[int, int]) -> None:
    async with console(file, size) as pilot:
        await open_adapter(pilot, "people")
        paths = [row.entry.path for row in form(pilot).rows()]
        assert paths[:3] == ["name", "path", "key"]
        assert "delimiter" in paths


async def test_the_line_in_focus_explains_itself(file: Path) -> None:
    async with console(file) as pilot:
        await open_adapter(pilot, "people")
        form(pilot).enter("delimiter")
        await settled(pilot)
        assert "Default: ,." in " ".join(screen_text(pilot).split())


@at_both_sizes
async def test_a_wrong_value_is_explained_beside_its_field_as_one_types(file: Path, size: tuple[int, int]) -> None:
    async with console(file, size) as pilot:
        await open_adapter(pilot, "people")
        await type_into(pilot, "path", "")
        await until(pilot, lambda: "path" in problems(pilot))
        assert "missing" in problems(pilot)["path"]
        await type_into(pilot, "path", "people.csv")
        await until(pilot, lambda: problems(pilot) == {})


async def test_a_form_with_problems_is_not_saved(file: Path) -> None:
    before = file.read_bytes()
    async with console(file) as pilot:
        await open_adapter(pilot, "people")
        await type_into(pilot, "path", "")
        await press(pilot, "escape", "S")
        await until(pilot, lambda: "Not saved:" in said(pilot))
        assert isinstance(pilot.app.screen, AdapterScreen)
    assert file.read_bytes() == before


@at_both_sizes
async def test_saving_shows_the_diff_first_and_keeps_every_comment(file: Path, size: tuple[int, int]) -> None:
    async with console(file, size) as pilot:
        await open_adapter(pilot, "list")
        await type_into(pilot, "path", "lists.yaml")
        await press(pilot, "escape", "S")
        await until(pilot, lambda: isinstance(pilot.app.screen, SaveChanges))
        assert "+    path: lists.yaml   # the mail server reads it" in screen_text(pilot)
        assert "path: list.yaml" in file.read_text()
        await press(pilot, "enter")
        assert "path: list.yaml" in file.read_text(), "Enter presses the harmless button"
        await press(pilot, "S")
        await until(pilot, lambda: isinstance(pilot.app.screen, SaveChanges))
        await press(pilot, "y")
        await until(pilot, lambda: "Saved list." in said(pilot))
    assert "path: lists.yaml   # the mail server reads it" in file.read_text()
    assert file.read_text().startswith("# Everybody's lists")


async def test_what_was_saved_is_what_the_engine_works_with_from_then_on(file: Path) -> None:
    (file.parent / "other.csv").write_text("email,name,department\nzoe@acme.example,Zoe,eng\n")
    async with console(file, (160, 50)) as pilot:
        await open_adapter(pilot, "people")
        await type_into(pilot, "path", "other.csv")
        await save(pilot)
        await press(pilot, "t")
        await until(pilot, lambda: "zoe@acme.example" in screen_text(pilot))


async def test_a_new_name_is_followed_by_the_syncs_that_use_it(file: Path) -> None:
    async with console(file) as pilot:
        await open_adapter(pilot, "people")
        await type_into(pilot, "name", "staff")
        await save(pilot)
    assert "source: staff" in file.read_text()
    assert "  staff: {type: csv_file" in file.read_text()


async def test_a_name_that_is_taken_is_refused_at_its_field(file: Path) -> None:
    async with console(file) as pilot:
        await open_adapter(pilot, "people")
        await type_into(pilot, "name", "list")
        await until(pilot, lambda: "already" in problems(pilot).get("name", ""))


async def test_an_unsaved_form_is_not_left_by_accident(file: Path) -> None:
    async with console(file) as pilot:
        await open_adapter(pilot, "people")
        await type_into(pilot, "path", "other.csv")
        await press(pilot, "escape", "escape")
        assert isinstance(pilot.app.screen, Confirm)
        await press(pilot, "escape")
        assert isinstance(pilot.app.screen, AdapterScreen)
        await press(pilot, "escape", "y")
        assert isinstance(pilot.app.screen, AdaptersScreen)


async def test_a_form_that_was_only_looked_at_is_left_at_once(file: Path) -> None:
    async with console(file) as pilot:
        await open_adapter(pilot, "people")
        await press(pilot, "escape")
        assert isinstance(pilot.app.screen, AdaptersScreen)


@at_both_sizes
async def test_an_adapter_is_added_by_picking_a_type_and_filling_its_form(file: Path, size: tuple[int, int]) -> None:
    async with console(file, size) as pilot:
        await press(pilot, "2", "a")
        await until(pilot, lambda: isinstance(pilot.app.screen, Choose))
        await write(pilot, "json")
        await press(pilot, "down", "up", "enter")
        await until(pilot, lambda: bool(pilot.app.screen.query(SettingsForm)))
        await type_into(pilot, "name", "extra")
        await type_into(pilot, "path", "extra.json")
        await type_into(pilot, "key", "email")
        await save(pilot)
        assert deck(pilot).engine is not None
        assert "extra" in deck(pilot).engine.workspace.adapters  # type: ignore[union-attr]
    assert "extra: {type: json_file" in file.read_text()


async def test_a_copy_starts_from_the_original(file: Path) -> None:
    async with console(file) as pilot:
        await press(pilot, "2", "c")
        await until(pilot, lambda: bool(pilot.app.screen.query(SettingsForm)))
        await settled(pilot)
        values, _ = form(pilot).collected()
        assert values == {"name": "people-copy", "type": "csv_file", "path": "people.csv", "key": "email"}
        await save(pilot)
    assert "people-copy: {type: csv_file, path: people.csv, key: email}" in file.read_text()


async def test_what_is_in_use_cannot_be_deleted_and_the_users_are_named(file: Path) -> None:
    before = file.read_bytes()
    async with console(file) as pilot:
        await press(pilot, "2", "D")
        await until(pilot, lambda: isinstance(pilot.app.screen, FailureDialog))
        await settled(pilot)
        assert "engineering" in screen_text(pilot)
    assert file.read_bytes() == before


async def test_what_nobody_uses_is_deleted_after_its_diff_was_shown(file: Path) -> None:
    async with console(file) as pilot:
        await press(pilot, "2", "G", "D")
        await until(pilot, lambda: isinstance(pilot.app.screen, SaveChanges))
        assert "-  spare: {type: json_file" in screen_text(pilot)
        await press(pilot, "y")
        await until(pilot, lambda: len(rows_of(pilot.app.screen.query_one(RecordList))) == 2)
    assert "spare" not in file.read_text()


async def test_in_a_protected_workspace_the_name_must_be_typed_to_delete(file: Path) -> None:
    file.write_text(file.read_text().replace("title: acme", "title: acme\nprotected: true"))
    async with console(file) as pilot:
        await press(pilot, "2", "G", "D")
        await until(pilot, lambda: isinstance(pilot.app.screen, SaveChanges))
        await press(pilot, "y")
        await write(pilot, "spar")
        await press(pilot, "enter")
        assert "spare" in file.read_text()
        await write(pilot, "e")
        await press(pilot, "enter")
        await until(pilot, lambda: "spare" not in file.read_text())


async def test_keys_do_nothing_but_explain_themselves_without_adapters(file: Path) -> None:
    file.write_text("syncdeck: 1\nnode: desk-1\n")
    async with console(file) as pilot:
        await press(pilot, "2")
        assert "There are no adapters yet." in screen_text(pilot)
        await press(pilot, "t")
        assert "a adds one" in said(pilot)


# -- secrets -----------------------------------------------------------------------------------------------------------


WITH_SECRET = """\
syncdeck: 1
node: desk-1
adapters:
  staff: {type: ldap_group, url: "ldaps://ldap.example", bind_dn: "cn=a,dc=b", password: "keyring:staff", group: "cn=c"}
"""


async def test_a_secret_that_is_set_is_named_and_never_shown(file: Path) -> None:
    file.write_text(WITH_SECRET)
    async with console(file, (160, 50)) as pilot:
        await open_adapter(pilot, "staff")
        assert "set · keyring:staff" in screen_text(pilot)


async def test_a_typed_secret_goes_into_the_keyring_and_its_reference_into_the_file(file: Path) -> None:
    file.write_text(WITH_SECRET.replace('"keyring:staff"', '"env:STAFF"'))
    kept: dict[str, str] = {}
    async with console(file, (160, 50), keep_secret=kept.__setitem__) as pilot:
        await open_adapter(pilot, "staff")
        await type_into(pilot, "password", "hunter2")
        assert "hunter2" not in screen_text(pilot)
        assert kept == {}
        await save(pilot)
        assert "hunter2" not in screen_text(pilot) + said(pilot)
    assert kept == {"staff": "hunter2"}
    assert "keyring:staff" in file.read_text()
    assert "hunter2" not in file.read_text()


async def test_a_reference_may_be_seen_and_stands_in_the_file(file: Path) -> None:
    file.write_text(WITH_SECRET)
    async with console(file, (160, 50)) as pilot:
        await open_adapter(pilot, "staff")
        await type_into(pilot, "password", "env:LDAP_PASSWORD")
        assert "env:LDAP_PASSWORD" in screen_text(pilot)
        await save(pilot)
    assert '"env:LDAP_PASSWORD"' in file.read_text()


async def test_without_a_keyring_the_message_says_what_to_do_and_nothing_is_saved(file: Path) -> None:
    file.write_text(WITH_SECRET)
    async with console(file, (160, 50)) as pilot:
        await open_adapter(pilot, "staff")
        await type_into(pilot, "password", "hunter2")
        await press(pilot, "escape", "S")
        await until(pilot, lambda: isinstance(pilot.app.screen, SaveChanges))
        await press(pilot, "y")
        await until(pilot, lambda: isinstance(pilot.app.screen, FailureDialog))
        await settled(pilot)
        assert "env:NAME" in screen_text(pilot)
    assert file.read_text() == WITH_SECRET


async def test_groups_that_may_be_absent_are_made_when_they_are_switched_on(file: Path) -> None:
    file.write_text(
        "syncdeck: 1\nnode: desk-1\nadapters:\n"
        '  api: {type: http_json, base_url: "https://api.example", list: {path: /m, key: email}}\n'
    )
    async with console(file, (160, 50)) as pilot:
        await open_adapter(pilot, "api")
        rows: Mapping[str, object] = {row.entry.path: row.control for row in form(pilot).rows()}
        assert isinstance(rows["list.path"], TextControl)
        assert isinstance(rows["auth.password"], SecretControl)
        assert "add.path" not in rows
        group = next(row for row in form(pilot).query(GroupRow) if row.entry.path == "add")
        switch = group.query_one(OnOff)
        switch.focus()
        await press(pilot, "space")
        await until(pilot, lambda: "add.path" in {row.entry.path for row in form(pilot).rows()})
        await press(pilot, "space")
        values, _ = form(pilot).collected()
        assert "add" not in values
