"""The queue of conflicts and the workbench: looking, choosing, taking back, settling, reopening."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from console.dialogs.decide import Decide
from console.dialogs.edit_value import EditValue
from console.screens.conflict import ConflictScreen
from console.screens.conflicts import ConflictsScreen
from console.widgets.record_list import RecordList
from engine.errors import VersionConflict
from engine.events.merging.queue import Choice, ConflictDetail, ConflictState, Take
from engine.events.merging.values import ABSENT
from engine.notices import Notice
from engine.settings.replication import Rule
from tests.console.scripted import scripted_console
from tests.console.settling import until
from tests.console.workbench import SIZES, deck, press, rows_of, said, screen_text, write
from tests.doubles.conflicts import ACTOR, asked_about, conflict, contest, settled_by
from tests.doubles.engine import ScriptedEngine

LEFT = Choice(take=Take.CANDIDATE, candidate=0)
RIGHT = Choice(take=Take.CANDIDATE, candidate=1)
LONG = "Likes long walks.\nWrites Python."


def person(number: int, name: str, *, seq: int = 7) -> ConflictDetail:
    """Return a conflict with fields of all kinds; its id begins with its number."""
    about: dict[str, Any] = {"aggregate": f"user:{name}", "seq": seq + 10 * number}
    names = Rule(use="prefer_origin", name="HR owns names", prefer=("hr",))
    return conflict(
        f"{number}1b2c3d4e5f{seq:x}",
        f"user:{name}",
        asked_about(contest(("age",), 30, ("hamburg", 31), ("berlin", 32), **about)),
        asked_about(contest(("bio",), LONG, ("hamburg", LONG + "\nReads."), ("berlin", "Nothing."), **about)),
        asked_about(
            contest(("groups",), ["eng"], ("hamburg", ["eng", "leads"]), ("berlin", ["eng", "oncall"]), **about)
        ),
        asked_about(contest(("manager",), "a", ("hamburg", "b"), ("berlin", "c"), ("oslo", "d"), **about)),
        asked_about(contest(("title",), "Engineer I", ("hamburg", "Engineer II"), ("berlin", ABSENT), **about)),
        settled_by(contest(("name",), "Ann", ("hr", "Anne"), ("berlin", "Annie"), **about), names, 1, "Anne"),
    )


def engine_with(*details: ConflictDetail) -> ScriptedEngine:
    engine = ScriptedEngine()
    engine.conflicts.add(*(details or (person(1, "ann"), person(2, "bob"), person(3, "cy"))))
    return engine


def asked(engine: ScriptedEngine, name: str) -> list[tuple[object, ...]]:
    return [one[1:] for one in engine.conflicts.asked if one[0] == name]


def bench(pilot: Pilot[None]) -> ConflictScreen:
    screen = pilot.app.screen_stack[-1]
    assert isinstance(screen, ConflictScreen)
    return screen


def under_cursor(pilot: Pilot[None]) -> str:
    return ".".join(pilot.app.screen.query_one("#fields", RecordList).key)  # type: ignore[arg-type]


def line_of(pilot: Pilot[None], field: str) -> str:
    rows = rows_of(pilot.app.screen.query_one("#fields", RecordList))
    return next(row for row in rows if row.startswith(field))


# -- the queue --


@pytest.mark.parametrize("size", SIZES)
async def test_the_queue_says_what_waits_where_and_since_when(size: tuple[int, int]) -> None:
    async with scripted_console(engine_with(), size) as pilot:
        await press(pilot, "7")
        text = screen_text(pilot)
        assert all(words in text for words in ("● open", "user:ann", "age", "berlin", "hamburg", "m"))
        assert "● 3 conflicts" in text.splitlines()[0]
        assert all(len(line) <= size[0] for line in text.splitlines())


async def test_an_empty_queue_says_so_and_when_something_would_appear() -> None:
    async with scripted_console(ScriptedEngine()) as pilot:
        await press(pilot, "7")
        assert "No conflict waits for anybody" in screen_text(pilot)
        await press(pilot, "A")
        assert "No conflict that waits is marked or shown." in said(pilot)


async def test_the_filter_narrows_the_queue_and_an_unknown_word_says_why() -> None:
    async with scripted_console(engine_with()) as pilot:
        await press(pilot, "7", "slash")
        await write(pilot, "aggregate:user:b")
        pilot.app.screen.query_one(Input).value = "aggregate:user:b*"
        await press(pilot, "enter")
        await until(pilot, lambda: "user:ann" not in screen_text(pilot))
        assert "user:bob" in screen_text(pilot)
        pilot.app.screen.query_one(Input).value = "feild:title"
        await until(pilot, lambda: "did you mean field:" in screen_text(pilot))
        await press(pilot, "escape")
        await until(pilot, lambda: "user:ann" in screen_text(pilot))


async def test_states_are_shown_in_turn() -> None:
    engine = engine_with()
    async with scripted_console(engine) as pilot:
        await press(pilot, "7", "enter", "H", "A", "y", "escape", "s")
        rows = rows_of(pilot.app.screen.query_one("#conflicts", RecordList))
        assert len(rows) == 1
        assert "✓ settled" in rows[0]
        assert f"by {ACTOR}" in rows[0]
        await press(pilot, "s")
        assert len(rows_of(pilot.app.screen.query_one("#conflicts", RecordList))) == 3


async def test_claiming_tells_everybody_and_a_second_time_takes_it_back() -> None:
    engine = engine_with()
    async with scripted_console(engine) as pilot:
        await press(pilot, "7", "c")
        assert "◐ claimed" in screen_text(pilot)
        await press(pilot, "c")
        assert "◐ claimed" not in screen_text(pilot)
        assert len(asked(engine, "claim")) == len(asked(engine, "release")) == 1


async def test_a_console_that_may_only_look_claims_and_settles_nothing() -> None:
    engine = engine_with()
    async with scripted_console(engine, read_only=True) as pilot:
        await press(pilot, "7", "c", "A", "enter", "l", "A")
        assert said(pilot).count("may only look") == 3
        assert not asked(engine, "claim")
        assert not asked(engine, "resolve")


async def test_marks_and_place_survive_news() -> None:
    engine = engine_with()
    async with scripted_console(engine) as pilot:
        await press(pilot, "7", "space")
        records = pilot.app.screen.query_one("#conflicts", RecordList)
        before, marked = records.key, set(records.marked)

        async def arrive(_: object) -> None:
            engine.conflicts.add(person(4, "dee"))
            engine.notices.publish(Notice(topic="conflict.opened", subject="4"))

        await deck(pilot).ask(arrive)
        await until(pilot, lambda: len(rows_of(records)) == 4)
        assert records.key == before
        assert records.marked == marked


# -- the workbench --


@pytest.mark.parametrize("size", [*SIZES, (40, 12), (200, 60)])
async def test_the_workbench_shows_base_sides_result_and_who_wrote_what(size: tuple[int, int]) -> None:
    async with scripted_console(engine_with(), size) as pilot:
        await press(pilot, "7", "enter")
        text = screen_text(pilot)
        assert all(words in text for words in ("FIELD", "LEFT", "RIGHT", "RESULT", "? undec"))
        assert all(len(line) <= size[0] for line in text.splitlines())


async def test_a_field_in_full_says_who_when_where_and_which_rule() -> None:
    async with scripted_console(engine_with()) as pilot:
        await press(pilot, "7", "enter")
        text = screen_text(pilot)
        assert "someone@hamburg · hamburg" in text
        assert "user.edited" in text
        assert "no rule matches: an operator decides" in text


async def test_a_wide_terminal_shows_the_history_beside() -> None:
    async with scripted_console(engine_with(), (200, 50)) as pilot:
        await press(pilot, "7", "enter")
        assert "history  newest first" in screen_text(pilot)
        assert "user.created" in screen_text(pilot)


async def test_a_choice_goes_into_the_result_and_the_cursor_to_the_next_undecided_field() -> None:
    async with scripted_console(engine_with()) as pilot:
        await press(pilot, "7", "enter", "l")
        assert line_of(pilot, "age").endswith("▶ 32")
        assert under_cursor(pilot) == "bio"
        await press(pilot, "left", "b", "o")
        assert line_of(pilot, "groups").endswith("◆ [eng, leads, oncal…") or "◆ [eng, leads" in line_of(pilot, "groups")
        assert line_of(pilot, "manager").endswith("= a")
        await press(pilot, "x")
        assert line_of(pilot, "title").endswith("✗ removed")
        assert "5 of 5 decided" in screen_text(pilot)


async def test_both_is_refused_with_the_reason_where_it_makes_no_sense() -> None:
    engine = engine_with()
    async with scripted_console(engine) as pilot:
        await press(pilot, "7", "enter", "b")
        assert line_of(pilot, "age").endswith("? undecided")
        assert "Each side holds a number" in said(pilot)


async def test_choices_are_taken_back_and_made_again_with_the_cursor_on_their_field() -> None:
    async with scripted_console(engine_with()) as pilot:
        await press(pilot, "7", "enter", "l", "h", "u")
        assert under_cursor(pilot) == "bio"
        assert line_of(pilot, "bio").endswith("? undecided")
        assert line_of(pilot, "age").endswith("▶ 32")
        await press(pilot, "ctrl+r", "k", "k", "r")
        assert line_of(pilot, "age").endswith("? undecided")
        assert "◀" in line_of(pilot, "bio")


async def test_a_whole_side_is_taken_at_once_and_taken_back_at_once() -> None:
    async with scripted_console(engine_with()) as pilot:
        await press(pilot, "7", "enter", "L")
        assert "5 of 5 decided" in screen_text(pilot)
        await press(pilot, "u")
        assert "0 of 5 decided" in screen_text(pilot)


async def test_of_three_sides_any_two_are_shown() -> None:
    async with scripted_console(engine_with()) as pilot:
        await press(pilot, "7", "enter", "j", "j", "j")
        assert under_cursor(pilot) == "manager"
        assert "3 sides" in screen_text(pilot)
        await press(pilot, "full_stop", "l")
        assert line_of(pilot, "manager").split() == ["manager", "(3)", "a", "b", "d", "▶", "d"]
        await press(pilot, "g", "full_stop")
        assert "two sides only" in said(pilot)


async def test_what_rules_settled_is_folded_until_it_is_asked_for_and_cannot_be_chosen() -> None:
    async with scripted_console(engine_with()) as pilot:
        await press(pilot, "7", "enter")
        assert "1 field settled by rules · a shows them" in screen_text(pilot)
        await press(pilot, "a", "G", "h")
        assert under_cursor(pilot) == "name"
        assert line_of(pilot, "name").endswith("· Anne")
        assert "rule 1 “HR owns names” → prefer_origin: Anne" in screen_text(pilot)
        assert "A rule settles this field" in said(pilot)


async def test_a_number_is_edited_as_json_and_a_text_as_text() -> None:
    engine = engine_with()
    async with scripted_console(engine) as pilot:
        await press(pilot, "7", "enter", "e")
        field = pilot.app.screen.query_one("#value", Input)
        assert field.value == "32"
        field.value = "thirty"
        await press(pilot, "enter")
        assert "This is no JSON" in screen_text(pilot)
        field.value = "null"
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, EditValue)
        field.value = "33"
        await press(pilot, "enter")
        assert line_of(pilot, "age").endswith("✎ 33")
        await press(pilot, "e")
        area = pilot.app.screen.query_one("#value", TextArea)
        area.text = "5\n6"
        await press(pilot, "ctrl+o")
        assert bench(pilot).staging.choices("user:ann", [row.contest for row in bench(pilot).rows]) == {
            ("age",): Choice(take=Take.VALUE, value=33),
            ("bio",): Choice(take=Take.VALUE, value="5\n6"),
        }


async def test_text_and_json_are_two_ways_to_read_the_same_characters() -> None:
    async with scripted_console(engine_with()) as pilot:
        await press(pilot, "7", "enter", "j", "j", "j", "j", "h", "k", "j", "e")
        field = pilot.app.screen.query_one("#value", Input)
        assert field.value == "Engineer II"
        await press(pilot, "ctrl+t")
        assert field.value == '"Engineer II"'
        field.value = '{"level": 2}'
        await press(pilot, "enter")
        assert line_of(pilot, "title").endswith("✎ {level: 2}")


# -- settling --


async def test_nothing_is_written_before_everything_was_shown_and_agreed_to() -> None:
    engine = engine_with()
    async with scripted_console(engine) as pilot:
        await press(pilot, "7", "enter", "A")
        assert "Nothing is decided yet" in said(pilot)
        await press(pilot, "l", "A")
        assert isinstance(pilot.app.screen, Decide)
        text = screen_text(pilot)
        assert "30 → 32" in text
        assert "Still undecided, and left open: bio, groups, manager, title." in " ".join(text.split())
        assert pilot.app.focused is not None
        assert pilot.app.focused.id == "least"
        await press(pilot, "A", "enter")
        assert asked(engine, "resolve") == []


async def test_settling_writes_the_choices_with_the_comment_and_goes_on_to_the_next_conflict() -> None:
    engine = engine_with(person(1, "ann"), person(2, "bob"))
    async with scripted_console(engine) as pilot:
        await press(pilot, "7", "enter")
        first = bench(pilot).wanted
        await press(pilot, "H", "A")
        pilot.app.screen.query_one("#comment", Input).value = "asked HR"
        await press(pilot, "y")
        ((name, choices, comment),) = asked(engine, "resolve")
        assert (name, comment) == (first, "asked HR")
        assert choices == {(field,): LEFT for field in ("age", "bio", "groups", "manager", "title")}
        assert bench(pilot).wanted != first
        assert "0 of 5 decided" in screen_text(pilot)
        await press(pilot, "L", "A", "y")
        assert "No further undecided conflict" in said(pilot)
        assert "✓ settled" in screen_text(pilot)


async def test_next_and_previous_lead_through_undecided_fields_of_all_conflicts() -> None:
    async with scripted_console(engine_with(person(1, "ann"), person(2, "bob"))) as pilot:
        await press(pilot, "7", "enter")
        first = bench(pilot).wanted
        await press(pilot, "n", "n", "n", "n", "n")
        assert bench(pilot).wanted != first
        await press(pilot, "p")
        assert bench(pilot).wanted == first
        await press(pilot, "H", "n", "p")
        assert "No further undecided conflict" in said(pilot)


async def test_choices_survive_leaving_and_coming_back() -> None:
    async with scripted_console(engine_with()) as pilot:
        await press(pilot, "7", "enter", "l", "escape")
        assert "✎1 not written" in screen_text(pilot)
        assert "✎1" in rows_of(pilot.app.screen.query_one("#conflicts", RecordList))[0]
        await press(pilot, "1", "7", "enter")
        assert line_of(pilot, "age").endswith("▶ 32")


async def test_when_a_side_moves_on_only_what_was_decided_about_the_same_sides_stands() -> None:
    engine = engine_with(person(1, "ann"))
    async with scripted_console(engine) as pilot:
        await press(pilot, "7", "enter", "l", "h")
        (old,) = engine.conflicts.details
        before = engine.conflicts.details[old]
        moved = asked_about(contest(("age",), 30, ("hamburg", 31), ("berlin", 40), aggregate="user:ann", seq=99))
        newer = conflict("9f9f9f9f9f9f", "user:ann", moved, *before.view.verdicts[1:])

        async def move_on(_: object) -> None:
            engine.conflicts.move_on(old, newer)

        await deck(pilot).ask(move_on)
        await until(pilot, lambda: bench(pilot).wanted == "9f9f9f9f9f9f")
        assert line_of(pilot, "age").endswith("⟳ changed since")
        assert "◀" in line_of(pilot, "bio")
        assert "Somebody changed it meanwhile" in screen_text(pilot)
        assert under_cursor(pilot) == "groups"


async def test_a_conflict_that_moved_on_while_the_question_stood_is_not_settled() -> None:
    engine = engine_with(person(1, "ann"))
    (name,) = engine.conflicts.details
    engine.conflicts.fail[name] = VersionConflict("The conflict does not stand any more.")
    async with scripted_console(engine) as pilot:
        await press(pilot, "7", "enter", "H", "A", "y")
        assert "does not stand any more" in said(pilot)
        assert engine.conflicts.details[name].summary.state is ConflictState.OPEN
        assert "5 of 5 decided" in screen_text(pilot)


async def test_a_settled_conflict_shows_what_was_decided_and_is_reopened_after_a_question() -> None:
    engine = engine_with(person(1, "ann"))
    async with scripted_console(engine) as pilot:
        await press(pilot, "7", "enter", "H", "A", "y")
        assert line_of(pilot, "age").endswith("✓ 31")
        await press(pilot, "l")
        assert "nothing can be chosen" in said(pilot)
        await press(pilot, "U")
        assert "Reopen user:ann?" in screen_text(pilot)
        assert asked(engine, "undo") == []
        await press(pilot, "y")
        assert len(asked(engine, "undo")) == 1
        assert line_of(pilot, "age").endswith("? undecided")


async def test_what_the_cursor_is_on_is_copied_in_full_and_as_a_command() -> None:
    async with scripted_console(engine_with(person(1, "ann"))) as pilot:
        await press(pilot, "7")
        screen = pilot.app.screen
        assert isinstance(screen, ConflictsScreen)
        assert screen.command().startswith("syncdeck conflicts show 1b2c3d") or screen.command().startswith(
            "syncdeck conflicts show 11b2c3d"
        )
        await press(pilot, "enter")
        assert "no rule matches" in bench(pilot).copied()
