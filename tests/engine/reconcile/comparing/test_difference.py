"""What a target lacks, has too much and holds differently, and the fingerprint that follows from it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import IncompleteRead
from engine.reconcile.comparing.canonical import canonical_rows, fold_all, items_of
from engine.reconcile.comparing.difference import Comparison
from engine.reconcile.records import Batch, Carried, RecordKey, fingerprint
from tests.engine.reconcile.model import NOW, batch_of, compared, sync_of, wanted_of

NAMED = {"name": "name"}


def test_missing_surplus_and_differing_are_told_apart() -> None:
    source = batch_of([("ann", {"name": "Ann"}), ("bob", {"name": "Bob"}), ("cy", {"name": "Cy"})])
    target = batch_of([("bob", {"name": "B."}), ("cy", {"name": "Cy"}), ("di", {"name": "Di"})])
    difference = compared(sync_of(attributes=NAMED), source, target)
    assert set(difference.missing) == {"ann"}
    assert set(difference.surplus) == {"di"}
    assert set(difference.differing) == {"bob"}
    assert difference.in_step == 1


def test_each_side_keeps_its_own_spelling_and_native_ids() -> None:
    target = Batch(spellings=["ANN@X.com", "Old@x.com"], native_ids=["U1", "U2"], proof="end")
    difference = compared(sync_of(), batch_of([("Ann@x.com", {}), ("New@X.com", {})]), target)
    old = difference.surplus[RecordKey("old@x.com")]
    assert (old.spelling, old.native_id) == ("Old@x.com", "U2")
    assert difference.to_resolve() == ["New@X.com"]
    assert difference.in_step == 1


def test_an_attribute_that_the_target_does_not_have_yet_is_empty_there() -> None:
    source = batch_of([("ann", {"name": "Ann"}), ("bob", {"name": ""})])
    difference = compared(sync_of(attributes=NAMED), source, batch_of([("ann", {}), ("bob", {})]))
    assert set(difference.differing) == {"ann"}
    assert difference.in_step == 1


def test_attributes_of_the_target_that_the_sync_does_not_map_are_not_compared() -> None:
    source = batch_of([("ann", {"name": "Ann"})])
    difference = compared(sync_of(attributes=NAMED), source, batch_of([("ann", {"name": "Ann", "phone": "1"})]))
    assert difference.in_step == 1


@pytest.mark.parametrize(
    "twins",
    [
        [("ann", {"name": "Ann"}), ("ANN", {"name": "Ann"})],
        [("ann", {"name": "A."}), ("ANN", {"name": "Ann"})],
        [("ann", {"name": "Ann"}), ("ANN", {"name": "A."})],
        [("ann", {"name": "A."}), ("ANN", {"name": "B."})],
        [("old", {"name": "O"}), ("OLD", {"name": "O"})],
        [("old", {"name": "O"}), ("OLD", {"name": "O"}), ("Old", {"name": "O"})],
    ],
)
def test_what_the_target_holds_twice_is_neither_surplus_nor_differing(twins: list[tuple[str, dict[str, str]]]) -> None:
    sync = sync_of(attributes=NAMED)
    wanted = wanted_of(sync, batch_of([("ann", {"name": "Ann"}), ("bob", {"name": "Bob"})]))
    for records in (twins, twins[::-1]):
        comparison = Comparison(wanted, sync, "list")
        for record in [*records, ("bob", {"name": "Bob"})]:
            comparison.add(batch_of([record], proof=""))
        comparison.add(batch_of([]))
        difference = comparison.finish(NOW)
        assert difference.doubled == {twins[0][0]}
        assert not difference.surplus
        assert not difference.differing
        assert difference.in_step == 1
        assert difference.snapshot.fingerprint.count == len(twins) + 1


def test_members_without_a_key_are_carried_not_removed() -> None:
    bot = Carried(label="deploy-bot", kind="bot", native_id="B1")
    target = Batch(spellings=["ann", " "], names=("name",), rows=[("Ann",), ("Ghost",)], carried=[bot], proof="end")
    difference = compared(sync_of(attributes=NAMED), batch_of([("ann", {"name": "Ann"})]), target)
    assert not difference.surplus
    assert difference.snapshot.carried == (bot, Carried(label="Ghost", kind="unresolved"))
    assert difference.snapshot.fingerprint.count == 1


def test_a_member_whose_record_the_source_disputes_is_undecided() -> None:
    source = batch_of([("ann", {"name": "Ann"}), ("Ann", {"name": "Anna"})])
    difference = compared(sync_of(attributes=NAMED), source, batch_of([("ANN", {"name": "x"})]))
    assert not difference.surplus
    assert difference.undecided[RecordKey("ann")].spelling == "ANN"


def test_a_target_read_without_proof_is_no_small_target() -> None:
    sync = sync_of()
    comparison = Comparison(wanted_of(sync, batch_of([("ann", {})])), sync, "list")
    with pytest.raises(IncompleteRead, match="Reading list ended without proof"):
        comparison.finish(NOW)


def test_one_reading_of_the_source_serves_several_targets() -> None:
    sync = sync_of(attributes=NAMED)
    wanted = wanted_of(sync, batch_of([("ann", {"name": "Ann"})]))
    for _ in range(2):
        comparison = Comparison(wanted, sync, "list")
        comparison.add(batch_of([("ann", {"name": "A."})]))
        assert set(comparison.finish(NOW).differing) == {"ann"}


def test_what_was_released_is_never_compared_with() -> None:
    sync = sync_of()
    wanted = wanted_of(sync, batch_of([("ann", {})]))
    wanted.release()
    with pytest.raises(RuntimeError, match="all would be surplus"):
        Comparison(wanted, sync, "list")


records = st.lists(
    st.tuples(
        st.sampled_from(["a", "A", "b", "c", "d", "é", "É", " ", "e"]), st.sampled_from(["", "x", "y", None, 1, "\x1f"])
    ),
    max_size=8,
)


@given(records, records, st.booleans(), st.integers(1, 4))
def test_the_reckoned_fingerprint_is_that_of_everything_the_target_holds(
    ours: list[tuple[str, object]], theirs: list[tuple[str, object]], with_names: bool, size: int
) -> None:
    sync = sync_of(attributes=NAMED if with_names else {})
    source = batch_of([(spelling, {"name": value}) for spelling, value in ours], ("name",))  # type: ignore[dict-item]
    comparison = Comparison(wanted_of(sync, source), sync, "list")
    target = [(spelling, {"name": value}) for spelling, value in theirs]
    for start in range(0, len(target), size):
        comparison.add(batch_of(target[start : start + size], ("name",), proof=""))  # type: ignore[arg-type]
    comparison.add(batch_of([]))
    keys = fold_all([spelling for spelling, _ in theirs], case_sensitive=False)
    lines, _ = canonical_rows([(value,) for _, value in theirs])  # type: ignore[misc]
    items = list(items_of(keys, lines if with_names else None))
    whole = fingerprint(item for key, item in zip(keys, items, strict=True) if key)
    assert comparison.finish(NOW).snapshot.fingerprint == whole
