"""Requests from templates: no value breaks out of its place."""

from __future__ import annotations

from urllib.parse import unquote

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapters.templates import Unfit, fill_body, fill_path, fill_query
from engine.reconcile.records import Value


@given(key=st.text(min_size=1).filter(lambda text: text.encode("utf-8", "ignore").decode() == text))
def test_a_key_stays_one_segment_of_the_path(key: str) -> None:
    assume(key.strip(". "))
    path = fill_path("/teams/7/members/{key}", {"key": key})
    assert path.count("/") == 4
    assert unquote(path.rpartition("/")[2]) == key
    assert not set("?#") & set(path)


@pytest.mark.parametrize("key", ["", ".", "..", " "])
def test_a_key_that_would_name_the_whole_collection_is_refused(key: str) -> None:
    with pytest.raises(Unfit):
        fill_path("/teams/7/members/{key}", {"key": key})


@given(key=st.text())
def test_a_key_stays_one_text_of_the_body(key: str) -> None:
    filled = fill_body({"email": "{key}", "note": "for {key}"}, [{"key": key}])
    assert filled == {"email": key, "note": f"for {key}"}


def test_a_value_keeps_its_kind_when_it_is_the_whole_text() -> None:
    values: dict[str, Value] = {"active": True, "tags": ["a", "b"], "age": 42, "title": None}
    body = {"active": "{active}", "tags": "{tags}", "age": "{age}", "title": "{title}", "text": "{age} years"}
    assert fill_body(body, [values]) == {**values, "text": "42 years"}


def test_an_attribute_that_the_sync_does_not_map_is_left_out_and_not_emptied() -> None:
    assert fill_body({"name": "{name}", "title": "{title}"}, [{"key": "a", "name": "Ann"}]) == {"name": "Ann"}


def test_a_batch_repeats_its_part_for_every_change() -> None:
    batch: list[dict[str, Value]] = [{"key": "a@x", "id": "1"}, {"key": 'b"@x', "id": "2"}]
    assert fill_body({"members": {"$each": {"email": "{key}"}}, "ids": "{ids}"}, batch) == {
        "members": [{"email": "a@x"}, {"email": 'b"@x'}],
        "ids": ["1", "2"],
    }


def test_an_apostrophe_and_an_ampersand_stay_in_their_parameter() -> None:
    assert fill_query({"q": "mail eq '{key}'"}, {"key": "o'brien&x=1"}) == {"q": "mail eq 'o'brien&x=1'"}


def test_a_body_is_json_whatever_the_value_is() -> None:
    filled = fill_body({"email": "{key}"}, [{"key": '"},{"admin":true,"x":"'}])
    assert msgspec.json.decode(msgspec.json.encode(filled)) == {"email": '"},{"admin":true,"x":"'}
