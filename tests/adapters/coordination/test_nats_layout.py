"""Laws of the names under which things lie in NATS."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.coordination.nats.layout import Layout, name_of, path
from engine.coordination.standing import SessionId

LAYOUT = Layout("acme")
LONGEST_STREAM = 255

names = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("/.=*> "), min_size=1, max_size=40)


def lets_through(under: str, subject: str) -> bool:
    """Whether a filter that ends with `>` lets a subject through."""
    return subject.startswith(under.removesuffix(">")) and len(subject) >= len(under)


@given(names)
def test_a_name_comes_back_from_its_subject(name: str) -> None:
    assert name_of(path(name)) == name
    assert LAYOUT.told(LAYOUT.key(name)) == (LAYOUT.keys, name)
    assert LAYOUT.told(LAYOUT.part(name, SessionId("a1"))) == (LAYOUT.queues, f"a1/{name}")
    assert LAYOUT.told(LAYOUT.session(SessionId(name))) == (LAYOUT.sessions, name)


@given(names)
def test_every_subject_is_one_that_nats_takes_and_its_tools_show(name: str) -> None:
    assert re.fullmatch(r"[-_=A-Za-z0-9]+(\.[-_=A-Za-z0-9]+)*", path(name))


@given(names, st.integers(0, 40))
def test_the_filter_of_a_prefix_lets_through_every_key_with_it(name: str, length: int) -> None:
    assert lets_through(LAYOUT.under(name[:length]), LAYOUT.key(name))


@given(names, names)
@settings(max_examples=200)
def test_streams_of_different_names_share_nothing(one: str, other: str) -> None:
    assert (LAYOUT.event_stream(one).lower() == LAYOUT.event_stream(other).lower()) == (one == other)
    assert (LAYOUT.nameless(one) == LAYOUT.nameless(other)) == (one == other)
    assert lets_through(LAYOUT.events_of(one), LAYOUT.named(other, "m")) == (one == other)
    assert LAYOUT.named(one, "any") != LAYOUT.nameless(one)


@pytest.mark.parametrize("letter", ["a", "ü", "😀", "/"])
def test_a_stream_may_have_the_longest_name(letter: str) -> None:
    longest = letter * (256 // len(letter.encode()))
    found = LAYOUT.event_stream(longest)
    assert len(Layout("n" * 32).event_stream(longest)) <= LONGEST_STREAM
    assert found != LAYOUT.event_stream(longest[:-1])
    assert re.fullmatch(r"[-_=A-Za-z0-9]+", found)


def test_parts_of_a_name_are_parts_of_its_subject() -> None:
    assert LAYOUT.key("task/a b/7") == "$KV.syncdeck-acme.key.task.a=20b.7"
    assert LAYOUT.under("task/a") == "$KV.syncdeck-acme.key.task.>"
    assert LAYOUT.key("/a//") == "$KV.syncdeck-acme.key.=.a.=.="
