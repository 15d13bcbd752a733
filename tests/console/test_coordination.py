"""The coordination screen: tabs, what stands in them, live changes, a backend that is gone. On a scripted coordination,
through the real app."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from console.presentation.coordination import TABS
from console.screens.coordination import PANES
from console.styles.ascii import plain
from console.widgets.record_list import RecordList
from engine.coordination.promises import Feature
from engine.coordination.scheduling.fires import Plan
from engine.coordination.standing import Ending
from engine.coordination.working.task import TaskState
from tests.console.coordinating import lines, pane, place, words
from tests.console.scripted import scripted_console
from tests.console.settling import settled, until
from tests.console.workbench import SIZES, deck, press, rows_of, said, screen_text, write
from tests.doubles.coordination_wire import FAULT, who
from tests.doubles.engine import ScriptedEngine

at_both_sizes = pytest.mark.parametrize("size", SIZES, ids=["80x24", "160x50"])


def with_locks() -> ScriptedEngine:
    """Return an engine with a lock that others wait for, one of this process, and one that is free."""
    engine = ScriptedEngine()
    locks = engine.coordination
    locks.hold("deploy", who("berlin", 991), who("hamburg", 5), who("lisbon", 7), left=timedelta(seconds=6.6))
    locks.hold("export", who("desk", 4711, "console"))
    locks.hold("migrate", who("hamburg", 5), ago=60)
    locks.free("migrate", Ending.LAPSED)
    return engine


# -- locks -------------------------------------------------------------------------------------------------------------


@at_both_sizes
async def test_a_lock_tells_its_holder_time_left_token_and_how_many_wait(size: tuple[int, int]) -> None:
    async with scripted_console(with_locks(), size) as pilot:
        await press(pilot, "9")
        deploy, export, migrate = lines(pilot)
        assert deploy.split()[:3] == ["●", "deploy", "berlin/991"]
        assert deploy.split()[-6:] == ["6.6", "s", "101", "2", "30", "s"]
        assert "here" in export
        assert migrate.split()[1:4] == ["migrate", "nobody", "free"]


@at_both_sizes
async def test_the_lock_under_the_cursor_is_told_in_full_waiters_in_their_order(size: tuple[int, int]) -> None:
    async with scripted_console(with_locks(), size) as pilot:
        await press(pilot, "9", "enter")
        text = words(pilot)
        assert "● held by ann@desk on berlin, process 991 (serve)" in text
        assert "6.6 s of 10 s unless renewed" in text
        assert text.index("1 ann@desk on hamburg, process 5") < text.index("2 ann@desk on lisbon, process 7")


async def test_the_last_hand_overs_say_who_held_it_and_how_that_ended() -> None:
    async with scripted_console(with_locks(), (160, 50)) as pilot:
        await press(pilot, "9", "G")
        text = words(pilot)
        assert "LAST HAND-OVERS" in text
        assert "103 hamburg/5 1 m" in text
        assert "lapsed" in text


async def test_the_bars_run_down_by_themselves_and_nobody_is_asked_for_it() -> None:
    engine = with_locks()
    async with scripted_console(engine) as pilot:
        await press(pilot, "9")
        before = engine.coordination.wire.count("locks")
        engine.clock.jump(timedelta(seconds=0.9))
        await until(pilot, lambda: "5.7 s" in lines(pilot)[0])
        assert engine.coordination.wire.count("locks") == before


async def test_a_lock_that_should_have_been_renewed_by_now_is_looked_at_again() -> None:
    engine = with_locks()
    async with scripted_console(engine) as pilot:
        await press(pilot, "9")
        before = engine.coordination.wire.count("locks")
        engine.clock.jump(timedelta(seconds=3))
        await until(pilot, lambda: engine.coordination.wire.count("locks") > before)


async def test_a_change_at_the_backend_is_on_the_screen_without_asking_again_and_again() -> None:
    engine = with_locks()
    async with scripted_console(engine) as pilot:
        await press(pilot, "9")
        engine.coordination.free("deploy")
        await until(pilot, lambda: "hamburg/5" in lines(pilot)[0])
        assert "changes as they happen" in screen_text(pilot)


async def test_of_many_locks_only_the_one_that_changed_is_read_again() -> None:
    engine = ScriptedEngine()
    for number in range(40):
        engine.coordination.hold(f"job-{number:02}", who("berlin"), left=timedelta(seconds=9))
    async with scripted_console(engine) as pilot:
        await press(pilot, "9")
        asked = engine.coordination.wire.asked
        before = len(asked)
        engine.coordination.hold("job-07", who("hamburg", 5))
        await until(pilot, lambda: "hamburg/5" in lines(pilot)[7])
        assert [each for each in asked[before:] if each[0] == "locks"][:1] == [("locks", "job-07")]
        engine.coordination.free("job-07")
        await until(pilot, lambda: "job-07" in lines(pilot)[-1])
        assert len(lines(pilot)) == 40


async def test_the_cursor_stays_on_its_lock_when_others_come() -> None:
    engine = with_locks()
    async with scripted_console(engine) as pilot:
        await press(pilot, "9", "j")
        engine.coordination.hold("apply", who("berlin"))
        await until(pilot, lambda: len(lines(pilot)) == 4)
        assert pane(pilot).records.key == "export"


async def test_a_filter_finds_a_lock_by_its_name_or_its_holder() -> None:
    async with scripted_console(with_locks()) as pilot:
        await press(pilot, "9", "slash", *"berlin", "enter")
        await until(pilot, lambda: len(lines(pilot)) == 1)
        await press(pilot, "escape")
        await until(pilot, lambda: len(lines(pilot)) == 3)


async def test_without_locks_the_screen_says_what_one_is_and_how_to_begin() -> None:
    async with scripted_console(ScriptedEngine()) as pilot:
        await press(pilot, "9")
        assert "Nobody holds or waits for a lock now." in screen_text(pilot)
        assert "syncdeck lock NAME -- COMMAND" in screen_text(pilot)


# -- tabs --------------------------------------------------------------------------------------------------------------


async def test_every_tab_is_one_key_away() -> None:
    async with scripted_console(with_locks()) as pilot:
        await press(pilot, "9", "t")
        for name, tab in TABS.items():
            await press(pilot, tab.key)
            assert place(pilot).tab == name
            assert f"[{tab.title}" in screen_text(pilot)


def test_every_tab_has_its_pane_and_they_stand_in_one_order() -> None:
    assert list(TABS) == list(PANES)


async def test_brackets_go_from_tab_to_tab_and_round() -> None:
    async with scripted_console(with_locks()) as pilot:
        await press(pilot, "9", "right_square_bracket")
        assert place(pilot).tab == "leaders"
        await press(pilot, "left_square_bracket", "left_square_bracket")
        assert place(pilot).tab == "streams"


async def test_a_click_on_a_tab_goes_there() -> None:
    async with scripted_console(with_locks()) as pilot:
        await press(pilot, "9")
        row = next(y for y, line in enumerate(screen_text(pilot).splitlines()) if "t Tasks" in line)
        await pilot.click(offset=(screen_text(pilot).splitlines()[row].index("t Tasks") + 3, row))
        await settled(pilot)
        assert place(pilot).tab == "tasks"


async def test_a_tab_is_found_again_as_it_was_left() -> None:
    async with scripted_console(with_locks()) as pilot:
        await press(pilot, "9", "j", "t", "1", "9", "l")
        assert pane(pilot).records.key == "export"


async def test_what_has_the_whole_tab_keeps_the_keys_when_one_comes_back_or_looks_again() -> None:
    async with scripted_console(with_locks()) as pilot:
        await press(pilot, "9", "enter", "t", "l")
        assert pane(pilot).panel.has_focus
        await press(pilot, "R")
        assert pane(pilot).panel.has_focus
        await press(pilot, "escape")
        assert pane(pilot).records.has_focus


async def test_the_tabs_say_what_is_behind_them() -> None:
    engine = with_locks()
    engine.coordination.tasks.arrange("backup", TaskState.DEAD)
    engine.coordination.lead("cron", None, who("berlin"))
    async with scripted_console(engine) as pilot:
        await press(pilot, "9")
        text = screen_text(pilot)
        assert "[Locks 2+2]" in text
        assert "Leaders 0 !1" in text
        assert "Tasks ✗1" in text


# -- a backend that cannot, or is gone ---------------------------------------------------------------------------------

CANNOT = "memcached keeps no lists. Take Redis, etcd or SQLite where tasks are wanted."


async def test_what_the_backend_cannot_do_is_said_in_its_own_sentence() -> None:
    engine = with_locks()
    wire = engine.coordination.wire
    wire.promises = replace(wire.promises, backend="memcached", refusals={Feature.TASKS: CANNOT})
    async with scripted_console(engine) as pilot:
        await press(pilot, "9", "t")
        assert "Tasks: not with memcached" in screen_text(pilot)
        assert CANNOT in words(pilot)
        assert wire.count("tasks") == 0
        await press(pilot, "F")
        assert CANNOT in said(pilot)


async def test_a_backend_that_goes_is_said_with_its_fault_and_what_was_known_stays() -> None:
    engine = with_locks()
    async with scripted_console(engine) as pilot:
        await press(pilot, "9")
        engine.coordination.lose()
        await until(pilot, lambda: "is gone" in screen_text(pilot) and FAULT in words(pilot))
        text = words(pilot)
        assert "as of 0" in text or "as of 1" in text or "as of 2" in text
        assert "It is tried again by itself; R tries now." in text
        assert lines(pilot)[0].split()[1] == "deploy"


async def test_what_is_out_of_date_is_grey_and_its_bars_stand_still() -> None:
    engine = with_locks()
    async with scripted_console(engine) as pilot:
        await press(pilot, "9")
        engine.coordination.lose()
        await until(pilot, lambda: pane(pilot).lost_at is not None)
        engine.clock.jump(timedelta(seconds=5))
        await settled(pilot)
        line = pane(pilot).records.rows.line_at(0, 78)
        assert line is not None
        assert {span.role for span in line} == {"dim"}
        assert "6.6 s" in lines(pilot)[0]


async def test_nothing_can_be_done_at_a_backend_that_is_gone() -> None:
    engine = with_locks()
    async with scripted_console(engine) as pilot:
        await press(pilot, "9")
        engine.coordination.lose()
        await until(pilot, lambda: pane(pilot).lost_at is not None)
        await press(pilot, "X")
        assert "The backend is gone: this can be done when it is back." in said(pilot)


async def test_a_backend_that_comes_back_is_read_anew_by_itself() -> None:
    engine = with_locks()
    async with scripted_console(engine) as pilot:
        await press(pilot, "9")
        engine.coordination.lose()
        await until(pilot, lambda: "is gone" in screen_text(pilot))
        engine.coordination.claims.pop("export")
        engine.coordination.mend()
        await until(pilot, lambda: "● live" in screen_text(pilot) and len(lines(pilot)) == 2)
        line = pane(pilot).records.rows.line_at(0, 78)
        assert line is not None
        assert "ok" in {span.role for span in line}


async def test_a_backend_that_was_never_there_leaves_no_empty_lists_to_be_believed() -> None:
    engine = with_locks()
    engine.coordination.wire.up = False
    async with scripted_console(engine) as pilot:
        await press(pilot, "9")
        assert "Nothing is known: the backend was not reached yet." in screen_text(pilot)
        assert "Nobody holds" not in screen_text(pilot)


async def test_the_clock_is_told_also_when_the_backend_is_gone() -> None:
    engine = with_locks()
    async with scripted_console(engine) as pilot:
        await press(pilot, "9", "o")
        engine.coordination.lose()
        await until(pilot, lambda: "is gone" in screen_text(pilot))
        assert pane(pilot).lost_at is None
        await press(pilot, "n")
        assert ("measure",) in engine.coordination.asked


# -- hidden ------------------------------------------------------------------------------------------------------------


async def test_a_hidden_screen_follows_nothing_and_looks_again_when_it_is_shown() -> None:
    engine = with_locks()
    async with scripted_console(engine) as pilot:
        await press(pilot, "9", "1")
        await until(pilot, lambda: not engine.coordination.wire.followers)
        engine.coordination.claims.pop("export")
        await press(pilot, "9")
        await until(pilot, lambda: len(lines(pilot)) == 2)
        assert len(engine.coordination.wire.followers) == 1


async def test_the_help_lists_the_keys_of_the_tab_in_front() -> None:
    async with scripted_console(with_locks(), (160, 50)) as pilot:
        await press(pilot, "9", "question_mark")
        text = "\n".join(rows_of(pilot.app.screen.query_one("#keys", RecordList)))
        assert "Take the lock away from its holder" in text
        assert "Tasks: queued, running, failed, dead" in text


async def test_the_palette_leads_to_a_tab_from_anywhere() -> None:
    async with scripted_console(with_locks()) as pilot:
        await press(pilot, "colon")
        await write(pilot, "cron (coord")
        await press(pilot, "enter")
        await until(pilot, lambda: deck(pilot).current_mode == "coordination" and place(pilot).tab == "cron")


async def test_every_glyph_of_the_tabs_has_a_plain_one() -> None:
    engine = with_locks()
    engine.coordination.lead("cron", who("berlin"))
    engine.coordination.cron.arrange(Plan(name="export", task="ping", every=60), due=timedelta(minutes=1))
    engine.coordination.tasks.arrange("backup", TaskState.DEAD)
    async with scripted_console(engine) as pilot:
        await press(pilot, "9")
        for tab in TABS.values():
            await press(pilot, tab.key)
            drawn = plain(screen_text(pilot).replace("\n", " ").replace("?", ""))
            assert drawn.isascii()
            assert "?" not in drawn, f"something on {tab.title} has no plain glyph"


# -- elsewhere ---------------------------------------------------------------------------------------------------------


async def test_every_header_says_that_the_backend_is_gone_until_it_is_back() -> None:
    engine = with_locks()
    async with scripted_console(engine) as pilot:
        await press(pilot, "9")
        engine.coordination.lose()
        await until(pilot, lambda: "✗ coordination" in screen_text(pilot))
        await press(pilot, "2")
        assert "✗ coordination" in screen_text(pilot)
        await press(pilot, "9")
        engine.coordination.mend()
        await until(pilot, lambda: "✗ coordination" not in screen_text(pilot))


async def test_the_overview_has_a_line_about_coordination() -> None:
    engine = with_locks()
    engine.coordination.lead("cron", who("berlin", 991))
    async with scripted_console(engine) as pilot:
        assert "coordination ● Redis 7.0.15 · 1 session · syncs led by berlin/991" in words(pilot)
