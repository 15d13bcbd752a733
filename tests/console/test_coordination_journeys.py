"""Whole stories of the coordination screen, through the real app on the real engine: what another engine does is on
the screen, and what is done on the screen reaches the other engine."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import TextArea

from console.dialogs.key_clash import KeyClash
from engine.assembly import Engine
from engine.coordination.working.handling import GiveUp
from engine.coordination.working.task import Attempt, Task, TaskState
from engine.errors import LeaseLost
from engine.events.event import END
from engine.events.log import Filter
from tests.console.coordinating import agree, detail, lines, words
from tests.console.settling import until
from tests.console.workbench import console, opening, press, said, screen_text

SETTINGS = """\
syncdeck: 1
node: desk
coordination: {type: sqlite, ttl: 10s}
tasks:
  backup: {run: ["false"], attempts: 1}
cron:
  nightly: {cron: "0 3 * * *", task: backup}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "syncdeck.yaml"
    found.write_text(SETTINGS)
    return found


async def noted(engine: Engine, aggregate: str) -> list[tuple[str, Any]]:
    """Return what the log has about something."""
    events = await engine.log.page(END, 50, Filter(aggregate=aggregate), backwards=True)
    return [(each.type, each.data) for each in events]


async def shows(pilot: Pilot[None], row: int, *parts: str) -> None:
    """Wait until a row has all of these."""
    await until(pilot, lambda: len(lines(pilot)) > row and all(part in lines(pilot)[row] for part in parts))


async def test_a_lock_of_another_process_is_seen_and_taken_away_and_the_log_keeps_why(file: Path) -> None:
    async with opening(file) as other, console(file) as pilot:
        await press(pilot, "9")
        assert "Nobody holds or waits for a lock now." in words(pilot)
        lost = None
        with suppress(LeaseLost):
            async with other.coordination.lock("deploy", note="release 7", cancel_on_loss=False) as lease:
                await shows(pilot, 0, "● deploy", "desk/")
                await until(pilot, lambda: "“release 7”" in detail(pilot))
                await press(pilot, "X")
                await agree(pilot, reason="it hangs", typed="deploy")
                lost = await asyncio.wait_for(lease.wait_lost(), 20)
        assert lost is not None
        assert lost.reason == "revoked"
        ((kind, data),) = await noted(other, "coordination:lock/deploy")
        assert kind == "lock.revoked"
        assert data["reason"] == "it hangs"
        assert data["token"] == lease.token
        await shows(pilot, 0, "○ deploy", "nobody")
        assert "taken away" in detail(pilot)
        await press(pilot, "v")
        await until(pilot, lambda: "lock.revoked" in screen_text(pilot))


async def test_who_waits_gets_the_lock_before_the_eyes_of_the_operator(file: Path) -> None:
    async with opening(file) as one, opening(file) as two, console(file) as pilot:
        await press(pilot, "9")
        async with asyncio.TaskGroup() as group:
            async with one.coordination.lock("deploy", note="the first"):
                await shows(pilot, 0, "● deploy")
                waiting = group.create_task(_hold(two))
                await until(pilot, lambda: "WAITING 1 1" in detail(pilot) and "“the first”" in detail(pilot))
            assert await waiting
        await until(pilot, lambda: detail(pilot).count("released") == 2)
        assert "nobody" in lines(pilot)[0]


async def _hold(engine: Engine) -> bool:
    async with engine.coordination.lock("deploy", wait=timedelta(seconds=20)) as lease:
        return lease.held


async def test_a_key_that_two_people_edit_is_written_by_the_first_and_shown_to_the_second(file: Path) -> None:
    async with opening(file) as other, console(file) as pilot:
        keys = other.coordination.keys
        await keys.put("config/limit", b'{"per_hour":200}')
        await press(pilot, "9", "s")
        await shows(pilot, 1, "limit", '{"per_hour":200}')
        await press(pilot, "j")
        await until(pilot, lambda: '"per_hour": 200' in detail(pilot))
        await press(pilot, "e")
        pilot.app.screen.query_one("#value", TextArea).text = '{"per_hour": 300}'
        await keys.put("config/limit", b'{"per_hour":250}')
        await press(pilot, "ctrl+o")
        await agree(pilot, reason="more mail")
        await until(pilot, lambda: isinstance(pilot.app.screen, KeyClash))
        entry = await keys.get("config/limit")
        assert entry is not None
        assert entry.value == b'{"per_hour":250}'
        await press(pilot, "m")
        await until(pilot, lambda: "config/limit was written" in said(pilot))
        entry = await keys.get("config/limit")
        assert entry is not None
        assert entry.value == b'{"per_hour":300}'
        assert [kind for kind, _ in await noted(other, "coordination:key/config/limit")] == ["key.written"]


async def test_a_dead_task_is_retried_by_one_key_and_done_by_a_worker_elsewhere(file: Path) -> None:
    mended = asyncio.Event()

    async def backup(task: Task, attempt: Attempt) -> dict[str, object]:
        if not mended.is_set():
            raise GiveUp("disk full")
        return {"rows": 12}

    async with opening(file) as other, console(file) as pilot, asyncio.TaskGroup() as group:
        working = group.create_task(other.coordination.tasks.run({"backup": backup}))
        await press(pilot, "9", "t")
        task = await other.coordination.tasks.submit("backup")
        await shows(pilot, 0, "✗ dead", "disk full")
        mended.set()
        await press(pilot, "F")
        await agree(pilot, reason="disk was cleared")
        await shows(pilot, 0, "✓ done", '{"rows":12}')
        assert (await other.coordination.tasks.get(task.id)).state is TaskState.DONE
        retried = [data for kind, data in await noted(other, f"coordination:task/{task.id}") if kind == "task.retried"]
        assert [data["reason"] for data in retried] == ["disk was cleared"]
        working.cancel()


async def test_a_schedule_is_paused_fired_and_resumed_for_all_nodes(file: Path) -> None:
    async with opening(file) as other, console(file) as pilot:
        await press(pilot, "9", "c", "S")
        await agree(pilot, reason="maintenance")
        await shows(pilot, 0, "nightly", "paused")
        (schedule,) = await other.coordination.cron.schedules()
        assert schedule.next is None
        await press(pilot, "A")
        await agree(pilot)
        await until(pilot, lambda: "nightly was fired" in said(pilot))
        (task,) = await other.coordination.tasks.list()
        assert (task.name, task.state) == ("backup", TaskState.WAITING)
        await press(pilot, "S")
        await agree(pilot)
        await until(pilot, lambda: "paused" not in lines(pilot)[0])
        await press(pilot, "i")
        await shows(pilot, 0, "backup", "◇ waiting")


async def test_a_leader_elsewhere_resigns_and_is_told(file: Path) -> None:
    async with opening(file) as other, console(file) as pilot:
        await press(pilot, "9", "d")
        lost = None
        with suppress(LeaseLost):
            async with other.coordination.election("mail").lead("relay 1", cancel_on_loss=False) as leadership:
                await shows(pilot, 0, "▲ mail", "desk/")
                await until(pilot, lambda: "proclaims “relay 1”" in detail(pilot))
                await press(pilot, "X")
                await agree(pilot, reason="restart", typed="mail")
                lost = await asyncio.wait_for(leadership.wait_lost(), 20)
        assert lost is not None
        assert lost.reason == "revoked"
        await shows(pilot, 0, "○ mail", "nobody leads")
        await until(pilot, lambda: "taken away" in detail(pilot))


async def test_the_overview_says_where_coordination_is_kept_and_that_nobody_leads(file: Path) -> None:
    async with console(file, (160, 50)) as pilot:
        await until(pilot, lambda: "coordination ● SQLite" in words(pilot))
        assert "nobody leads automatic syncs: start syncdeck serve" in words(pilot)
