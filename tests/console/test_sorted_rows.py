"""Rows of things that come, go and change one by one."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from console.presentation.spans import Span
from console.widgets.sorted_rows import SortedRows

Thing = tuple[str, int]
"""A name and a rank."""

NAMES = st.text("abc", min_size=1, max_size=3)
THINGS = st.tuples(NAMES, st.integers(0, 3))


def rows() -> SortedRows[Thing]:
    return SortedRows(lambda thing: thing[0], lambda thing: (thing[1],), lambda thing, _: (Span(f"{thing}"),))


def names(of: SortedRows[Thing]) -> list[object]:
    return [of.key_at(index) for index in range(len(of))]


def odd(thing: Thing) -> bool:
    return bool(thing[1] % 2)


@given(
    st.lists(THINGS), st.lists(THINGS), st.sets(st.text("abc", min_size=1, max_size=3)), st.sampled_from([None, odd])
)
def test_taking_in_what_changed_gives_the_same_rows_as_reading_everything(
    before: list[Thing], changed: list[Thing], gone: set[str], wanted: Callable[[Thing], bool] | None
) -> None:
    changes = {thing[0]: thing for thing in changed}
    step, whole = rows(), rows()
    step.take(before)
    step.narrow(wanted)
    step.update(changes.values(), sorted(gone - changes.keys()))
    whole.narrow(wanted)
    known = {thing[0]: thing for thing in before if thing[0] not in gone}
    whole.take({**known, **changes}.values())
    assert names(step) == names(whole)
    assert step.things == whole.things
    assert [step.index_of(name) for name in names(step)] == list(range(len(step)))


def test_rows_are_in_the_order_of_their_rank_then_of_their_names() -> None:
    listed = rows()
    listed.take([("b", 1), ("a", 2), ("c", 1)])
    assert names(listed) == ["b", "c", "a"]
    listed.update([("a", 0)], ["b"])
    assert names(listed) == ["a", "c"]
    assert listed.get("b") is None
    assert listed.index_of("b") is None


def test_what_is_not_wanted_is_known_but_has_no_row() -> None:
    listed = rows()
    listed.take([("a", 1), ("b", 2)])
    listed.narrow(odd)
    assert (names(listed), listed.index_of("b"), listed.get("b")) == (["a"], None, ("b", 2))
