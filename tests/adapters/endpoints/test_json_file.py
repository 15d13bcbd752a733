"""JSON files: entries come and go, and every other byte stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.endpoints.json_file import JsonFile
from engine.errors import RemoteRefused
from tests.adapters.endpoints.files import Tried, add, on_file, remove, update

REFUSED = {
    "an empty file": ("", "is empty"),
    "a field that stands twice": ('{"members": [{"email": "a", "email": "b"}]}', "'email' stands twice"),
    "a field that stands twice outside of the list": ('{"x": {"a": 1, "a": 2}, "members": []}', "'a' stands twice"),
    "a path that stands twice": ('{"members": ["a"], "members": []}', "'members' stands twice"),
    "a file cut short": ('{"members": ["ann@x", "bo', "line 1, column"),
    "more behind the end": ('{"members": []} {}', "There is more after the end"),
    "a comma too many": ('{"members": ["ann@x",]}', "Expecting value"),
    "not a number": ('{"members": [{"email": "a", "n": NaN}]}', "NaN is no JSON number"),
    "another name for the list": ('{"member": []}', "Did you mean member"),
    "no list": ('{"members": {"ann@x": {}}}', "members is not a list"),
    "a list in the list": ('{"members": [["ann@x"]]}', "entry 1 is a list"),
    "no entry with the key field": ('{"members": [{"mail": "ann@x"}]}', "no entry has the key field 'email'"),
}


def json_file(content: str, folder: Path, at: str = "members", **more: Any) -> Tried:
    return on_file(JsonFile, content, folder, {"at": at, "key": "email", **more})


@pytest.mark.parametrize(("content", "sentence"), REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_trusted_is_refused_in_words(content: str, sentence: str, tmp_path: Path) -> None:
    tried = json_file(content, tmp_path)
    with pytest.raises(RemoteRefused) as caught:
        await tried.read()
    assert sentence in str(caught.value)
    assert str(tried.file) in str(caught.value)
    with pytest.raises(RemoteRefused):
        await tried.write(add("new@x"))
    assert tried.file.read_text() == content


async def test_entries_that_stay_are_not_rewritten(tmp_path: Path) -> None:
    members = '    {"email":"ann@x",  "n": 1e2},\n    "bob@x",\n    {"email": "carl@x", "n": 2}\n'
    before = f'{{ "v": 1.10,\n  "members": [\n{members}  ],\n  "z": "\\u00e9"}}'
    tried = json_file(before, tmp_path)
    after = await tried.after(remove("bob@x"), update("carl@x", n="3"), add("dora@x", n="4"))
    assert after == before.replace('    "bob@x",\n', "").replace(
        '{"email": "carl@x", "n": 2}', '{"email": "carl@x", "n": "3"},\n    {"email": "dora@x", "n": "4"}'
    )


@pytest.mark.parametrize("document", [[], None])
async def test_an_empty_list_is_filled_in_the_files_own_indentation(document: object, tmp_path: Path) -> None:
    tried = json_file(json.dumps({"a": {"members": document}, "b": 1}, indent=3), tmp_path, at="a.members")
    wanted = {"a": {"members": [{"email": "ann@x"}, {"email": "bob@x"}]}, "b": 1}
    assert await tried.after(add("ann@x"), add("bob@x")) == json.dumps(wanted, indent=3)


async def test_a_list_on_one_line_stays_on_one_line(tmp_path: Path) -> None:
    tried = on_file(JsonFile, '["ann@x", "bob@x"]\n', tmp_path, {})
    assert await tried.after(remove("ann@x"), add("zoë@x"), remove("bob@x")) == '["zoë@x"]\n'
    assert await tried.after(remove("zoë@x")) == "[]\n"


async def test_new_entries_are_escaped_as_the_file_is(tmp_path: Path) -> None:
    tried = on_file(JsonFile, '["zo\\u00eb@x"]', tmp_path, {})
    assert await tried.after(add("jörg@x")) == '["zo\\u00eb@x", "j\\u00f6rg@x"]'


async def test_values_keep_their_kind(tmp_path: Path) -> None:
    tried = json_file(
        '{"members": [{"email": "a", "n": 1, "ok": true, "tags": ["x", 2], "in": {"b": 1}, "no": null}]}', tmp_path
    )
    assert (await tried.read()).members["a"] == {
        "email": "a",
        "n": 1,
        "ok": True,
        "tags": ["x", "2"],
        "in": '{"b":1}',
        "no": None,
    }


async def test_a_list_of_texts_refuses_attributes(tmp_path: Path) -> None:
    tried = on_file(JsonFile, '["ann@x"]', tmp_path, {})
    (outcome,) = await tried.write(add("bob@x", name="Bob"))
    assert "plain texts without name" in outcome.reason
    assert tried.file.read_text() == '["ann@x"]'
