"""The chain's bytes, computed a second time with nothing but the standard library."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.events.chain import BEFORE_FIRST, canonical, hashed, header, link

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_canonical_json_is_what_the_standard_library_writes_without_space_and_sorted(value: Any) -> None:
    theirs = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)

    assert json.loads(canonical(value)) == json.loads(theirs)
    assert len(canonical(value)) <= len(theirs.encode()) + 6 * theirs.count("\\")


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=5))
def test_the_order_of_keys_does_not_matter(value: dict[str, Any]) -> None:
    assert canonical(value) == canonical(dict(reversed(value.items())))


def test_a_link_is_the_hash_of_the_documented_bytes() -> None:
    head = b'["id-1","user.added","user:7","berlin~0badcafe",1,{},655360]'
    data, metadata = '{"name":"Zoë"}'.encode(), b'{"actor":"anna"}'
    by_hand = blake2b(
        bytes(32) + blake2b(data, digest_size=32).digest() + blake2b(metadata, digest_size=32).digest() + head,
        digest_size=32,
    )

    assert header("id-1", "user.added", "user:7", ("berlin~0badcafe", 1), {}, 655_360) == head
    assert canonical({"name": "Zoë"}) == data
    assert link(BEFORE_FIRST, hashed(data) + hashed(metadata), head) == by_hand.digest()


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), st.integers(0, 2**53)))
def test_a_context_that_is_encoded_already_makes_the_same_header(context: dict[str, int]) -> None:
    given = ("id-1", "user.added", "user:7", ("berlin~0badcafe", 1))

    assert header(*given, msgspec.Raw(canonical(context)), 655_360) == header(*given, context, 655_360)


def test_every_input_changes_the_link() -> None:
    inputs = [BEFORE_FIRST, b"payload hashes", b"header"]
    links = {link(*inputs)}
    for place in range(3):
        links.add(link(*[text + b"!" if index == place else text for index, text in enumerate(inputs)]))

    assert len(links) == 4
