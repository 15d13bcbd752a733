"""Expressions are refused before anything is read, and mean what JMESPath says."""

from __future__ import annotations

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jmespath.visitor import TreeInterpreter

from engine.errors import SettingsError
from engine.reconcile.comparing.expressions import Expression, Unusable
from engine.reconcile.records import Value

COLUMNS: dict[str, list[Value]] = {"key": ["ann", "bob"], "dep": ["eng", "ops"], "level": [3, None]}


def refusal(text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        Expression(text, "syncs.eng.where").check(("dep", "level", "active"), "people")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("dep = 'eng'", "syncs.eng.where: unexpected '=' at character 5 of: dep = 'eng'. Comparisons are written ==."),
        ("dep == 'eng' &&", "syncs.eng.where: the expression ends too early at character 16 of: dep == 'eng' &&."),
        ("dep == 'eng", "syncs.eng.where: unexpected \"'eng\" at character 8 of: dep == 'eng."),
        ("depp == 'eng'", "syncs.eng.where: people has no field 'depp'. Did you mean 'dep'?"),
        ("zzz", "syncs.eng.where: people has no field 'zzz'. Its fields are: active, dep, key, level."),
        (
            'dep == "eng"',
            (
                "syncs.eng.where: people has no field 'eng'. Its fields are: active, dep, key, level. "
                "(Text stands in single quotes: 'eng'.)"
            ),
        ),
        (
            "starts_wiht(dep, 'e')",
            (
                "syncs.eng.where: there is no function starts_wiht(). Did you mean starts_with()? "
                "The expression is: starts_wiht(dep, 'e')"
            ),
        ),
        (
            "starts_with(dep)",
            "syncs.eng.where: starts_with() takes 2 arguments and is given 1. The expression is: starts_with(dep)",
        ),
    ],
)
def test_a_faulty_expression_is_refused_in_words(text: str, sentence: str) -> None:
    assert refusal(text) == sentence


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("dep == 'eng' && !(active == 'no')", {"dep", "active"}),
        ("groups[?name == 'x'].id | [0]", {"groups"}),
        ("@.dep", {"dep"}),
        ("length(keys(@))", set()),
        ("{a: dep, b: [level, `1`]}", {"dep", "level"}),
        ("sort_by(groups, &rank)[0].name", {"groups"}),
        ("groups[]", {"groups"}),
        ("join(', ', groups)", {"groups"}),
        ("address.city", {"address"}),
    ],
)
def test_the_fields_an_expression_looks_at_are_known(text: str, fields: set[str]) -> None:
    assert Expression(text, "x").fields == fields


def test_the_key_is_a_field_of_every_record() -> None:
    expression = Expression("ends_with(key, 'n')", "x")
    expression.check(("dep",), "people")
    assert expression.holds(COLUMNS) == [True, False]


def test_numbers_and_texts_are_not_equal_in_jmespath() -> None:
    assert Expression("level == '3'", "x").holds(COLUMNS) == [False, False]
    assert Expression("level == `3`", "x").holds(COLUMNS) == [True, False]


def test_a_record_that_an_expression_cannot_work_out_is_a_sentence_and_not_a_crash() -> None:
    first, second = Expression("level > `1` && starts_with(to_string(level), '3')", "w").holds(COLUMNS)
    assert (first, second) == (True, False)
    _, failed = Expression("abs(level) == `3`", "syncs.eng.where").holds(COLUMNS)
    assert isinstance(failed, Unusable)
    assert failed.reason.startswith("syncs.eng.where cannot be worked out for it: In function abs(), invalid type")


def test_comparing_a_text_with_a_number_is_a_sentence_too() -> None:
    (failed,) = Expression("level > `1`", "syncs.eng.where").holds({"level": ["high"]})
    assert isinstance(failed, Unusable)
    assert failed.reason == "syncs.eng.where cannot be worked out for it: it compares values of different kinds."


texts = st.sampled_from(["", "x", "y"])
comparisons = st.builds(
    lambda field, operator, text, turned: f"'{text}' {operator} {field}" if turned else f"{field} {operator} '{text}'",
    st.sampled_from(["a", "b"]),
    st.sampled_from(["==", "!="]),
    texts,
    st.booleans(),
)
conditions = st.recursive(
    comparisons | st.sampled_from(["a", "b == `1`", "a == b", "type(a) == 'number'"]),
    lambda inner: (
        st.builds("({} && {})".format, inner, inner)
        | st.builds("({} || {})".format, inner, inner)
        | st.builds("!({})".format, inner)
    ),
    max_leaves=5,
)
cells = st.none() | st.booleans() | st.integers(0, 2) | texts | st.lists(texts, max_size=1)


@given(conditions, st.lists(st.tuples(cells, cells), min_size=1, max_size=5))
def test_comparing_whole_columns_is_what_the_interpreter_says(text: str, rows: list[tuple[Value, Value]]) -> None:
    columns = {"a": [row[0] for row in rows], "b": [row[1] for row in rows]}
    interpreter, node = TreeInterpreter(), jmespath.compile(text).parsed
    expected = [interpreter.visit(node, {"a": a, "b": b}) for a, b in rows]
    truths = [not (value is None or value is False or value in ("", [], {})) for value in expected]
    assert Expression(text, "x").holds(columns) == truths
