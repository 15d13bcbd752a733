"""YAML files: written by people, with comments for people; both outlive every sync."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.endpoints.yaml_file import YamlFile
from engine.errors import RemoteRefused
from engine.reconcile.ports import Result
from tests.adapters.endpoints.files import Tried, add, on_file, remove, rename, update

REFUSED = {
    "an empty file": ("# nobody yet\n", "is empty"),
    "a key that stands twice": ("members:\n- email: a\n  email: b\n", "line 3: the key 'email' stands twice"),
    "a key that stands twice outside of the list": (
        "members: []\nx: {a: 1, a: 2}\n",
        "line 2: the key 'a' stands twice",
    ),
    "a quote that is never closed": ('members: ["ann@x, bob@x]\n', "line 2, column 1: found unexpected end"),
    "two documents": ("members: []\n---\nmembers: []\n", "line 2, column 1"),
    "an alias to itself": ("members: &a [*a]\n", "contains itself"),
    "aliases that multiply": (
        "members: []\na: &a [x,x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefg", "bcdefgh", strict=True)
        ),
        "aliases multiply",
    ),
    "a NUL character": ("members:\n- a\0b\n", "line 2: a NUL character"),
    "another name for the list": ("member: []\n", "Did you mean member"),
    "no list": ("members: ann@x\n", "members is not a list"),
}

TEAM = """\
# Ask ann before you change this.
members:  # by hand until June
  # leads
  - ann@x   # since 2019
  - email: bob@x
    name: 'Bob'  # really Robert
    tags: [a, b]

  # contractors
  - carl@x
norway: no
"""


def yaml_file(content: str, folder: Path, at: str = "members", **more: Any) -> Tried:
    return on_file(YamlFile, content, folder, {"at": at, "key": "email", **more})


@pytest.mark.parametrize(("content", "sentence"), REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_trusted_is_refused_in_words(content: str, sentence: str, tmp_path: Path) -> None:
    tried = yaml_file(content, tmp_path)
    with pytest.raises(RemoteRefused) as caught:
        await tried.read()
    assert sentence in str(caught.value)
    with pytest.raises(RemoteRefused):
        await tried.write(add("new@x"))
    assert tried.file.read_text() == content


async def test_a_removal_takes_the_entrys_own_lines_and_no_comment_for_others(tmp_path: Path) -> None:
    tried = yaml_file(TEAM, tmp_path)
    assert await tried.after(remove("ann@x")) == TEAM.replace("  - ann@x   # since 2019\n", "")
    gone = "  - email: bob@x\n    name: 'Bob'  # really Robert\n    tags: [a, b]\n"
    assert await tried.after(remove("bob@x")) == TEAM.replace("  - ann@x   # since 2019\n", "").replace(gone, "")


async def test_an_update_changes_the_value_alone(tmp_path: Path) -> None:
    tried = yaml_file(TEAM, tmp_path)
    after = await tried.after(update("bob@x", name="Rob's", tags=["c"], role="dev"), rename("carl@x", "c@x"))
    assert after == TEAM.replace("'Bob'", "'Rob''s'").replace("[a, b]", "[c]\n    role: dev").replace("carl@x", "c@x")


async def test_a_new_entry_stands_behind_the_last_one_in_its_form(tmp_path: Path) -> None:
    tried = yaml_file(TEAM, tmp_path)
    assert await tried.after(add("dora@x")) == TEAM.replace("  - carl@x\n", "  - carl@x\n  - dora@x\n")


async def test_texts_that_yaml_takes_for_something_else_are_quoted(tmp_path: Path) -> None:
    tried = yaml_file("members:\n- email: ann@x\n", tmp_path)
    tricky = [
        "no",
        "42",
        "1.5",
        "null",
        "",
        "2026-01-01",
        "a: b",
        "# x",
        "- x",
        "*x",
        "012",
        "1:30",
        "line\nbreak",
        " x",
        "yes",
    ]
    await tried.write(*(add(f"p{number}@x", name=text) for number, text in enumerate(tricky)))
    for loader in (yaml.CSafeLoader, yaml.SafeLoader):
        held = yaml.load(tried.file.read_text(), Loader=loader)["members"][1:]
        assert [entry["name"] for entry in held] == tricky
    assert [values["name"] for values in (await tried.read()).members.values()][1:] == tricky


async def test_plain_words_mean_what_yaml_1_2_says(tmp_path: Path) -> None:
    tried = yaml_file("members:\n- {email: a, x: no, y: 012, z: 2026-01-01, n: 42, t: true, e: , s: '7'}\n", tmp_path)
    values = (await tried.read()).members["a"]
    assert values == {"email": "a", "x": "no", "y": "012", "z": "2026-01-01", "n": 42, "t": True, "e": None, "s": "7"}


async def test_an_entry_that_an_alias_repeats_elsewhere_is_left_alone(tmp_path: Path) -> None:
    before = "members:\n- &lead ann@x\n- bob@x\nowner: *lead\n"
    tried = yaml_file(before, tmp_path)
    with pytest.raises(RemoteRefused, match="an alias or its layout"):
        await tried.write(remove("ann@x"))
    assert tried.file.read_text() == before
    assert await tried.after(remove("bob@x")) == "members:\n- &lead ann@x\nowner: *lead\n"


async def test_merged_fields_are_read_and_an_own_one_is_written_beside_them(tmp_path: Path) -> None:
    before = "base: &base {role: dev, name: none}\nmembers:\n- <<: *base\n  email: ann@x\n"
    tried = yaml_file(before, tmp_path)
    assert (await tried.read()).members["ann@x"] == {"email": "ann@x", "role": "dev", "name": "none"}
    assert await tried.after(update("ann@x", role="lead")) == before + "  role: lead\n"


EMPTIED = {
    "a block list": ("a:\n  members:  # who\n    - ann@x\nb: 1\n", "a.members", "a:\n  members: []  # who\nb: 1\n"),
    "a list in brackets": ("members: [ann@x]  # who\n", "members", "members: []  # who\n"),
    "a file that is a list": ("# who\n- ann@x\n", "", "# who\n[]\n"),
}


@pytest.mark.parametrize(("before", "at", "emptied"), EMPTIED.values(), ids=EMPTIED)
async def test_the_last_one_leaves_an_empty_list_that_can_be_filled(
    before: str, at: str, emptied: str, tmp_path: Path
) -> None:
    tried = yaml_file(before, tmp_path, at=at, entries="text")
    assert await tried.after(remove("ann@x")) == emptied
    assert (await tried.read()).spellings == []
    await tried.write(add("ann@x"), add("bob@x"))
    assert (await tried.read()).spellings == ["ann@x", "bob@x"]
    assert "# who" in tried.file.read_text()


async def test_crlf_and_a_missing_last_line_end_are_kept(tmp_path: Path) -> None:
    tried = yaml_file("members:\r\n- ann@x\r\n- bob@x", tmp_path)
    assert await tried.after(add("carl@x"), remove("ann@x")) == "members:\r\n- bob@x\r\n- carl@x"


names = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), max_size=8)


@settings(max_examples=60)
@given(texts=st.lists(names, min_size=1, max_size=5), flow=st.booleans())
async def test_any_text_is_read_back_as_it_was_written(texts: list[str], flow: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tried = yaml_file("members: [{email: a@x}]\n" if flow else "members:\n- email: a@x\n", Path(folder))
        outcomes = await tried.write(*(add(f"p{number}@x", name=text) for number, text in enumerate(texts)))
        assert {outcome.result for outcome in outcomes} == {Result.DONE}
        assert [values["name"] for values in (await tried.read()).members.values()][1:] == texts
