"""Overview: how everything stands, live, and one key away from what to do about it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from console.app import SyncdeckApp
from console.screens.overview import OverviewScreen, Row
from console.widgets.record_list import RecordList
from engine.notices import Notice
from engine.reconcile.history import Digest, Health, RunId, RunState, RunSummary, SyncStatus, TargetStatus
from tests.console.settling import settled, until
from tests.console.workbench import SIZES, press, rows_of, said, screen_text
from tests.doubles.engine import ScriptedEngine

at_both_sizes = pytest.mark.parametrize("size", SIZES, ids=["80x24", "160x50"])
WAITING, REFUSED = Digest("3f2a91c" * 9), Digest("bbbbbbb" * 9)


def statuses(engine: ScriptedEngine) -> tuple[SyncStatus, ...]:
    now = engine.clock.now()
    run = RunSummary(
        run=RunId(12),
        digest=WAITING,
        sync="engineering",
        state=RunState.PARTIAL,
        started_at=now - timedelta(minutes=12),
        started_by="ann",
    )
    return (
        SyncStatus(
            sync="engineering",
            source="people",
            paused=False,
            targets=(
                target("engineering", "list", Health.IN_STEP, members=212, as_of=now - timedelta(minutes=12)),
                target("engineering", "wiki", Health.OUT_OF_STEP, counts={"add": 12, "remove": 1}, parked=2),
            ),
            last_run=run,
            next_run=now + timedelta(minutes=3),
            waiting=WAITING,
            source_counts=(210, 214, 190, 212),
        ),
        SyncStatus(
            sync="contractors",
            source="people",
            paused=False,
            targets=(target("contractors", "chat", Health.QUARANTINED, failures=3, reason="401 three times."),),
            refused=REFUSED,
            refusals=("The plan removes 40 of 52 members of chat; at most 10 may go. Check the source first.",),
        ),
        SyncStatus(
            sync="sales",
            source="crm",
            paused=True,
            targets=(target("sales", "staff", Health.UNKNOWN, reason="Never planned yet."),),
        ),
        SyncStatus(
            sync="night",
            source="crm",
            paused=False,
            targets=(target("night", "store", Health.OUT_OF_STEP),),
            running=RunId(13),
        ),
    )


def target(sync: str, name: str, health: Health, **details: object) -> TargetStatus:
    return TargetStatus(sync=sync, target=name, health=health, **details)  # type: ignore[arg-type]


class Console(SyncdeckApp):
    """The app, noting what it is asked to open instead of opening it."""

    def __init__(self, engine: ScriptedEngine) -> None:
        super().__init__(engine.opening)
        self.asked_to_open: list[tuple[str, str]] = []

    def open_detail(self, kind: str, name: str) -> None:
        self.asked_to_open.append((kind, name))


@asynccontextmanager
async def overview(engine: ScriptedEngine, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Pilot[None]]:
    app = Console(engine)
    async with app.run_test(size=size, notifications=True) as pilot:
        await settled(pilot)
        yield pilot


@pytest.fixture
def engine() -> ScriptedEngine:
    engine = ScriptedEngine()
    engine.reconciler.statuses = statuses(engine)
    return engine


def lines(pilot: Pilot[None]) -> list[str]:
    return rows_of(pilot.app.screen.query_one(RecordList))


def opened(pilot: Pilot[None]) -> list[tuple[str, str]]:
    assert isinstance(pilot.app, Console)
    return pilot.app.asked_to_open


@at_both_sizes
async def test_every_sync_and_target_says_in_words_how_it_stands(engine: ScriptedEngine, size: tuple[int, int]) -> None:
    async with overview(engine, size) as pilot:
        text = "\n".join(lines(pilot))
        for words in ("✓ in step", "≠ out of step", "⊘ quarantined", "○ unknown", "‖ paused", "▶ run 13 is under way"):
            assert words in text
        assert "+12 -1 · 2 parked" in text


@at_both_sizes
async def test_last_run_next_run_and_what_waits_are_told(engine: ScriptedEngine, size: tuple[int, int]) -> None:
    async with overview(engine, size) as pilot:
        line = lines(pilot)[0]
        assert "plan 3f2a91c waits" in line
        assert "12 m" in line
        assert "3 m" in line


@at_both_sizes
async def test_a_refusal_tells_number_and_limit_on_one_line(engine: ScriptedEngine, size: tuple[int, int]) -> None:
    async with overview(engine, size) as pilot:
        told = [line for line in lines(pilot) if "removes 40 of 52" in line]
        assert [line.strip() for line in told] == ["⊘ The plan removes 40 of 52 members of chat; at most 10 may go."]


async def test_wide_terminals_show_how_the_source_grew(engine: ScriptedEngine) -> None:
    async with overview(engine, (160, 50)) as pilot:
        assert "██▇█ 212" in lines(pilot)[0]
        assert "SOURCE SIZE" in screen_text(pilot)


@at_both_sizes
async def test_the_header_counts_what_waits_runs_and_was_refused(engine: ScriptedEngine, size: tuple[int, int]) -> None:
    async with overview(engine, size) as pilot:
        header = screen_text(pilot).splitlines()[0]
        assert "⊘ 1 refused" in header
        assert "◆ 1 waiting" in header
        assert "▶ 1 running" in header


@pytest.mark.parametrize(
    ("downs", "expected"),
    [
        (0, ("plan", WAITING)),
        (3, ("plan", REFUSED)),
        (5, ("sync", "sales")),
        (7, ("run", "13")),
    ],
    ids=["a plan that waits", "a plan that was refused", "nothing special", "a run under way"],
)
async def test_enter_leads_to_what_matters_most(engine: ScriptedEngine, downs: int, expected: tuple[str, str]) -> None:
    async with overview(engine) as pilot:
        await press(pilot, *["j"] * downs, "enter")
        assert opened(pilot) == [expected]


async def test_the_cursor_passes_over_lines_that_are_only_there_to_be_read(engine: ScriptedEngine) -> None:
    async with overview(engine) as pilot:
        visited = []
        for _ in range(9):
            visited.append(pilot.app.screen.query_one(RecordList).key)
            await press(pilot, "down")
        assert [(key.sync, key.place) for key in dict.fromkeys(visited) if isinstance(key, Row)] == [
            ("engineering", ""), ("engineering", "list"), ("engineering", "wiki"), ("contractors", ""),
            ("contractors", "chat"), ("sales", ""), ("sales", "staff"), ("night", ""), ("night", "store"),
        ]  # fmt: skip


@at_both_sizes
async def test_a_target_is_let_out_of_quarantine_by_hand_and_only_after_a_question(
    engine: ScriptedEngine, size: tuple[int, int]
) -> None:
    async with overview(engine, size) as pilot:
        await press(pilot, "O")
        assert "No target of this sync is in quarantine." in said(pilot)
        await press(pilot, "j", "j", "j", "j", "O")
        assert "Let chat out of quarantine?" in screen_text(pilot)
        await press(pilot, "enter")
        assert ("release", "contractors", "chat") not in engine.reconciler.asked
        await press(pilot, "O", "y")
        await until(pilot, lambda: ("release", "contractors", "chat") in engine.reconciler.asked)


async def test_the_sync_and_its_last_run_are_one_key_away(engine: ScriptedEngine) -> None:
    async with overview(engine) as pilot:
        await press(pilot, "s", "r")
        assert opened(pilot) == [("sync", "engineering"), ("run", "12")]


@at_both_sizes
async def test_a_notice_of_the_engine_brings_it_up_to_date(engine: ScriptedEngine, size: tuple[int, int]) -> None:
    async with overview(engine, size) as pilot:
        assert "▶ run 14" not in screen_text(pilot)
        first, *rest = engine.reconciler.statuses
        engine.reconciler.statuses = (replace(first, waiting=None, running=RunId(14)), *rest)

        async def publish(_: object) -> None:
            engine.notices.publish(Notice(topic="run.started", subject="14"))

        await pilot.app.ask(publish)  # type: ignore[attr-defined]
        await until(pilot, lambda: "▶ run 14" in screen_text(pilot))


async def test_the_line_under_the_cursor_stays_when_others_come_and_go(engine: ScriptedEngine) -> None:
    async with overview(engine) as pilot:
        await press(pilot, *["j"] * 5)
        assert isinstance(pilot.app.screen, OverviewScreen)
        engine.reconciler.statuses = engine.reconciler.statuses[1:]
        await press(pilot, "R")
        status = pilot.app.screen.status
        assert status is not None
        assert status.sync == "sales"


async def test_it_says_how_fresh_it_is(engine: ScriptedEngine) -> None:
    async with overview(engine) as pilot:
        assert "as of just now" in screen_text(pilot)
        await engine.clock.advance(timedelta(minutes=2))
        assert isinstance(pilot.app.screen, OverviewScreen)
        pilot.app.screen.draw()
        await pilot.pause()
        assert "as of 2 m 0 s ago" in screen_text(pilot) or "as of 2 m ago" in screen_text(pilot)


@at_both_sizes
async def test_an_empty_workspace_says_what_to_do_first(size: tuple[int, int]) -> None:
    async with overview(ScriptedEngine(), size) as pilot:
        assert "This workspace has no syncs yet." in screen_text(pilot)
        assert "add an adapter for each side" in screen_text(pilot)
        await press(pilot, "p")
        assert "3 adds one" in said(pilot)


async def test_a_click_on_a_line_and_on_the_footer_do_what_keys_do(engine: ScriptedEngine) -> None:
    async with overview(engine) as pilot:
        await pilot.click("#syncs", offset=(10, 1), times=2)
        await settled(pilot)
        assert opened(pilot) == [("plan", WAITING)]
        footer = screen_text(pilot).splitlines()[-1]
        await pilot.click("KeyLine", offset=(footer.index("s sync"), 0))
        await settled(pilot)
        assert opened(pilot)[-1] == ("sync", "engineering")
