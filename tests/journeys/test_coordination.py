"""Locks, leaders, tasks, schedules and keys by the real command, in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.command import PEOPLE, ROOT, Command
from tests.journeys.serving import served
from tests.journeys.test_serve import eventually

SETTINGS = """\
syncdeck: 1
node: desk-1
server: {port: 0}
coordination: {type: sqlite, ttl: 3s}
tasks:
  hello: {run: [python3, -c, "import sys; print('hello', sys.stdin.read())"]}
  broken: {run: [python3, -c, "import sys; sys.exit('the disk is full')"], attempts: 1}
cron:
  yearly: {cron: "0 0 1 1 *", task: hello}
"""


@pytest.fixture
def command(tmp_path: Path) -> Command:
    (tmp_path / "syncdeck.yaml").write_text(SETTINGS)
    return Command(tmp_path)


@contextmanager
def running(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command beside the test; it is killed at the end if it goes on."""
    process = subprocess.Popen(
        [sys.executable, "-m", "console", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "SYNCDECK_ACTOR": "bob@desk", "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def holder(command: Command, name: str) -> dict[str, Any] | None:
    """Return who holds a lock."""
    held = {row["name"]: row["holder"] for row in command("locks", "--json").rows}
    return held.get(name)


def held_by_somebody(folder: Path, command: Command, name: str = "deploy", *more: str) -> Any:
    return running(folder, "lock", name, *more, "--", "sleep", "60")


def test_a_command_runs_under_the_lock_with_its_token_and_its_exit_code(command: Command) -> None:
    first = command("lock", "deploy", "--", "sh", "-c", "echo $SYNCDECK_TOKEN; exit 5")
    second = command("lock", "deploy", "--", "sh", "-c", "echo $SYNCDECK_TOKEN")
    assert (first.code, second.code) == (5, 0)
    assert int(second.out) > int(first.out)


def test_a_lock_that_is_held_is_not_got_and_the_answer_says_by_whom(command: Command, tmp_path: Path) -> None:
    with held_by_somebody(tmp_path, command) as other:
        assert eventually(lambda: holder(command, "deploy") is not None)
        ended = command("lock", "deploy", "--wait", "0s", "--", "touch", "never")
        assert ended.code == 7
        assert "bob@desk" in ended.err
        assert str(other.pid) in ended.err
    assert not (tmp_path / "never").exists()


def test_a_lock_taken_away_stops_the_command_and_the_next_in_line_goes_on(command: Command, tmp_path: Path) -> None:
    with held_by_somebody(tmp_path, command) as first:
        assert eventually(lambda: holder(command, "deploy") is not None)
        token = holder(command, "deploy")["token"]  # type: ignore[index]
        with held_by_somebody(tmp_path, command) as second:
            assert eventually(lambda: len(command("locks", "--json").row["waiters"]) == 1)
            assert command("locks", "release", "deploy", "--token", str(token - 1), "--reason", "old").code == 0
            assert first.poll() is None
            assert command("locks", "release", "deploy", "--token", str(token), "--reason", "stuck").code == 2
            assert first.wait(10) == 7
            assert eventually(lambda: (holder(command, "deploy") or {}).get("pid") == second.pid)
            assert holder(command, "deploy")["token"] > token  # type: ignore[index]
    (audited,) = command("events", "--type", "lock.revoked", "--json").rows
    assert (audited["data"]["reason"], audited["data"]["token"]) == ("stuck", token)


def test_a_killed_holder_is_succeeded_at_once(command: Command, tmp_path: Path) -> None:
    with held_by_somebody(tmp_path, command, "deploy", "--ttl", "60s") as first:
        assert eventually(lambda: holder(command, "deploy") is not None)
        os.kill(first.pid, signal.SIGKILL)
        ended = command("lock", "deploy", "--wait", "10s", "--", "true")
    assert ended.code == 0
    ways = [past["ending"] for past in command("locks", "show", "deploy", "--json").row["past"]]
    assert ways == ["released", "lapsed"]


def test_one_of_all_candidates_leads_and_terms_are_remembered(command: Command, tmp_path: Path) -> None:
    with running(tmp_path, "elect", "importer", "--value", "blue", "--", "sleep", "60"):
        assert eventually(lambda: bool(command("leaders", "--json").rows))
        assert command("leaders", "--json").row["holder"]["value"] == "blue"
        assert command("elect", "importer", "--wait", "0s", "--", "true").code == 7
        term = command("leaders", "--json").row["holder"]["token"]
        assert command("leaders", "resign", "importer", "--term", str(term), "--reason", "upgrade").code == 2
    assert command("elect", "importer", "--value", "green", "--", "true").code == 0
    terms = command("leaders", "show", "importer", "--json").row["terms"]
    assert [each["value"] for each in terms] == ["green", "blue"]


def test_keys_are_written_only_by_who_knows_the_revision(command: Command) -> None:
    assert command("keys", "put", "release", "42", "--expected", "0").code == 2
    refused = command("keys", "put", "release", "43", "--expected", "0")
    assert refused.code == 4
    assert "release has revision" in refused.err
    revision = command("keys", "get", "release", "--json").row["revision"]
    assert command("keys", "put", "release", "43", "--expected", str(revision)).code == 2
    assert command("keys", "get", "release").out == "43"
    assert command("keys", "delete", "release", "--expected", str(revision)).code == 4
    assert command("keys", "delete", "release").code == 2
    assert command("keys", "get", "release").code == 1


def test_what_is_watched_is_printed_as_it_happens(command: Command, tmp_path: Path) -> None:
    command("keys", "put", "deploy/a", "1")
    with running(tmp_path, "keys", "watch", "deploy/", "--json") as watching:
        assert watching.stdout is not None
        seen = [json.loads(watching.stdout.readline()) for _ in range(2)]
        assert [row.get("key", "synced") for row in seen] == ["deploy/a", "synced"]
        command("keys", "put", "deploy/b", "2")
        assert json.loads(watching.stdout.readline())["value"] == "2"
        command("keys", "delete", "deploy/a")
        assert json.loads(watching.stdout.readline()) == {"gone": "deploy/a"}


def test_a_task_is_done_by_a_worker_and_its_output_kept(command: Command, tmp_path: Path) -> None:
    with running(tmp_path, "tasks", "work"):
        ended = command("tasks", "submit", "hello", "--payload", '{"to": "ann"}', "--key", "once", "--wait", "--json")
        assert (ended.code, ended.row["state"]) == (0, "done")
        assert ended.row["result"]["output"] == 'hello {"to":"ann"}\n'
        again = command("tasks", "submit", "hello", "--key", "once", "--json").row
    assert again["id"] == ended.row["id"]


def test_a_task_that_fails_is_dead_with_what_it_said_and_can_be_tried_again(command: Command, tmp_path: Path) -> None:
    with running(tmp_path, "tasks", "work"):
        ended = command("tasks", "submit", "broken", "--wait", "--json")
        assert (ended.code, ended.row["state"]) == (1, "dead")
        assert "the disk is full" in ended.row["error"]
        assert command("tasks", "retry", ended.row["id"][:8]).code == 2
        assert eventually(lambda: command("tasks", "show", ended.row["id"], "--json").row["state"] == "dead")
    assert command("tasks", "delete", ended.row["id"]).code == 2
    assert command("tasks", "--json").rows == []


def test_a_command_that_does_not_exist_is_refused_with_the_nearest(command: Command) -> None:
    ended = command("tasks", "submit", "helo")
    assert (ended.code, "Did you mean hello?" in ended.err) == (1, True)


def test_schedules_are_added_paused_fired_and_removed(command: Command) -> None:
    assert command("cron", "add", "weekly", "--cron", "0 7 * * mon", "--task", "hello").code == 2
    assert command("cron", "add", "weekly", "--cron", "0 7 * * mon", "--task", "hello").code == 1
    assert [row["name"] for row in command("cron", "--json").rows] == ["weekly", "yearly"]
    assert command("cron", "add", "bad", "--cron", "61 * * * *", "--task", "hello").code == 1
    assert command("cron", "pause", "yearly").code == 2
    assert command("cron", "show", "yearly", "--json").row["next"] is None
    assert command("cron", "resume", "yearly").code == 2
    fired = command("cron", "fire", "weekly", "--json")
    assert (fired.code, fired.row["task"] is not None) == (2, True)
    assert command("cron", "remove", "weekly").code == 2
    assert command("cron", "remove", "yearly").code == 1


def test_nothing_is_changed_by_one_who_may_only_look(command: Command) -> None:
    command("keys", "put", "a", "1")
    for words in (("keys", "put", "a", "2"), ("lock", "deploy", "--", "true"), ("tasks", "submit", "hello")):
        ended = command("--read-only", *words[:1], *words[1:])
        assert (ended.code, "read-only" in ended.err) == (1, True), words
    assert command("--read-only", "keys", "get", "a").out == "1"


def test_serving_nodes_share_the_work_and_each_moment_fires_once(tmp_path: Path) -> None:
    shared = f"coordination: {{type: sqlite, ttl: 3s, path: {tmp_path / 'shared.db'}}}\n"
    work = "tasks: {hello: {run: [python3, -c, 'print(1)']}}\ncron: {often: {every: 1s, task: hello}}\n"
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
        (folder / "syncdeck.yaml").write_text(f"syncdeck: 1\nnode: {folder.name}\nserver: {{port: 0}}\n{shared}{work}")
    command = Command(folders[0])
    with served(folders[0]) as first, served(folders[1]) as second:
        assert eventually(lambda: len(command("tasks", "--state", "done", "--json").rows) >= 3)
        leader = command("leaders", "--json").row["holder"]["pid"]
        (first if first.process.pid == leader else second).process.kill()
        done = len(command("tasks", "--state", "done", "--json").rows)
        assert eventually(lambda: len(command("tasks", "--state", "done", "--json").rows) >= done + 3)
    fires = command("cron", "show", "often", "--json").row["fires"]
    moments = [fire["nominal"] for fire in fires]
    assert len(moments) == len(set(moments))
    origins = [row["origin"] for row in command("tasks", "--limit", "500", "--json").rows]
    assert len(origins) == len(set(origins))


def test_a_scheduled_sync_is_applied_by_a_serving_node_as_far_as_it_may(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(PEOPLE)
    (tmp_path / "team.yaml").write_text("members: []\n")
    (tmp_path / "syncdeck.yaml").write_text(
        """\
syncdeck: 1
server: {port: 0}
adapters:
  people: {type: csv_file, path: people.csv, key: email}
  team: {type: yaml_file, path: team.yaml, at: members, key: email}
syncs:
  engineering:
    source: people
    where: "department == 'eng' && active == 'yes'"
    targets: [team]
    schedule: {every: 10s, apply: additions}
"""
    )
    command = Command(tmp_path)
    with served(tmp_path):
        assert command("cron", "fire", "sync:engineering").code == 2
        assert eventually(lambda: "cy@acme.example" in (tmp_path / "team.yaml").read_text())
        assert eventually(lambda: command("tasks", "--state", "done", "--json").rows != [])
    done = command("tasks", "--state", "done", "--json").rows[-1]
    assert (done["name"], done["result"]["ending"]) == ("sync:engineering", "applied")
