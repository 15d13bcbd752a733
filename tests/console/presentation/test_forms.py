"""Forms: what stands in a field is what is meant in the file, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.presentation.forms import ABSENT, by_field, entries, hint, meant, value_at, with_value, written
from engine.settings.fields import Field, FieldType, describe
from engine.settings.model import SyncSettings

WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12)
TEXT = Field(name="x", type=FieldType.TEXT)
NUMBER = Field(name="x", type=FieldType.NUMBER)
FLAG = Field(name="x", type=FieldType.FLAG)
LIST = Field(name="x", type=FieldType.LIST, item=TEXT)
MAPPING = Field(name="x", type=FieldType.MAPPING, item=TEXT)
ANY = Field(name="x", type=FieldType.ANY)
LIMIT = Field(name="x", type=FieldType.NUMBER, optional=True, whole=True, default=10)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        (TEXT, WORDS),
        (NUMBER, st.integers() | st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: x != int(x))),
        (FLAG, st.booleans()),
        (LIST, st.lists(WORDS, min_size=1)),
        (MAPPING, st.dictionaries(WORDS, WORDS, min_size=1)),
        (ANY, st.dictionaries(WORDS, st.lists(st.integers(), max_size=3), min_size=1)),
    ],
    ids=lambda value: value.type if isinstance(value, Field) else "",
)
def test_what_is_written_into_a_field_is_meant_back(field: Field, values: st.SearchStrategy[object]) -> None:
    @given(values)
    def law(value: object) -> None:
        assert meant(field, written(field, value)) == value

    law()


def test_an_empty_field_leaves_its_default_to_hold() -> None:
    assert meant(TEXT, "  ") is ABSENT
    assert meant(LIMIT, "") is ABSENT


def test_none_switches_an_optional_limit_off() -> None:
    assert meant(LIMIT, "none") is None


@pytest.mark.parametrize(
    ("field", "text", "problem"),
    [
        (NUMBER, "ten", "'ten' is no number."),
        (LIMIT, "2.5", "'2.5' is no whole number."),
        (MAPPING, "role title", "'role title' has no colon"),
        (ANY, "{a: [", "This is no YAML."),
    ],
)
def test_a_text_that_means_nothing_is_explained(field: Field, text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem.replace("[", r"\[")):
        meant(field, text)


@given(st.dictionaries(WORDS, st.integers() | st.dictionaries(WORDS, st.integers(), min_size=1)), WORDS, WORDS)
def test_a_value_that_was_put_in_is_found_and_can_be_taken_out(
    values: dict[str, object], name: str, inner: str
) -> None:
    path = f"{name}.{inner}"
    put = with_value(values, path, 7)
    assert value_at(put, path) == 7
    assert value_at(with_value(put, path, ABSENT), path) is ABSENT
    assert {key: put[key] for key in values if key != name} == {key: values[key] for key in values if key != name}


def test_a_group_left_empty_goes_with_its_last_value() -> None:
    assert with_value({"guards": {"max_removals": 3}}, "guards.max_removals", ABSENT) == {}


def test_a_sync_has_a_line_for_every_setting_and_headings_for_its_groups() -> None:
    lines = entries(describe(SyncSettings), {"source": ("people",)})
    by_path = {line.path: line for line in lines}
    assert by_path["guards"].heading
    assert by_path["guards.max_removals"].level == 1
    assert by_path["schedule"].switchable
    assert by_path["source"].field.choices == ("people",)
    assert by_path["guards.max_removals"].label == "max removals"


def test_problems_stand_at_the_nearest_field() -> None:
    problems = [("path", "one."), ("guards.freeze[0].cron", "two."), ("", "three."), ("path", "four.")]
    assert by_field(problems, ["path", "guards.freeze"]) == {
        "path": "one. four.",
        "guards.freeze": "two.",
        "": "three.",
    }


@pytest.mark.parametrize(
    "line", [line for line in entries(describe(SyncSettings)) if not line.heading], ids=lambda x: x.path
)
def test_every_setting_of_a_sync_explains_itself(line: object) -> None:
    assert len(hint(line.field)) > 12  # type: ignore[attr-defined]
