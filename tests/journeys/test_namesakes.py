"""Two workspaces that call themselves by one name; and what somebody wrote by hand where schedules are kept."""

from __future__ import annotations

import asyncio
from pathlib import Path

from console.__main__ import bring_together
from tests.journeys.command import Command
from tests.journeys.serving import served, workspace
from tests.journeys.test_coordination import watching

TASKS = "tasks: {hello: {run: ['true']}}\n"


def shared(folder: Path) -> str:
    """Return the settings of a backend beside all workspaces."""
    return f"server: {{port: 0}}\ncoordination: {{type: sqlite, ttl: 1s, path: {folder / 'shared.db'}}}\n{TASKS}"


def test_a_second_node_of_the_same_name_ends_with_a_sentence_after_twice_the_ttl(tmp_path: Path) -> None:
    first = workspace(tmp_path / "one", "berlin", shared(tmp_path) + "cron: {hourly: {every: 1h, task: hello}}\n")
    second = workspace(tmp_path / "two", "berlin", shared(tmp_path) + "cron: {nightly: {every: 1h, task: hello}}\n")
    onlooker = workspace(tmp_path / "three", "paris", shared(tmp_path))
    with watching(onlooker, "cron") as schedules, served(first) as one:
        schedules.until(lambda row: row["name"] == "hourly")
        with served(second) as two:
            assert two.process.wait(timeout=30) == 1
            said = two.errors.read_text(encoding="utf-8")
        assert one.process.poll() is None
        assert [row["name"] for row in Command(onlooker)("cron", "--json").rows] == ["hourly"]
    assert f"Two workspaces on this backend call themselves berlin: {first} on " in said
    assert "Set `node:` in the syncdeck.yaml of one of them to another name" in said


def test_what_is_no_schedule_is_named_and_removed_once_somebody_agrees(tmp_path: Path) -> None:
    command = Command(workspace(tmp_path, "berlin", TASKS))
    asyncio.run(_write_by_hand(tmp_path, "cron/plan/weekly", b"every week"))

    listed = command("cron").out
    unsure = command("cron", "remove", "weekly")
    agreed = command("cron", "remove", "weekly", "--yes")

    assert "weekly is no schedule that this version can read, and never fires: 10 bytes, every week." in listed
    assert "syncdeck cron remove weekly" in listed
    assert (unsure.code, "Nothing was removed. Give --yes to remove it." in unsure.err) == (1, True)
    assert (agreed.code, "weekly" in command("cron").out) == (2, False)


async def _write_by_hand(folder: Path, key: str, value: bytes) -> None:
    async with bring_together().coordinate(folder) as here:
        await here.coordination.line.put(key, value)
