"""What `--field` and `--take` mean, for a conflict between this node and others."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.commands.conflicts_taking import choices_of
from engine.errors import SyncdeckError
from engine.events.merging.queue import Choice, Choices, Take
from engine.events.merging.strategies import STRATEGIES
from engine.events.merging.values import View
from engine.events.merging.view import view_of
from tests.engine.events.merging.histories import AGGREGATE, Writers


def side(number: int) -> Choice:
    return Choice(take=Take.CANDIDATE, candidate=number - 1)


@pytest.fixture
def view() -> View:
    """Berlin and Lyon differ about the mail; Lyon and Oslo about the phone, of which Berlin knows nothing."""
    writers = Writers("berlin", "lyon", "oslo")
    writers.write("berlin", {"email": "b", "level": 1})
    writers.write("lyon", {"email": "l", "level": 2, "phone": "l"})
    writers.write("oslo", {"phone": "o"})
    return view_of(AGGREGATE, writers.all, (), STRATEGIES)


def taken(view: View, *decisions: tuple[str, str], node: str = "berlin") -> Choices:
    return choices_of(decisions, view, node)


def test_local_is_what_this_node_wrote_and_remote_what_the_other_did(view: View) -> None:
    assert taken(view, ("field", "email"), ("take", "local")) == {("email",): side(1)}
    assert taken(view, ("field", "email"), ("take", "remote")) == {("email",): side(2)}
    assert taken(view, ("field", "email"), ("take", "local"), node="lyon") == {("email",): side(2)}


def test_without_a_field_all_that_waits_is_meant(view: View) -> None:
    assert taken(view, ("take", "base")) == {(name,): Choice(take=Take.BASE) for name in ("email", "level", "phone")}


def test_what_is_said_later_counts(view: View) -> None:
    found = taken(view, ("take", "2"), ("field", "*e*l"), ("take", "1"), ("field", "level"), ("take", "remove"))
    assert found == {("email",): side(1), ("level",): Choice(take=Take.REMOVE), ("phone",): side(2)}


def test_a_file_without_a_field_is_a_merge_patch(view: View, tmp_path: Path) -> None:
    file = tmp_path / "merged.json"
    file.write_text('{"email": "new", "phone": null}')
    assert taken(view, ("take", str(file))) == {
        ("email",): Choice(take=Take.VALUE, value="new"),
        ("phone",): Choice(take=Take.REMOVE),
    }


def test_a_file_after_a_field_is_its_value(view: View, tmp_path: Path) -> None:
    file = tmp_path / "value.json"
    file.write_text('{"work": "w@x"}')
    found = taken(view, ("field", "email"), ("take", str(file)))
    assert found == {("email",): Choice(take=Take.VALUE, value={"work": "w@x"})}
    file.write_text("null")
    assert taken(view, ("field", "email"), ("take", str(file))) == {("email",): Choice(take=Take.REMOVE)}


def test_a_file_decides_the_whole_where_the_whole_is_contested(tmp_path: Path) -> None:
    writers = Writers("berlin", "lyon")
    writers.write("berlin", {"name": "Ann"})
    writers.meet()
    writers.write("berlin", None)
    writers.write("lyon", {"name": "Ann Lee"})
    view = view_of(AGGREGATE, writers.all, (), STRATEGIES)
    file = tmp_path / "whole.json"
    file.write_text('{"name": "Bea"}')
    wanted: Choices = {(): Choice(take=Take.VALUE, value={"name": "Bea"})}
    assert taken(view, ("take", str(file))) == wanted
    assert taken(view, ("field", "."), ("take", str(file))) == wanted


REFUSED = {
    "this node wrote none": ([("field", "phone"), ("take", "local")], "no side was written by this node (berlin)"),
    "others wrote several": ([("field", "phone"), ("take", "remote")], "2 sides were written by other nodes"),
    "there is no such side": ([("field", "email"), ("take", "7")], "email has sides 1 to 2; there is no 7."),
    "nought is no side": ([("take", "0")], "there is no 0."),
    "two numbers do not go into one": ([("field", "level"), ("take", "both")], "level: Each side holds a number"),
    "the field is not contested": ([("field", "name"), ("take", "1")], "Contested: email, level, phone."),
    "a field without a word": ([("take", "1"), ("field", "email")], "--field email has no --take after it"),
    "two fields in a row": ([("field", "email"), ("field", "phone"), ("take", "1")], "--field email has no --take"),
    "a misspelt word is no file": ([("take", "lokal")], "is neither local, remote, base, both, remove"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_sense_is_refused_in_words(view: View, name: str) -> None:
    decisions, sentence = REFUSED[name]
    with pytest.raises(SyncdeckError) as refused:
        taken(view, *decisions)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("{", "is no JSON"), ('{"name": "Bea"}', "writes name, which does not wait"), ("[1]", "writes the whole")],
)
def test_a_file_that_cannot_be_meant_is_refused(view: View, tmp_path: Path, content: str, sentence: str) -> None:
    file = tmp_path / "wrong.json"
    file.write_text(content)
    with pytest.raises(SyncdeckError) as refused:
        taken(view, ("take", str(file)))
    assert sentence in str(refused.value)
