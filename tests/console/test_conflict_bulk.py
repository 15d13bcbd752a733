"""Many conflicts at once: what is chosen, what is left out, what is asked, and what came of each."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from console.dialogs.choose import Choose
from console.dialogs.decide import Decide
from console.screens.conflict import ConflictScreen
from console.screens.conflict_bulk import ConflictBulkScreen
from console.widgets.record_list import RecordList
from engine.errors import VersionConflict
from engine.events.merging.queue import Choice, ConflictDetail, Take
from tests.console.scripted import scripted_console
from tests.console.settling import until
from tests.console.workbench import SIZES, press, rows_of, said, screen_text, write
from tests.doubles.conflicts import asked_about, conflict, contest
from tests.doubles.engine import ScriptedEngine

LEFT = Choice(take=Take.CANDIDATE, candidate=0)
RIGHT = Choice(take=Take.CANDIDATE, candidate=1)


def person(number: int) -> ConflictDetail:
    about: dict[str, Any] = {"aggregate": f"user:{number:02}", "seq": number + 1}
    return conflict(
        f"{number:012x}",
        f"user:{number:02}",
        asked_about(contest(("age",), 30, ("hamburg", 31), ("berlin", 32), **about)),
        asked_about(contest(("groups",), ["eng"], ("hamburg", ["eng", "a"]), ("berlin", ["eng", "b"]), **about)),
    )


def engine_with(number: int) -> ScriptedEngine:
    engine = ScriptedEngine()
    engine.conflicts.add(*(person(each) for each in range(number)))
    return engine


def resolved(engine: ScriptedEngine) -> list[tuple[object, ...]]:
    return [one[1:] for one in engine.conflicts.asked if one[0] == "resolve"]


def lines(pilot: Pilot[None]) -> list[str]:
    return rows_of(pilot.app.screen.query_one("#bulk-items", RecordList))


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_chosen_is_shown_for_every_conflict_before_anything_is_asked(size: tuple[int, int]) -> None:
    engine = engine_with(3)
    async with scripted_console(engine, size) as pilot:
        await press(pilot, "7", "A")
        assert "age  31 | 32" in lines(pilot)[0]
        await press(pilot, "l")
        assert "take the right side, in all fields" in screen_text(pilot)
        assert "3 conflicts, 6 fields" in screen_text(pilot)
        assert "age  30 → 32" in lines(pilot)[0]
        assert all(len(line) <= size[0] for line in screen_text(pilot).splitlines())
        assert resolved(engine) == []


async def test_nothing_is_settled_before_a_side_was_chosen_and_agreed_to() -> None:
    engine = engine_with(3)
    async with scripted_console(engine) as pilot:
        await press(pilot, "7", "A", "A")
        assert "Choose first what is taken everywhere" in said(pilot)
        await press(pilot, "h", "A", "A", "enter")
        assert isinstance(pilot.app.screen, ConflictBulkScreen)
        assert resolved(engine) == []
        await press(pilot, "A", "y")
        await until(pilot, lambda: "✓ 3 settled" in screen_text(pilot))
        assert {choices for _, choices, _ in map(_frozen, resolved(engine))} == {(("age", 0), ("groups", 0))}


def _frozen(one: tuple[object, ...]) -> tuple[object, object, object]:
    name, choices, comment = one
    assert isinstance(choices, dict)
    return name, tuple((path[0], choice.candidate) for path, choice in choices.items()), comment


async def test_more_than_ten_are_settled_only_after_their_number_was_typed() -> None:
    engine = engine_with(12)
    async with scripted_console(engine) as pilot:
        await press(pilot, "7", "A", "l", "A", "y")
        assert isinstance(pilot.app.screen, Decide)
        assert "Type 12 exactly" in screen_text(pilot)
        await write(pilot, "11")
        await press(pilot, "enter")
        assert resolved(engine) == []
        pilot.app.screen.query_one("#typed", Input).value = "12"
        await press(pilot, "enter")
        await until(pilot, lambda: "✓ 12 settled" in screen_text(pilot))
        assert len(resolved(engine)) == 12


async def test_only_the_marked_ones_are_settled_also_when_the_filter_hides_them() -> None:
    engine = engine_with(3)
    async with scripted_console(engine) as pilot:
        await press(pilot, "7", "space", "slash")
        pilot.app.screen.query_one(Input).value = "aggregate:user:02"
        await press(pilot, "enter")
        await until(pilot, lambda: "1 of 3 · 1 marked" in screen_text(pilot))
        await press(pilot, "A")
        assert [line.split()[1] for line in lines(pilot)] == ["user:00"]


async def test_a_choice_that_makes_no_sense_leaves_its_field_out_and_says_so() -> None:
    engine = engine_with(2)
    async with scripted_console(engine) as pilot:
        await press(pilot, "7", "A", "b", "slash")
        assert isinstance(pilot.app.screen, Choose)
        await write(pilot, "age")
        await press(pilot, "enter")
        assert "left out: age: Each side holds a number" in lines(pilot)[0]
        await press(pilot, "A")
        assert "This choice settles nothing here" in said(pilot)


async def test_the_side_of_a_node_is_chosen_by_its_name() -> None:
    engine = engine_with(2)
    async with scripted_console(engine) as pilot:
        await press(pilot, "7", "A", "d")
        await write(pilot, "ham")
        await press(pilot, "enter")
        assert "take the side of hamburg, in all fields" in screen_text(pilot)
        assert "age  30 → 31" in lines(pilot)[0]


async def test_what_was_decided_one_by_one_is_written_at_once() -> None:
    engine = engine_with(2)
    async with scripted_console(engine) as pilot:
        await press(pilot, "7", "enter", "L", "n", "h", "b", "escape", "A", "s", "A", "y")
        await until(pilot, lambda: "✓ 2 settled" in screen_text(pilot))
        chosen = [choices for _, choices, _ in resolved(engine)]
        assert {("age",): RIGHT, ("groups",): RIGHT} in chosen
        assert {("age",): LEFT, ("groups",): Choice(take=Take.BOTH)} in chosen
        await press(pilot, "escape")
        assert "not written" not in screen_text(pilot)


async def test_one_that_moved_on_is_told_and_the_others_are_settled() -> None:
    engine = engine_with(3)
    name = f"{1:012x}"
    engine.conflicts.fail[name] = VersionConflict("It does not stand any more.")
    async with scripted_console(engine) as pilot:
        await press(pilot, "7", "A", "l", "A", "y")
        await until(pilot, lambda: "✗ 1 not settled" in screen_text(pilot))
        assert "✓ 2 settled" in screen_text(pilot)
        assert sum("not settled: It does not stand any more." in line for line in lines(pilot)) == 1
        assert "2 settled, 1 not" in said(pilot)


async def test_one_field_alone_settles_in_part_and_keeps_what_was_decided_about_the_others() -> None:
    engine = engine_with(1)
    async with scripted_console(engine) as pilot:
        await press(pilot, "7", "enter", "j", "b", "escape", "A", "slash")
        await write(pilot, "age")
        await press(pilot, "enter", "l", "A", "y")
        await until(pilot, lambda: "1 of them in part" in screen_text(pilot))
        await press(pilot, "escape")
        assert "✎1 not written" in screen_text(pilot)


async def test_it_stops_after_the_conflict_under_way() -> None:
    engine = engine_with(3)
    gate = asyncio.Event()
    whole = engine.conflicts.resolve

    async def slowly(*args: object, **more: object) -> object:
        await gate.wait()
        return await whole(*args, **more)  # type: ignore[arg-type]

    engine.conflicts.resolve = slowly  # type: ignore[method-assign,assignment]
    async with scripted_console(engine) as pilot:
        await press(pilot, "7", "A", "l", "A")
        await pilot.press("y")
        await until(pilot, lambda: "0 of 3" in screen_text(pilot))
        await pilot.press("c")
        await until(pilot, lambda: "stopping" in screen_text(pilot))

        async def go_on(_: object) -> None:
            gate.set()

        await pilot.app.ask(go_on)  # type: ignore[attr-defined]
        await until(pilot, lambda: "stopped before 2 more" in said(pilot))
        assert len(resolved(engine)) == 1


async def test_one_of_them_is_opened_by_itself() -> None:
    async with scripted_console(engine_with(2)) as pilot:
        await press(pilot, "7", "A", "enter")
        assert isinstance(pilot.app.screen, ConflictScreen)
