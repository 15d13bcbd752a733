"""The source's side: scope, mapping, duplicates, and the proof that it was read whole."""

from __future__ import annotations

import pytest

from engine.errors import IncompleteRead, SettingsError
from engine.reconcile.comparing.canonical import values_of
from engine.reconcile.comparing.wanted import WantedCollector
from engine.reconcile.records import Batch, RecordKey, fingerprint
from tests.engine.reconcile.model import NOW, Record, batch_of, sync_of, wanted_of

ANN = RecordKey("ann@x.com")


def test_only_records_in_scope_are_wanted_and_the_others_are_remembered() -> None:
    source = batch_of([("ann@x.com", {"dep": "eng"}), ("bob@x.com", {"dep": "ops"})])
    wanted = wanted_of(sync_of(where="dep == 'eng'"), source)
    assert list(wanted.lines) == ["ann@x.com"]
    assert wanted.outside == {"bob@x.com"}
    assert wanted.total == 2
    assert wanted.snapshot.fingerprint == fingerprint([b"ann@x.com"])


def test_attributes_are_mapped_and_keep_their_types() -> None:
    source = batch_of([("Ann@X.com", {"first": "Ann", "level": 3, "tags": ["a", "b"], "boss": None})])
    attributes = {"name": "first", "rank": "level", "labels": "tags", "boss": "boss", "kind": "'staff'"}
    wanted = wanted_of(sync_of(attributes=attributes), source)
    assert wanted.names == ("boss", "kind", "labels", "name", "rank")
    assert values_of(wanted.lines[ANN], wanted.typed[ANN]) == [None, "staff", ["a", "b"], "Ann", 3]
    assert wanted.spelled[ANN] == "Ann@X.com"


@pytest.mark.parametrize(
    ("expression", "value", "reason"),
    [
        ("{a: v}", "x", "syncs.eng.attributes.name gives an object; name one of its fields."),
        ("v", 1 << 70, f"syncs.eng.attributes.name gives {1 << 70}, a number out of range."),
        ("to_number(v)", "nan", "syncs.eng.attributes.name gives nan, which is not a number."),
        ("[[v]]", "x", ("syncs.eng.attributes.name gives a list within a list; a list of texts is the most a target"
                       " can hold.")),
        ("abs(v)", "x", ("syncs.eng.attributes.name cannot be worked out for it: In function abs(), invalid type for"
                        " value: x, expected one of: ['number'], received: \"string\".")),
    ],
)  # fmt: skip
def test_a_value_that_no_target_can_hold_parks_its_record(expression: str, value: object, reason: str) -> None:
    source = batch_of([("ann@x.com", {"v": value}), ("bob@x.com", {"v": 1})])  # type: ignore[dict-item]
    wanted = wanted_of(sync_of(attributes={"name": expression}), source)
    assert wanted.disputed[ANN].reason == reason
    assert ANN not in wanted.lines


def test_a_scope_that_cannot_be_worked_out_parks_the_record() -> None:
    source = batch_of([("ann@x.com", {"dep": None}), ("bob@x.com", {"dep": "eng"})])
    wanted = wanted_of(sync_of(where="starts_with(dep, 'e')"), source)
    assert list(wanted.lines) == ["bob@x.com"]
    assert wanted.disputed[ANN].reason.startswith("syncs.eng.where cannot be worked out for it")
    assert ANN not in wanted.outside


def test_two_records_with_one_key_and_different_attributes_are_disputed() -> None:
    records = [("ann@x.com", {"name": "Ann"}), ("Ann@X.com", {"name": "Anna"}), ("bob@x.com", {"name": "Bob"})]
    for order in (records, records[::-1]):
        wanted = wanted_of(sync_of(attributes={"name": "name"}), batch_of(order))
        assert list(wanted.lines) == ["bob@x.com"]
        assert wanted.disputed[ANN].reason == (
            "Ann@X.com and ann@x.com are the same key with different attributes in people."
        )


def test_two_equal_records_with_one_key_count_once_and_are_noted() -> None:
    records: list[Record] = [("ann@x.com", {"level": 3}), ("Ann@X.com", {"level": "3"})]
    found = [wanted_of(sync_of(attributes={"level": "level"}), batch_of(order)) for order in (records, records[::-1])]
    for wanted in found:
        assert wanted.snapshot.fingerprint.count == 1
        assert wanted.spelled[ANN] == "Ann@X.com"
        assert wanted.notes == ("Ann@X.com and ann@x.com are the same record in people; it counts once.",)
    assert found[0].typed == found[1].typed


def test_duplicates_are_found_across_batches_too() -> None:
    collector = WantedCollector(sync_of(attributes={"name": "name"}))
    collector.add(batch_of([("ann@x.com", {"name": "Ann"}), ("cy@x.com", {"name": "Cy"})], proof=""))
    collector.add(batch_of([("bob@x.com", {"name": "Bob"}), ("ANN@x.com", {"name": "A."})]))
    wanted = collector.finish(NOW)
    assert sorted(wanted.lines) == ["bob@x.com", "cy@x.com"]
    assert list(wanted.disputed) == [ANN]


def test_records_without_a_key_are_left_out_and_noted() -> None:
    wanted = wanted_of(sync_of(), batch_of([("", {}), ("  ", {}), ("ann@x.com", {})]))
    assert list(wanted.lines) == ["ann@x.com"]
    assert wanted.notes == ("2 records of people have no key and were left out.",)


def test_case_sensitive_syncs_tell_letter_case_apart() -> None:
    wanted = wanted_of(sync_of(case_sensitive=True), batch_of([("Ann", {}), ("ann", {})]))
    assert sorted(wanted.lines) == ["Ann", "ann"]


def test_a_misspelt_field_is_refused_before_it_empties_a_target() -> None:
    with pytest.raises(SettingsError, match=r"people has no field 'departmnt'\. Did you mean 'department'\?"):
        wanted_of(sync_of(where="departmnt == 'eng'"), batch_of([("ann@x.com", {"department": "eng"})]))


def test_every_faulty_expression_of_a_sync_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        WantedCollector(sync_of(where="a =", attributes={"name": "(", "role": "role"}, rename_by="number"))
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        "syncs.eng.where",
        "syncs.eng.attributes.name",
        "syncs.eng.rename_by",
    ]


def test_a_read_without_proof_is_no_small_set() -> None:
    collector = WantedCollector(sync_of())
    collector.add(batch_of([("ann@x.com", {})], proof=""))
    with pytest.raises(IncompleteRead, match="Reading people ended without proof that nothing was left out"):
        collector.finish(NOW)


@pytest.mark.parametrize(
    ("batches", "sentence"),
    [
        ([batch_of([("a", {})]), batch_of([("b", {})])], "sent more records after it said that it was complete"),
        (
            [batch_of([("a", {"x": 1})], proof=""), batch_of([("b", {"y": 1})])],
            r"changed its fields while it was read, from \(x\) to \(y\)",
        ),
        ([Batch(spellings=["a", "b"], names=("x",), rows=[(1,)])], "sent 2 keys with 1 rows"),
        ([Batch(spellings=["a", "b"], native_ids=["1"])], "sent 2 keys with 0 rows and 1 native ids"),
    ],
)
def test_a_read_that_contradicts_itself_is_refused(batches: list[Batch], sentence: str) -> None:
    collector = WantedCollector(sync_of())
    *good, bad = batches
    for batch in good:
        collector.add(batch)
    with pytest.raises(IncompleteRead, match=sentence):
        collector.add(bad)


def test_text_that_is_no_unicode_is_refused_in_words() -> None:
    with pytest.raises(IncompleteRead, match="people holds text that is not Unicode"):
        wanted_of(sync_of(), batch_of([("ann\ud800", {})]))
