"""Keys as a tree."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from console.presentation.key_tree import KeyTree, Leaf, Node, left_of, node_line, size_words
from console.presentation.spans import plain, width_of
from engine.coordination.standing import Entry, Revision


def leaf(key: str, value: bytes = b"x", left: timedelta | None = None) -> Leaf:
    return Leaf.of(Entry(key=key, value=value, revision=Revision(7), left=left), 100.0)


def tree(*keys: str) -> KeyTree:
    made = KeyTree()
    made.take([leaf(key) for key in keys])
    return made


def seen(made: KeyTree) -> list[tuple[int, str]]:
    return [(node.depth, node.name) for node in made.rows()]


def test_folders_are_closed_until_somebody_opens_them() -> None:
    made = tree("a/b/c", "a/d", "e")
    assert seen(made) == [(0, "a/"), (0, "e")]
    made.fold("a/")
    assert seen(made) == [(0, "a/"), (1, "b/"), (1, "d"), (0, "e")]
    made.fold("a/")
    assert seen(made) == [(0, "a/"), (0, "e")]


def test_a_folder_says_how_many_keys_are_below_it() -> None:
    assert [node.count for node in tree("a/b/c", "a/b/d", "a/e").rows()] == [3]


def test_a_filter_opens_what_it_finds_and_nothing_else() -> None:
    made = tree("a/b/limit", "a/c", "e/limits", "f")
    made.wanted = "LIMIT"
    assert seen(made) == [(0, "a/"), (1, "b/"), (2, "limit"), (0, "e/"), (1, "limits")]


def test_what_changed_is_taken_in_without_reading_all() -> None:
    made = tree("a", "b", "c")
    made.update([leaf("b", b"new value"), leaf("bb")], ["c"])
    assert [node.path for node in made.rows()] == ["a", "b", "bb"]
    assert made.leaves["b"].size == 9


def test_a_key_may_be_called_as_a_folder_is() -> None:
    made = tree("a/", "a/b", "a")
    made.unfold_all()
    places = [node.place for node in made.rows()]
    assert len(places) == len(set(places))
    assert sorted(node.leaf.key for node in made.rows() if node.leaf is not None) == ["a", "a/", "a/b"]


KEYS = st.lists(st.text("ab/", min_size=1, max_size=8), unique=True, max_size=20)


@given(KEYS)
def test_everything_open_every_key_is_seen_once_and_every_place_is_its_own(keys: list[str]) -> None:
    made = tree(*keys)
    made.wanted = ""
    made.open = {key[: place + 1] for key in keys for place, letter in enumerate(key) if letter == "/"}
    rows = made.rows()
    assert sorted(node.leaf.key for node in rows if node.leaf is not None) == sorted(keys)
    assert len({node.place for node in rows}) == len(rows)


@given(KEYS, st.integers(50, 160))
def test_a_row_is_never_wider_than_there_is_room(keys: list[str], width: int) -> None:
    made = tree(*keys)
    made.unfold_all()
    assert all(width_of(node_line(node, 100.0, width)) <= width for node in made.rows())


def test_a_time_runs_down_from_when_it_was_read() -> None:
    short = leaf("a", left=timedelta(seconds=30))
    assert left_of(short, 110.0) == timedelta(seconds=20)
    assert left_of(short, 200.0) == timedelta()
    assert left_of(leaf("b"), 110.0) is None


def test_a_row_shows_the_beginning_of_a_value_without_its_control_characters() -> None:
    line = plain(node_line(Node("a", 0, leaf("a", b"one\x1b[31mtwo\n" * 40)), 100.0, 120))
    assert "one\\x1b[31mtwo⏎one" in line
    assert "480 B" in line


def test_sizes_are_said_as_people_say_them() -> None:
    assert [size_words(size) for size in (0, 9_999, 10_000, 262_144, 12_000_000)] == [
        "0 B", "9,999 B", "10 kB", "262 kB", "12.0 MB",
    ]  # fmt: skip
