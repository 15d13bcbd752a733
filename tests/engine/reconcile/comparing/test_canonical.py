"""Whole batches at once give the same answers as record by record."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.reconcile.comparing.canonical import (
    ESCAPE,
    FIELD,
    canonical_row,
    canonical_rows,
    fold_all,
    items_of,
    sum_of,
    values_of,
)
from engine.reconcile.records import fingerprint, fold, keep_case, text_of

spellings = st.text(
    st.characters(codec="utf-8") | st.sampled_from(" \t\n\x1c\x1fAaÄäßſİ"),
    max_size=6,
)
values: st.SearchStrategy[object] = (
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text("ab" + FIELD + ESCAPE, max_size=3)
)
values |= st.lists(st.text("ab", max_size=2), max_size=2)


@given(st.lists(spellings | st.text("aA@.", max_size=4), max_size=6))
def test_folding_a_batch_is_folding_each_spelling(batch: list[str]) -> None:
    assert list(fold_all(batch, case_sensitive=False)) == [fold(spelling) for spelling in batch]
    assert list(fold_all(batch, case_sensitive=True)) == [keep_case(spelling) for spelling in batch]


def test_a_batch_that_folding_does_not_change_is_not_copied() -> None:
    batch = ["ann@x.com", "bob@x.com"]
    assert fold_all(batch, case_sensitive=False) is batch


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann@X.com", "ann@x.com"),
        ("  ann@x.com ", "ann@x.com"),
        ("STRASSE", "straße"),
        ("ａｎｎ", "ann"),
        ("Jose\u0301", "JOSÉ"),
    ],
)
def test_spellings_of_the_same_record_share_a_key(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@given(spellings)
def test_folding_twice_is_folding_once(spelling: str) -> None:
    assert fold(fold(spelling)) == fold(spelling)


@given(st.lists(st.tuples(values, values), min_size=1, max_size=4))
def test_canonical_rows_are_the_same_for_a_batch_and_for_each_row(rows: list[tuple[object, object]]) -> None:
    lines, packed = canonical_rows(rows)  # type: ignore[arg-type]
    assert lines == [canonical_row(row) for row in rows]  # type: ignore[arg-type]
    for place, row in enumerate(rows):
        kept = values_of(lines[place], packed[place] if packed else b"")
        assert [text_of(value) for value in kept] == [text_of(value) for value in row]  # type: ignore[arg-type]


@given(st.tuples(values, values), st.tuples(values, values))
def test_two_rows_share_a_canonical_text_only_if_every_value_reads_the_same(one: object, other: object) -> None:
    same = [text_of(value) for value in one] == [text_of(value) for value in other]  # type: ignore[attr-defined]
    assert (canonical_row(one) == canonical_row(other)) is same  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other"),
    [(None, ""), (42, "42"), (42.0, 42), (True, "true"), (["a", "b"], '["a","b"]')],
)
def test_what_a_text_file_cannot_tell_apart_is_equal(one: object, other: object) -> None:
    assert text_of(one) == text_of(other)  # type: ignore[arg-type]


@given(st.lists(st.binary(max_size=2)), st.randoms())
def test_a_fingerprint_does_not_depend_on_order(items: list[bytes], chance: object) -> None:
    shuffled = items[:]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert fingerprint(items) == fingerprint(shuffled)


def test_two_equal_items_do_not_cancel_each_other() -> None:
    assert fingerprint([b"a", b"a"]).sum != fingerprint([]).sum


def test_a_fingerprint_notices_attributes_that_swap_their_keys() -> None:
    keys = [fold("ann"), fold("bob")]
    assert sum_of(items_of(keys, [b"x", b"y"])) != sum_of(items_of(keys, [b"y", b"x"]))
