"""From two people's concurrent edits to one state on both nodes, through the real app over the real engine."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from console.dialogs.save_changes import SaveChanges
from console.screens.conflict import ConflictScreen
from console.screens.rule import RuleScreen
from console.widgets.record_list import RecordList
from engine.assembly import Engine
from engine.events.merging.queue import Choice, Take
from tests.console.nodes import concurrent, edit, exchange, exchanged
from tests.console.settling import settled, until
from tests.console.workbench import SIZES, console, deck, opening, press, rows_of, said, screen_text

DESK = """\
# the desk
syncdeck: 1
node: desk

conflicts:
  rules:
    # from a meeting
    - {name: visits add up, when: {field: visits}, use: keep_both}
"""
HAMBURG = "syncdeck: 1\nnode: hamburg\n"
START = {"title": "Engineer I", "groups": ["eng"], "visits": 1}
PEOPLE = {
    "ann": (
        START,
        {"title": "Engineer II", "groups": ["eng", "leads"], "visits": 2},
        {"title": "Staff Engineer", "groups": ["eng", "oncall"], "visits": 3},
    ),
    "bob": (START, {"title": "Engineer II"}, {"title": None}),
    "cy": (START, {"title": "Manager"}, {"title": "Director"}),
    "dee": (START, {"visits": 3}, {"visits": 2}),
}


@pytest.fixture
async def files(tmp_path: Path) -> tuple[Path, Path]:
    """Return the settings files of two nodes whose people were edited on both at once."""
    found = []
    for node, settings in (("desk", DESK), ("hamburg", HAMBURG)):
        (tmp_path / node).mkdir()
        found.append(tmp_path / node / "syncdeck.yaml")
        found[-1].write_text(settings)
    desk, hamburg = found
    await concurrent(desk, hamburg, PEOPLE)
    return desk, hamburg


def bench(pilot: Pilot[None]) -> ConflictScreen:
    screen = pilot.app.screen_stack[-1]
    assert isinstance(screen, ConflictScreen)
    return screen


def in_front(pilot: Pilot[None], kind: type[object]) -> bool:
    return isinstance(pilot.app.screen, kind)


def fields(pilot: Pilot[None]) -> list[str]:
    return rows_of(pilot.app.screen.query_one("#fields", RecordList))


async def open_conflict(pilot: Pilot[None], aggregate: str) -> None:
    """Open the conflict of an aggregate from the queue."""
    await press(pilot, "7", "slash")
    pilot.app.screen.query_one(Input).value = f"aggregate:{aggregate}"
    await press(pilot, "enter")
    await until(pilot, lambda: len(rows_of(pilot.app.screen.query_one("#conflicts", RecordList))) == 1)
    await press(pilot, "enter")


async def state_of(file: Path, aggregate: str) -> object:
    async with opening(file) as engine:
        return (await engine.conflicts.view(aggregate)).value


@pytest.mark.parametrize("size", SIZES)
async def test_from_the_queue_to_one_state_on_both_nodes(files: tuple[Path, Path], size: tuple[int, int]) -> None:
    desk, hamburg = files
    async with console(desk, size) as pilot:
        await open_conflict(pilot, "user:ann")
        assert "● 3 conflicts" in screen_text(pilot).splitlines()[0]
        assert "1 field settled by rules" in screen_text(pilot)
        assert "someone@hamburg · hamburg" in screen_text(pilot)
        await press(pilot, "b", "l")
        assert [line.split()[0] for line in fields(pilot)[:2]] == ["groups", "title"]
        assert "◆ " in fields(pilot)[0]
        assert "▶ " in fields(pilot)[1]
        await press(pilot, "A")
        pilot.app.screen.query_one("#comment", Input).value = "she was promoted"
        await press(pilot, "y")
        assert "Settled user:ann" in said(pilot)
        await until(pilot, lambda: "● 2 conflicts" in screen_text(pilot).splitlines()[0])
    await exchanged(desk, hamburg)
    wanted = {"title": "Staff Engineer", "groups": ["eng", "leads", "oncall"]}
    for file in files:
        state = await state_of(file, "user:ann")
        assert isinstance(state, dict)
        assert wanted.items() <= state.items()


async def test_a_field_left_undecided_stays_open_and_is_shown_next(files: tuple[Path, Path]) -> None:
    async with console(files[0]) as pilot:
        await open_conflict(pilot, "user:ann")
        await press(pilot, "h", "A", "y")
        assert "Settled in part" in said(pilot)
        assert [line.split()[0] for line in fields(pilot)[:1]] == ["title"]
        assert "0 of 1 decided" in screen_text(pilot)


async def test_what_was_settled_is_reopened_and_waits_again_as_it_did(files: tuple[Path, Path]) -> None:
    desk, hamburg = files
    async with console(desk) as pilot:
        await open_conflict(pilot, "user:bob")
        await press(pilot, "l", "A", "y", "escape", "s")
        await until(pilot, lambda: "✓ settled" in screen_text(pilot))
        await press(pilot, "enter")
        assert "✓ " in fields(pilot)[0]
        await press(pilot, "U", "y")
        await until(pilot, lambda: "● open" in screen_text(pilot))
        assert fields(pilot)[0].endswith("? undecided")
    await exchanged(desk, hamburg)
    async with opening(hamburg) as engine:
        assert [each.aggregate_id for each in await engine.conflicts.queue(aggregate="user:bob")] == ["user:bob"]


async def test_what_only_rules_decide_is_among_the_settled_and_says_which_rule(files: tuple[Path, Path]) -> None:
    async with console(files[0]) as pilot:
        await press(pilot, "7", "s")
        await until(pilot, lambda: "by rules" in screen_text(pilot))
        await press(pilot, "enter")
        assert "rule 1 “visits add up” → keep_both: 4" in screen_text(pilot)
        assert fields(pilot)[-1].endswith("· 4")
        await press(pilot, "R", "U")
        assert "Rules settle this conflict" in said(pilot)


async def test_a_side_that_moves_on_meanwhile_is_seen_in_place(files: tuple[Path, Path]) -> None:
    desk, hamburg = files

    async def arrive(engine: Engine) -> None:
        """Somebody in Hamburg saw both titles and wrote a third; his node and this one exchange."""
        async with opening(hamburg) as other:
            await edit(other, "user:ann", {"title": "Principal"})
            await exchange(engine, other)

    async with console(desk) as pilot:
        await open_conflict(pilot, "user:ann")
        await press(pilot, "h", "l")
        assert len(fields(pilot)) == 3
        await deck(pilot).ask(arrive)
        await until(pilot, lambda: "Somebody changed it meanwhile" in screen_text(pilot))
        assert "◀ " in fields(pilot)[0]
        assert len(fields(pilot)) == 2
        await press(pilot, "A", "y")
        assert "Settled user:ann" in said(pilot)
    await exchanged(desk, hamburg)
    state = await state_of(hamburg, "user:ann")
    assert isinstance(state, dict)
    assert (state["title"], state["groups"]) == ("Principal", ["eng", "leads"])


async def test_what_somebody_else_settled_meanwhile_is_shown_as_settled(files: tuple[Path, Path]) -> None:
    desk, hamburg = files

    async def settle(engine: Engine) -> None:
        """Somebody in Hamburg decides; his node and this one exchange."""
        async with opening(hamburg) as other:
            (summary,) = await other.conflicts.queue(aggregate="user:cy")
            await other.conflicts.resolve(summary.id, {("title",): Choice(take=Take.VALUE, value="Partner")})
            await exchange(engine, other)

    async with console(desk) as pilot:
        await open_conflict(pilot, "user:cy")
        await press(pilot, "l")
        await deck(pilot).ask(settle)
        await until(pilot, lambda: "ann@desk settled it meanwhile" in screen_text(pilot))
        assert fields(pilot)[0].endswith("✓ Partner")
        await press(pilot, "escape")
        assert "not written" not in screen_text(pilot)


async def test_many_are_settled_alike_after_their_number_was_read(files: tuple[Path, Path]) -> None:
    desk, hamburg = files
    async with console(desk) as pilot:
        await press(pilot, "7", "A")
        await press(pilot, "A")
        assert "Choose first what is taken everywhere" in said(pilot)
        await press(pilot, "t", "A")
        assert "Settle 3 conflicts at once?" in screen_text(pilot)
        await press(pilot, "y")
        await until(pilot, lambda: "✓ 3 settled" in screen_text(pilot))
        await press(pilot, "escape")
        await until(pilot, lambda: "No conflict waits for anybody" in screen_text(pilot))
    await exchanged(desk, hamburg)
    assert await state_of(hamburg, "user:cy") == {**START, "title": "Director"}


async def test_a_decision_becomes_a_rule_that_was_tried_on_the_past_and_keeps_the_file_s_comments(
    files: tuple[Path, Path],
) -> None:
    desk, _ = files
    before = desk.read_text()
    async with console(desk) as pilot:
        await open_conflict(pilot, "user:cy")
        await press(pilot, "l", "A", "y")
        await press(pilot, "escape", "escape")
        await open_conflict(pilot, "user:ann")
        await press(pilot, "j", "l", "u", "m")
        assert in_front(pilot, RuleScreen)
        await until(pilot, lambda: "as people decided" in screen_text(pilot))
        await press(pilot, "S")
        assert in_front(pilot, SaveChanges)
        assert desk.read_text() == before
        await press(pilot, "y")
        await settled(pilot)
        assert "Saved title by rule." in said(pilot)
        assert in_front(pilot, ConflictScreen)
        await until(
            pilot, lambda: "● " not in screen_text(pilot).splitlines()[0] or "1 conflict " in screen_text(pilot)
        )
    text = desk.read_text()
    assert [line for line in text.splitlines() if line not in before.splitlines()] == [
        "    - {name: title by rule, when: {aggregate: 'user:*', field: title}, use: last_write_wins}"
    ]
    assert text.index("title by rule") < text.index("# from a meeting")
