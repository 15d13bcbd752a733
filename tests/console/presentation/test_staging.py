"""Choices that are not written yet: taken back, made again, and never applied to sides they were not made about."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from console.presentation.conflict_work import step_text
from console.presentation.staging import Staging
from engine.events.merging.queue import Choice, Take
from tests.doubles.conflicts import contest

LEFT = Choice(take=Take.CANDIDATE, candidate=0)
RIGHT = Choice(take=Take.CANDIDATE, candidate=1)
TITLE = contest(("title",), "a", ("hamburg", "b"), ("berlin", "c"))
NAME = contest(("name",), "a", ("hamburg", "b"), ("berlin", "c"))
ANN, BOB = "user:ann", "user:bob"


def test_a_choice_stands_until_it_is_taken_back() -> None:
    staging = Staging()
    staging.stage(ANN, [(TITLE, LEFT)])
    staging.stage(ANN, [(TITLE, RIGHT)])
    assert staging.choice(ANN, TITLE) == RIGHT
    staging.undo()
    assert staging.choice(ANN, TITLE) == LEFT
    staging.undo()
    assert staging.choice(ANN, TITLE) is None
    assert staging.undo() is None


def test_what_was_taken_back_can_be_made_again_until_something_else_is_chosen() -> None:
    staging = Staging()
    staging.stage(ANN, [(TITLE, LEFT)])
    staging.undo()
    staging.redo()
    assert staging.choice(ANN, TITLE) == LEFT
    staging.undo()
    staging.stage(ANN, [(TITLE, RIGHT)])
    assert staging.redo() is None
    assert staging.choice(ANN, TITLE) == RIGHT


def test_a_whole_side_is_one_step() -> None:
    staging = Staging()
    staging.stage(ANN, [(TITLE, LEFT), (NAME, LEFT)])
    assert staging.decided(ANN) == 2
    step = staging.undo()
    assert staging.decided(ANN) + staging.decided(BOB) == 0
    assert step is not None
    assert step_text(step, back=True) == "user:ann: title → undecided, name → undecided"


def test_a_choice_is_not_applied_to_sides_it_was_not_made_about() -> None:
    staging = Staging()
    staging.stage(ANN, [(TITLE, RIGHT), (NAME, RIGHT)])
    moved = contest(("title",), "a", ("hamburg", "b"), ("berlin", "d"), seq=8)
    assert staging.choice(ANN, moved) is None
    assert staging.changed(ANN, moved)
    assert staging.choice(ANN, NAME) == RIGHT
    assert staging.choices(ANN, [moved, NAME]) == {("name",): RIGHT}


def test_what_was_written_is_forgotten_with_its_steps_and_nothing_else() -> None:
    staging = Staging()
    staging.stage(ANN, [(TITLE, LEFT)])
    staging.stage(BOB, [(TITLE, RIGHT)])
    staging.forget(ANN)
    assert staging.decided(ANN) == 0
    assert staging.choice(BOB, TITLE) == RIGHT
    staging.undo()
    assert staging.decided(ANN) + staging.decided(BOB) == 0
    assert not staging.can_undo


def test_of_what_was_written_in_part_only_that_is_forgotten() -> None:
    staging = Staging()
    staging.stage(ANN, [(TITLE, LEFT)])
    staging.stage(ANN, [(NAME, RIGHT)])
    staging.forget(ANN, [TITLE.path])
    assert staging.choices(ANN, [TITLE, NAME]) == {NAME.path: RIGHT}
    staging.undo()
    assert staging.decided(ANN) == 0
    assert not staging.can_undo


@given(
    st.lists(
        st.tuples(st.sampled_from([ANN, BOB]), st.sampled_from([TITLE, NAME]), st.sampled_from([LEFT, RIGHT, None]))
    )
)
def test_taking_everything_back_leaves_nothing_and_making_it_again_leaves_what_was(
    acts: list[tuple[str, object, Choice | None]],
) -> None:
    staging = Staging()
    for aggregate, field, choice in acts:
        staging.stage(aggregate, [(field, choice)])  # type: ignore[list-item]
    stood = {(who, each.path): staging.choice(who, each) for who in (ANN, BOB) for each in (TITLE, NAME)}
    while staging.undo():
        assert staging.can_redo
    assert staging.decided(ANN) + staging.decided(BOB) == 0
    while staging.redo():
        assert staging.can_undo
    assert stood == {(who, each.path): staging.choice(who, each) for who in (ANN, BOB) for each in (TITLE, NAME)}
