"""From a plan to its verdict through the real app: look, choose, decide, watch, go on, undo."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from console.dialogs.decide import Decide
from console.keymap import KEYMAP, WORLD_CHANGING
from console.screens.plan_preview import PlanPreviewScreen
from console.screens.run import RunScreen
from console.widgets.difference_view import DifferenceView
from console.widgets.record_list import RecordList
from engine.errors import GuardRefused
from engine.notices import Notice
from engine.reconcile.deciding.planfile import read
from engine.reconcile.history import Digest, PlanState, RunId, TargetRun
from tests.console.scripted import open_thing, scripted_console
from tests.console.settling import settled, until
from tests.console.workbench import SIZES, press, rows_of, said, screen_text, write
from tests.doubles.engine import ScriptedEngine
from tests.doubles.plans import NOW, large_plan, refused_plan, sample_plan


def engine_with(*plans: object) -> tuple[ScriptedEngine, list[Digest]]:
    """Return an engine that keeps these plans, and their digests."""
    engine = ScriptedEngine()
    return engine, [engine.reconciler.add(one) for one in plans]  # type: ignore[arg-type]


def tree(pilot: Pilot[None]) -> DifferenceView:
    return pilot.app.screen.query_one(DifferenceView)


def asked(engine: ScriptedEngine, name: str) -> list[tuple[object, ...]]:
    """Return what was asked of the reconciler under a name."""
    return [one[1:] for one in engine.reconciler.asked if one[0] == name]


async def go_to(pilot: Pilot[None], text: str) -> None:
    """Put the cursor on the first line that holds a text."""
    lines = rows_of(tree(pilot))
    tree(pilot).go_to(next(number for number, line in enumerate(lines) if text in line))
    await settled(pilot)


# -- the preview --


@pytest.mark.parametrize("size", SIZES)
async def test_a_plan_shows_everything_it_would_do_and_why(size: tuple[int, int]) -> None:
    engine, (digest,) = engine_with(sample_plan())
    async with scripted_console(engine, size) as pilot:
        await open_thing(pilot, "plan", digest)
        text = screen_text(pilot)
        for words in (
            "engineering",
            "512 records",
            "Removals 2",
            "cy.wu@acme.example",
            "no longer in people",
            "Guards",
        ):
            assert words in text
        assert all(len(line) <= size[0] for line in text.splitlines())


@pytest.mark.parametrize("size", SIZES)
async def test_a_refused_plan_says_so_on_top_and_cannot_be_applied(size: tuple[int, int]) -> None:
    engine, (digest,) = engine_with(refused_plan())
    async with scripted_console(engine, size) as pilot:
        await open_thing(pilot, "plan", digest)
        assert "at most 20 % may go in one plan" in " ".join(screen_text(pilot).split())
        await press(pilot, "A")
        assert "cannot be applied now" in screen_text(pilot)
        await press(pilot, "y", "escape")
        assert asked(engine, "apply") == []


async def test_items_are_taken_out_in_the_tree_and_only_the_rest_is_applied() -> None:
    engine, (digest,) = engine_with(sample_plan())
    async with scripted_console(engine) as pilot:
        await open_thing(pilot, "plan", digest)
        await go_to(pilot, "cy.wu")
        await press(pilot, "space")
        assert "1 left out" in screen_text(pilot)
        await press(pilot, "A")
        assert "1 change of the plan left out" in screen_text(pilot)
        ((parent, chosen),) = asked(engine, "select")
        assert parent == digest
        assert isinstance(chosen, tuple)
        assert "wiki/remove/cy.wu@acme.example" not in chosen
        assert len(chosen) == 7
        await press(pilot, "y")
        ((applied, confirmed),) = asked(engine, "apply")
        assert applied != digest
        assert confirmed is True


async def test_star_and_i_act_on_what_the_filter_shows() -> None:
    engine, (digest,) = engine_with(sample_plan())
    async with scripted_console(engine) as pilot:
        await open_thing(pilot, "plan", digest)
        await press(pilot, "slash")
        await write(pilot, "op:-")
        await press(pilot, "enter")
        await until(pilot, lambda: "3 match" in screen_text(pilot))
        await press(pilot, "asterisk")
        assert "3 left out" in screen_text(pilot)
        await press(pilot, "escape")
        await until(pilot, lambda: "match" not in screen_text(pilot))
        await press(pilot, "i")
        assert "5 left out" in screen_text(pilot)


async def test_enter_unfolds_an_item_and_left_folds_it_and_then_its_group() -> None:
    engine, (digest,) = engine_with(sample_plan())
    async with scripted_console(engine) as pilot:
        await open_thing(pilot, "plan", digest)
        await go_to(pilot, "ann.lee")
        await press(pilot, "enter")
        assert any("Junior Engineer → Senior Engineer" in line and "role" in line for line in rows_of(tree(pilot)))
        height = len(tree(pilot).rows)
        await press(pilot, "left")
        assert len(tree(pilot).rows) == height - 2
        await press(pilot, "left", "left")
        assert len(tree(pilot).rows) == height - 3


async def test_the_detail_says_the_why_of_a_line() -> None:
    engine, (digest,) = engine_with(sample_plan())
    async with scripted_console(engine) as pilot:
        await open_thing(pilot, "plan", digest)
        await go_to(pilot, "ann.lee")
        await press(pilot, "d")
        text = screen_text(pilot)
        assert "update at wiki" in text
        assert "people says otherwise" in text


async def test_a_hundred_thousand_changes_unfold_and_scroll() -> None:
    engine, (digest,) = engine_with(large_plan(100_000))
    async with scripted_console(engine) as pilot:
        await open_thing(pilot, "plan", digest)
        await until(pilot, lambda: "100,000 changes" in screen_text(pilot))
        await press(pilot, "e", "G")
        assert len(tree(pilot).rows) == 100_017
        assert "▸       [x]" in screen_text(pilot)
        await press(pilot, "asterisk")
        assert "100,000 left out" in screen_text(pilot)


async def test_a_plan_is_compared_with_the_one_before() -> None:
    earlier = refused_plan(created_at=NOW - timedelta(hours=3))
    engine, (_, digest) = engine_with(earlier, sample_plan())
    async with scripted_console(engine) as pilot:
        await open_thing(pilot, "plan", digest)
        await press(pilot, "c")
        await until(pilot, lambda: "8 new" in screen_text(pilot))
        assert "40 gone" in screen_text(pilot)
        await press(pilot, "escape")
        assert isinstance(pilot.app.screen, PlanPreviewScreen)


async def test_a_plan_is_written_to_a_file_that_the_command_reads(tmp_path: Path) -> None:
    engine, (digest,) = engine_with(sample_plan())
    file = tmp_path / "eng.plan"
    async with scripted_console(engine) as pilot:
        await open_thing(pilot, "plan", digest)
        await press(pilot, "w")
        pilot.app.screen.query_one("#text", Input).value = str(file)
        await press(pilot, "enter")
        await until(pilot, lambda: f"Plan written to {file}" in said(pilot))
    with file.open("rb") as stream:
        assert read(stream)[1] == sample_plan()


# -- decisions --


async def test_cancel_has_the_focus_and_the_key_that_asks_does_not_decide() -> None:
    engine, (digest,) = engine_with(sample_plan())
    async with scripted_console(engine) as pilot:
        await open_thing(pilot, "plan", digest)
        await press(pilot, "A")
        assert pilot.app.focused is not None
        assert pilot.app.focused.id == "least"
        await press(pilot, "A", "enter")
        assert isinstance(pilot.app.screen, PlanPreviewScreen)
        assert asked(engine, "apply") == []


@pytest.mark.parametrize("size", SIZES)
async def test_many_removals_ask_for_the_target_s_name(size: tuple[int, int]) -> None:
    engine, (digest,) = engine_with(sample_plan())
    engine.reconciler.confirm_word = "wiki"
    async with scripted_console(engine, size) as pilot:
        await open_thing(pilot, "plan", digest)
        await press(pilot, "A", "y")
        assert "Type wiki exactly" in screen_text(pilot)
        await write(pilot, "wik")
        await press(pilot, "enter")
        assert asked(engine, "apply") == []
        await write(pilot, "i")
        await press(pilot, "enter")
        assert asked(engine, "apply") == [(digest, True)]


async def test_approval_comes_before_apply_and_keeps_its_comment() -> None:
    engine, (digest,) = engine_with(sample_plan())
    engine.reconciler.approval_required = True
    async with scripted_console(engine) as pilot:
        await open_thing(pilot, "plan", digest)
        await press(pilot, "A", "tab")
        pilot.app.screen.query_one("#comment", Input).value = "talked to HR"
        await press(pilot, "escape", "A")
        pilot.app.screen.query_one("#comment", Input).value = "talked to HR"
        await press(pilot, "y")
        assert asked(engine, "approve") == [("talked to HR", ())]
        await until(pilot, lambda: "“talked to HR”" in screen_text(pilot))
        await press(pilot, "A")
        assert "Apply engineering" in screen_text(pilot)


async def test_a_rejection_ends_a_plan() -> None:
    engine, (digest,) = engine_with(sample_plan())
    async with scripted_console(engine) as pilot:
        await open_thing(pilot, "plan", digest)
        await press(pilot, "X", "y")
        await until(pilot, lambda: "rejected" in screen_text(pilot))
        await press(pilot, "A")
        assert not isinstance(pilot.app.screen, Decide)
        assert "nothing can be decided about it any more" in said(pilot)


async def test_an_override_needs_a_reason_and_the_number_typed() -> None:
    engine, (digest,) = engine_with(refused_plan())
    async with scripted_console(engine) as pilot:
        await open_thing(pilot, "plan", digest)
        await press(pilot, "O", "shift+tab", "y")
        assert "Say why first" in screen_text(pilot)
        await write(pilot, "the office moved")
        await press(pilot, "enter")
        await write(pilot, "remove 40 list")
        await press(pilot, "enter")
        assert asked(engine, "approve") == [("the office moved", ("max_removal_percent",))]
        assert (await engine.reconciler.load(digest)).state is PlanState.APPROVED


async def test_a_console_that_may_only_look_decides_nothing() -> None:
    engine, (digest,) = engine_with(sample_plan())
    async with scripted_console(engine, read_only=True) as pilot:
        await open_thing(pilot, "plan", digest)
        await press(pilot, "A", "X", "O")
        assert isinstance(pilot.app.screen, PlanPreviewScreen)
        assert "may only look" in said(pilot)


def test_only_capitals_change_the_world() -> None:
    changing = {key.keys for keys in KEYMAP.values() for key in keys if key.changes}
    assert changing <= WORLD_CHANGING


# -- runs --


@pytest.mark.parametrize("size", SIZES)
async def test_a_run_is_followed_from_its_plan_to_its_verdict(size: tuple[int, int]) -> None:
    engine, (digest,) = engine_with(sample_plan())
    async with scripted_console(engine, size) as pilot:
        await open_thing(pilot, "plan", digest)
        await press(pilot, "A", "y")
        assert isinstance(pilot.app.screen, RunScreen)
        await until(pilot, lambda: "✓ verified" in screen_text(pilot))
        text = screen_text(pilot)
        assert "Read back: as planned." in text
        assert "not planned by anybody: zoe@acme.example" in text
        assert "8 done" in text
        assert "robert" not in text
        assert "bob.ray@acme.example" in text


async def test_progress_is_shown_for_each_target_with_what_is_under_way() -> None:
    engine, (digest,) = engine_with(sample_plan())
    async with scripted_console(engine) as pilot:
        await pilot.app.ask(lambda opened: opened.reconcile.apply(digest))  # type: ignore[attr-defined]
        await open_thing(pilot, "run", "1")
        screen = pilot.app.screen
        assert isinstance(screen, RunScreen)
        wiki = TargetRun(
            run=RunId(1), target="wiki", total=100, finished=61, failed=2, per_second=12.0,
            left=timedelta(seconds=8), batch="service asks to wait 12 s",
        )  # fmt: skip
        engine.notices.publish(Notice(topic="run.progress", subject="1", detail=wiki))
        await until(pilot, lambda: "61 of 100" in screen_text(pilot))
        text = screen_text(pilot)
        for words in ("61%", "2 not done", "12/s", "8 s left", "service asks to wait 12 s"):
            assert words in text


async def test_what_failed_stands_alone_with_its_reason_and_one_key_goes_on() -> None:
    engine, (digest,) = engine_with(sample_plan())
    async with scripted_console(engine) as pilot:
        await pilot.app.ask(lambda opened: opened.reconcile.apply(digest))  # type: ignore[attr-defined]
        engine.reconciler.finish(RunId(1), failed={2: "The service knows nobody called O'Brien (404)."})
        await open_thing(pilot, "run", "1")
        rows = rows_of(pilot.app.screen.query_one("#items", RecordList))
        assert len(rows) == 1
        assert "The service knows nobody" in rows[0]
        await press(pilot, "F", "y")
        assert asked(engine, "resume") == [(1,)]
        await until(pilot, lambda: "8 done" in screen_text(pilot))


async def test_undo_opens_the_inverse_plan_in_the_same_preview() -> None:
    engine, (digest,) = engine_with(sample_plan())
    async with scripted_console(engine) as pilot:
        await pilot.app.ask(lambda opened: opened.reconcile.apply(digest))  # type: ignore[attr-defined]
        await press(pilot, "5")
        assert "8 done" in screen_text(pilot)
        await press(pilot, "U")
        assert isinstance(pilot.app.screen, PlanPreviewScreen)
        assert "undoes run 1" in screen_text(pilot)


async def test_a_run_that_did_not_begin_says_so_and_why() -> None:
    engine, (digest,) = engine_with(sample_plan())
    engine.reconciler.fail["apply"] = GuardRefused("The window of 24 hours is used up.")
    async with scripted_console(engine) as pilot:
        await open_thing(pilot, "plan", digest)
        await press(pilot, "A", "y")
        await until(pilot, lambda: "The window of 24 hours is used up." in screen_text(pilot))
        await press(pilot, "escape")
        await until(pilot, lambda: "The run did not begin; nothing was called." in screen_text(pilot))


@pytest.mark.parametrize(("key", "words"), [("4", "No plan has been made yet."), ("5", "Nothing has run yet.")])
async def test_empty_lists_name_the_next_step(key: str, words: str) -> None:
    async with scripted_console(ScriptedEngine()) as pilot:
        await press(pilot, key)
        assert words in screen_text(pilot)


@pytest.mark.parametrize("size", SIZES)
async def test_plans_are_listed_with_state_counts_and_refusals(size: tuple[int, int]) -> None:
    engine, (digest, _) = engine_with(sample_plan(), refused_plan())
    async with scripted_console(engine, size) as pilot:
        await press(pilot, "4")
        text = screen_text(pilot)
        assert "refused by a guard" in text
        assert "-3  >1  +3  ~1" in text
        pilot.app.screen.query_one(RecordList).go_to_key(digest)
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, PlanPreviewScreen)
        assert pilot.app.screen.digest == digest
