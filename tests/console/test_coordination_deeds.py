"""What is done from the coordination screen: each deed says first what will happen, and asks. On a scripted
coordination, through the real app."""

from __future__ import annotations

from datetime import timedelta

import pytest

from console.dialogs.decide import Decide
from console.screens.frame import LOOK_ONLY
from engine.coordination.clocks.timing import ClockStanding, PeerSkew, Reading
from engine.coordination.scheduling.fires import Fire, Outcome, Plan
from engine.coordination.working.task import TaskState
from tests.console.coordinating import agree, detail, dialog, fill, lines, pane, place, words
from tests.console.scripted import scripted_console
from tests.console.settling import until
from tests.console.workbench import SIZES, press, said, screen_text, write
from tests.doubles.coordination_wire import who
from tests.doubles.engine import ScriptedEngine

at_both_sizes = pytest.mark.parametrize("size", SIZES, ids=["80x24", "160x50"])


def asked(engine: ScriptedEngine, name: str) -> list[tuple[object, ...]]:
    """Return what was asked under a name."""
    return [each[1:] for each in engine.coordination.asked if each[0] == name]


# -- force-release -----------------------------------------------------------------------------------------------------


def with_a_lock() -> ScriptedEngine:
    """Return an engine with a lock of another node that a third waits for."""
    engine = ScriptedEngine()
    engine.coordination.hold("deploy", who("berlin", 991), who("hamburg", 5))
    return engine


@at_both_sizes
async def test_a_force_release_says_who_loses_it_and_who_gets_it(size: tuple[int, int]) -> None:
    async with scripted_console(with_a_lock(), size) as pilot:
        await press(pilot, "9", "X")
        assert "Take deploy away from berlin/991?" in dialog(pilot)
        assert "ann@desk on berlin, process 991 (serve): held for 30 s with token 101." in dialog(pilot)
        assert "so it lives" in dialog(pilot)
        assert "Next: ann@desk on hamburg, process 5 (serve), at once." in dialog(pilot)


@at_both_sizes
async def test_a_force_release_names_the_token_on_the_screen_and_is_kept_with_its_reason(size: tuple[int, int]) -> None:
    engine = with_a_lock()
    async with scripted_console(engine, size) as pilot:
        await press(pilot, "9", "X")
        await agree(pilot, reason="it hangs", typed="deploy")
        assert asked(engine, "force_release") == [("deploy", 101, "it hangs")]
        assert "deploy was taken away from berlin/991; token 101 is outdated." in said(pilot)
        assert "hamburg/5" in lines(pilot)[0]


async def test_a_reason_is_typed_at_once_then_the_name_and_enter_goes_on() -> None:
    engine = with_a_lock()
    async with scripted_console(engine) as pilot:
        await press(pilot, "9", "X")
        await write(pilot, "it hangs")
        await press(pilot, "enter")
        await write(pilot, "deploy")
        await press(pilot, "enter")
        assert asked(engine, "force_release") == [("deploy", 101, "it hangs")]


@pytest.mark.parametrize(
    ("reason", "typed", "sentence"),
    [("", "deploy", "Say why first"), ("it hangs", "deplo", "Type deploy exactly as it is written here.")],
    ids=["without a reason", "without its name"],
)
async def test_nothing_is_released(reason: str, typed: str, sentence: str) -> None:
    engine = with_a_lock()
    async with scripted_console(engine) as pilot:
        await press(pilot, "9", "X")
        await agree(pilot, reason=reason, typed=typed)
        assert isinstance(pilot.app.screen, Decide)
        assert sentence in dialog(pilot)
        assert asked(engine, "force_release") == []


async def test_a_lock_that_went_on_while_the_dialog_was_open_is_left_alone() -> None:
    engine = with_a_lock()
    async with scripted_console(engine) as pilot:
        await press(pilot, "9", "X")
        engine.coordination.free("deploy")
        await agree(pilot, reason="it hangs", typed="deploy")
        assert "Nothing was done: the grant of deploy with token 101 was over already." in said(pilot)
        assert "hamburg/5" in lines(pilot)[0]


async def test_a_free_lock_has_nothing_to_take_away() -> None:
    engine = ScriptedEngine()
    engine.coordination.hold("deploy", who("berlin"))
    engine.coordination.free("deploy")
    async with scripted_console(engine) as pilot:
        await press(pilot, "9", "X")
        assert "Nobody holds deploy: there is nothing to take away." in said(pilot)


# -- rights ------------------------------------------------------------------------------------------------------------

CHANGING = [
    ("l", "X"), ("d", "X"), ("t", "F"), ("t", "C"), ("t", "D"),
    ("c", "A"), ("c", "S"), ("c", "D"), ("c", "a"), ("s", "e"), ("s", "a"), ("s", "D"),
]  # fmt: skip


async def test_who_may_only_look_is_told_so_by_every_key_that_changes_something() -> None:
    engine = with_a_lock()
    engine.coordination.lead("cron", who("berlin"))
    engine.coordination.tasks.arrange("backup", TaskState.DEAD)
    engine.coordination.cron.arrange(Plan(name="nightly", task="backup", every=60, added_by="ann"))
    engine.coordination.keys.arrange("motd", b"hello")
    async with scripted_console(engine, read_only=True) as pilot:
        await press(pilot, "9")
        for number, (tab, key) in enumerate(CHANGING, start=1):
            await press(pilot, tab, key)
            assert said(pilot).count(LOOK_ONLY) == number, f"{key} on {tab} was not refused"
            assert len(pilot.app.screen_stack) == 1


# -- leaders -----------------------------------------------------------------------------------------------------------


@at_both_sizes
async def test_a_leader_is_shown_with_its_term_candidates_and_history(size: tuple[int, int]) -> None:
    engine = ScriptedEngine()
    engine.coordination.lead("cron", who("berlin", 991), who("hamburg", 5))
    async with scripted_console(engine, size) as pilot:
        await press(pilot, "9", "d")
        assert lines(pilot)[0].split()[:3] == ["▲", "cron", "berlin/991"]
        assert "▲ led by ann@desk on berlin, process 991 (serve)" in detail(pilot)
        assert "CANDIDATES 1 1 ann@desk on hamburg, process 5 (serve)" in detail(pilot)
        assert "101 berlin/991 02 Mar" in detail(pilot)


async def test_a_leader_resigns_by_its_term_and_the_first_candidate_follows() -> None:
    engine = ScriptedEngine()
    engine.coordination.lead("cron", who("berlin", 991), who("hamburg", 5))
    async with scripted_console(engine) as pilot:
        await press(pilot, "9", "d", "X")
        assert "Next: ann@desk on hamburg, process 5 (serve), at once." in dialog(pilot)
        await agree(pilot, reason="it is restarted", typed="cron")
        assert asked(engine, "resign") == [("cron", 101, "it is restarted")]
        await until(pilot, lambda: "hamburg/5" in lines(pilot)[0])


async def test_a_vacant_group_says_so() -> None:
    engine = ScriptedEngine()
    engine.coordination.lead("cron", None)
    async with scripted_console(engine) as pilot:
        await press(pilot, "9", "d", "X")
        assert "nobody leads" in lines(pilot)[0]
        assert "Nobody leads cron." in said(pilot)


# -- tasks -------------------------------------------------------------------------------------------------------------


def with_tasks() -> ScriptedEngine:
    """Return an engine with a task of each state."""
    engine = ScriptedEngine()
    tasks = engine.coordination.tasks
    tasks.arrange("report", TaskState.DONE, result={"output": "1 of 2\n2 of 2\n"})
    tasks.arrange("backup", TaskState.DEAD, attempts=5, error="exit 1: disk full", payload={"disk": "a"})
    tasks.arrange("mail", TaskState.RUNNING)
    tasks.arrange("export", TaskState.WAITING, due=engine.clock.now() + timedelta(minutes=5))
    return engine


@at_both_sizes
async def test_tasks_are_listed_newest_first_with_what_matters_of_each(size: tuple[int, int]) -> None:
    async with scripted_console(with_tasks(), size) as pilot:
        await press(pilot, "9", "t")
        export, mail, backup, report = lines(pilot)
        assert "◇ waiting" in export
        assert "in 5 m" in export
        assert "▶ running" in mail
        assert "for 42 s" in mail
        assert "✗ dead" in backup
        assert "5/5" in backup
        assert "exit 1: disk full" in backup
        assert "✓ done" in report
        assert "2 of 2" in report
        assert "✗ 1 dead" in words(pilot)


@at_both_sizes
async def test_a_task_is_told_in_full(size: tuple[int, int]) -> None:
    async with scripted_console(with_tasks(), size) as pilot:
        await press(pilot, "9", "t", "j", "j")
        told = detail(pilot)
        assert "ATTEMPTS 5 of 5 number 1 by ann@desk on berlin, process 88 (serve)" in told
        assert "ERROR exit 1: disk full" in told
        assert 'PAYLOAD { "disk": "a" }' in told
        assert "submitted 2 m ago by ann@desk" in told
        await press(pilot, "j")
        assert "OUTPUT 1 of 2 2 of 2" in detail(pilot)


async def test_states_go_round_and_the_engine_is_asked_for_them_alone() -> None:
    engine = with_tasks()
    async with scripted_console(engine) as pilot:
        await press(pilot, "9", "t", "f")
        assert [line.split()[2] for line in lines(pilot)] == ["waiting", "running"]
        await press(pilot, "f")
        assert [line.split()[2] for line in lines(pilot)] == ["dead"]
        assert asked(engine, "tasks")[-1][0] == (TaskState.DEAD,)


async def test_a_dead_task_is_retried_with_one_key_and_one_look() -> None:
    engine = with_tasks()
    async with scripted_console(engine) as pilot:
        await press(pilot, "9", "t", "j", "j", "F")
        assert "all its attempts are free" in dialog(pilot)
        await agree(pilot, reason="disk was cleared")
        ((task, reason),) = asked(engine, "retry")
        assert engine.coordination.tasks.kept[task].state is TaskState.WAITING  # type: ignore[index]
        assert reason == "disk was cleared"
        assert "1 task retried." in said(pilot)


async def test_all_that_are_marked_are_retried_at_once_and_a_great_number_is_typed() -> None:
    engine = ScriptedEngine()
    for number in range(25):
        engine.coordination.tasks.arrange(f"job-{number}", TaskState.DEAD)
    async with scripted_console(engine) as pilot:
        await press(pilot, "9", "t", "asterisk", "F")
        await agree(pilot)
        assert "Type retry 25 exactly" in dialog(pilot)
        await agree(pilot, typed="retry 25")
        await until(pilot, lambda: len(asked(engine, "retry")) == 25)
        assert "25 tasks retried." in said(pilot)
        assert not pane(pilot).records.marked


async def test_what_cannot_be_done_to_one_any_more_keeps_nobody_from_the_others() -> None:
    engine = ScriptedEngine()
    first = engine.coordination.tasks.arrange("one", TaskState.DEAD)
    engine.coordination.tasks.arrange("two", TaskState.DEAD)
    async with scripted_console(engine) as pilot:
        await press(pilot, "9", "t", "asterisk", "F")
        del engine.coordination.tasks.kept[first.id]
        await agree(pilot)
        await until(pilot, lambda: "1 task retried. Not retried: There is no task" in said(pilot))


async def test_a_running_task_is_asked_to_stop() -> None:
    engine = with_tasks()
    async with scripted_console(engine) as pilot:
        await press(pilot, "9", "t", "j", "C")
        assert "A running command is asked to stop" in dialog(pilot)
        await agree(pilot)
        await until(pilot, lambda: "asked to stop" in lines(pilot)[1])


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("F", "This task is running: only one that is dead or cancelled can be retried."),
        ("D", "This task is running: cancel it first (C)."),
    ],
)
async def test_what_makes_no_sense_for_a_task_is_said(key: str, sentence: str) -> None:
    async with scripted_console(with_tasks()) as pilot:
        await press(pilot, "9", "t", "j", key)
        assert sentence in said(pilot)


async def test_a_task_that_changes_is_read_alone() -> None:
    engine = with_tasks()
    async with scripted_console(engine) as pilot:
        await press(pilot, "9", "t")
        lists = len(asked(engine, "tasks"))
        await engine.coordination.tasks.retry(next(iter(asked_dead(engine))))
        await until(pilot, lambda: "◇ waiting" in lines(pilot)[2])
        assert len(asked(engine, "tasks")) == lists


def asked_dead(engine: ScriptedEngine) -> list[str]:
    """Return the ids of dead tasks."""
    return [task.id for task in engine.coordination.tasks.kept.values() if task.state is TaskState.DEAD]


async def test_ten_thousand_tasks_are_read_a_page_at_a_time_and_drawn_as_far_as_they_are_seen() -> None:
    engine = ScriptedEngine()
    for number in range(10_000):
        engine.coordination.tasks.arrange(f"job-{number}", TaskState.DONE)
    async with scripted_console(engine) as pilot:
        await press(pilot, "9", "t")
        assert len(lines(pilot)) == 200
        await press(pilot, "G")
        await until(pilot, lambda: len(pane(pilot).records.rows) == 400)
        assert "400+ listed" in words(pilot)


# -- schedules ---------------------------------------------------------------------------------------------------------


def with_schedules() -> ScriptedEngine:
    """Return an engine with one schedule of the settings and one that was added by hand."""
    engine = ScriptedEngine()
    now = engine.clock.now()

    def fire(minutes: int, outcome: Outcome, why: str = "") -> Fire:
        moment = now - timedelta(minutes=minutes)
        return Fire(schedule="export", nominal=moment, outcome=outcome, taken=moment, by="berlin pid 991", why=why)

    fires = [
        fire(2, Outcome.FIRED), fire(17, Outcome.LATE), fire(32, Outcome.MISSED, "Nobody led when it was due."),
        fire(47, Outcome.SKIPPED), fire(59, Outcome.FIRED),
    ]  # fmt: skip
    cron = engine.coordination.cron
    cron.arrange(Plan(name="export", task="export-people", every=900), due=timedelta(minutes=13), fires=fires)
    cron.arrange(Plan(name="hourly", task="ping", cron="0 * * * *", added_by="bob@desk"), due=timedelta(minutes=60))
    return engine


@at_both_sizes
async def test_a_schedule_is_a_line_of_time_with_its_fires_and_the_next(size: tuple[int, int]) -> None:
    async with scripted_console(with_schedules(), size) as pilot:
        await press(pilot, "9", "c")
        export = lines(pilot)[0]
        drawn = [letter for letter in export.partition("in 13 m")[2] if letter in "✓◐✗⊘│◇"]
        assert drawn == ["✓", "⊘", "✗", "◐", "✓", "│", "◇"]
        assert "every 15 m" in export
        assert "the last 1 h" in words(pilot)


async def test_a_schedule_is_told_in_full() -> None:
    async with scripted_console(with_schedules()) as pilot:
        await press(pilot, "9", "c")
        told = detail(pilot)
        assert "submits the task export-people" in told
        assert "A fire is skipped while the task of the one before goes on." in told
        assert "✗ missed 02 Mar 08:28:00 32 m ago by berlin pid 991 Nobody led when it was due." in told
        assert "◇ Mon 02 Mar 09:15:00 in 15 m" in told


async def test_more_or_less_of_the_past_is_a_key_away() -> None:
    async with scripted_console(with_schedules()) as pilot:
        await press(pilot, "9", "c", "minus")
        assert "the last 6 h" in words(pilot)
        await press(pilot, "plus", "plus")
        assert "the last 15 m" in words(pilot)


DEEDS = [
    ("A", "Fire export now?", "fire", "export was fired"),
    ("S", "Its next fire, in 13 m, does not happen.", "pause", "export is paused"),
]


@pytest.mark.parametrize(("key", "says", "deed", "told"), DEEDS, ids=["fire", "pause"])
async def test_a_deed_on_a_schedule_is_explained_and_kept_with_its_reason(
    key: str, says: str, deed: str, told: str
) -> None:
    engine = with_schedules()
    async with scripted_console(engine) as pilot:
        await press(pilot, "9", "c", key)
        assert says in dialog(pilot)
        await agree(pilot, reason="maintenance")
        assert asked(engine, deed) == [("export", "maintenance")]
        assert told in said(pilot)


async def test_a_paused_schedule_goes_on() -> None:
    engine = with_schedules()
    await engine.coordination.cron.pause("export")
    async with scripted_console(engine) as pilot:
        await press(pilot, "9", "c")
        assert "paused" in lines(pilot)[0]
        await press(pilot, "S")
        assert "are not made up for" in dialog(pilot)
        await agree(pilot)
        await until(pilot, lambda: "paused" not in lines(pilot)[0])


async def test_only_what_was_added_by_hand_can_be_removed() -> None:
    engine = with_schedules()
    async with scripted_console(engine) as pilot:
        await press(pilot, "9", "c", "D")
        assert "export stands in the settings: remove it there, or pause it (S)." in said(pilot)
        await press(pilot, "j", "D")
        await agree(pilot, typed="hourly")
        assert asked(engine, "remove") == [("hourly", "")]
        await until(pilot, lambda: len(lines(pilot)) == 1)


async def test_a_schedule_is_added_after_its_first_moments_were_seen() -> None:
    engine = with_schedules()
    async with scripted_console(engine) as pilot:
        await press(pilot, "9", "c", "a")
        for field, text in {"name": "digest", "task": "mail", "when": "every 30m"}.items():
            await fill(pilot, field, text)
        assert "◇ Mon 02 Mar 09:30:00 in 30 m" in dialog(pilot)
        await press(pilot, "ctrl+o")
        assert "Add the schedule digest?" in dialog(pilot)
        await agree(pilot)
        assert asked(engine, "add") == [(Plan(name="digest", task="mail", every=1800.0),)]
        await until(pilot, lambda: len(lines(pilot)) == 3)


async def test_a_schedule_leads_to_the_tasks_it_submitted() -> None:
    engine = with_schedules()
    engine.coordination.tasks.arrange("export-people", TaskState.DONE, origin="cron:export@2026-03-02T09:00:00Z")
    engine.coordination.tasks.arrange("mail", TaskState.DONE)
    async with scripted_console(engine) as pilot:
        await press(pilot, "9", "c", "i")
        await until(pilot, lambda: place(pilot).tab == "tasks" and len(lines(pilot)) == 1)
        assert "export-people" in lines(pilot)[0]


# -- the clock ---------------------------------------------------------------------------------------------------------


def measured(engine: ScriptedEngine) -> ClockStanding:
    """Return a clock that two of three servers agree about."""
    now = engine.clock.now()
    milliseconds = timedelta(milliseconds=1)
    return ClockStanding(
        offset=2 * milliseconds, error=4 * milliseconds, synchronised=True,
        said="2 of 3 servers agree: this clock is right, to within 6 ms.",
        readings=(
            Reading(source="ntp1", offset=2 * milliseconds, error=5 * milliseconds, stratum=2, at=now),
            Reading(source="ntp2", offset=None, at=now, fault="no answer within 2 s"),
            Reading(source="ntp3", offset=timedelta(hours=1), error=milliseconds, at=now, fault="falseticker: far off"),
        ),
    )  # fmt: skip


def drawing(line: str) -> str:
    """Return the interval at the end of a line."""
    return line.rsplit(maxsplit=1)[-1]


async def test_each_source_is_told_with_its_offset_error_and_interval() -> None:
    engine = ScriptedEngine()
    engine.coordination.clock.known = measured(engine)
    engine.coordination.peers = (
        PeerSkew(peer="hamburg", skew=timedelta(seconds=-8), error=timedelta(milliseconds=40), at=engine.clock.now()),
        PeerSkew(peer="lisbon", skew=None, error=None, at=None, fault="lisbon does not answer."),
    )
    async with scripted_console(engine, (160, 50)) as pilot:
        await press(pilot, "9", "o")
        ntp1, ntp2, ntp3, _, _, hamburg, lisbon = lines(pilot)
        assert ntp1.split()[:6] == ["ntp1", "+2.0", "ms", "5.0", "ms", "2"]
        assert "no answer within 2 s" in ntp2
        assert "✗" in drawing(ntp3)
        assert "●" in drawing(ntp1)
        assert "-8.0 s" in hamburg
        assert "! behind us" in hamburg
        assert "lisbon does not answer." in lisbon
        assert "2 of 3 servers agree" in screen_text(pilot)


async def test_a_clock_is_measured_when_somebody_asks() -> None:
    engine = ScriptedEngine()
    engine.coordination.clock.measured = [measured(engine)]
    async with scripted_console(engine) as pilot:
        await press(pilot, "9", "o")
        assert "No clock was asked yet." in screen_text(pilot)
        await press(pilot, "n")
        assert "2 of 3 servers agree" in said(pilot)
        assert lines(pilot)[0].startswith("ntp1")


async def test_a_peer_that_takes_its_time_delays_nothing_that_this_host_knows_by_itself() -> None:
    engine = ScriptedEngine()
    engine.coordination.clock.known = measured(engine)
    engine.coordination.peers_answer = False
    async with scripted_console(engine, (160, 50)) as pilot:
        await press(pilot, "9")
        await pilot.press("o")
        await until(pilot, lambda: "2 of 3 servers agree" in screen_text(pilot))
        assert "PEER" not in screen_text(pilot)
