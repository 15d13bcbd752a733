"""Locks, leaders, tasks, schedules and keys by the real command, in processes of their own."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from tests.journeys.command import PEOPLE, ROOT, Command
from tests.journeys.serving import served

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

POLITE = """
import signal, sys
def leave(*_): print("bye", flush=True); sys.exit(9)
signal.signal(signal.SIGTERM, leave)
print("up", flush=True)
signal.pause()
"""


@pytest.fixture
def command(tmp_path: Path) -> Command:
    (tmp_path / "syncdeck.yaml").write_text(SETTINGS)
    return Command(tmp_path)


@contextmanager
def running(folder: Path, *words: str, typing: bool = False) -> Iterator[subprocess.Popen[str]]:
    """Run a command beside the test; it is killed at the end if it goes on."""
    process = subprocess.Popen(
        [sys.executable, "-m", "console", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "SYNCDECK_ACTOR": "bob@desk", "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE if typing else subprocess.DEVNULL,
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


class Watch:
    """What `--watch --json` prints, line by line: a test looks at it instead of asking again and again."""

    def __init__(self, lines: IO[str]) -> None:
        self._lines = lines

    def until(self, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Return the first row from here on of which this holds."""
        for line in self._lines:
            row: dict[str, Any] = json.loads(line)
            if holds(row):
                return row
        raise AssertionError("the watch ended before")


@contextmanager
def watching(folder: Path, *words: str) -> Iterator[Watch]:
    """Watch a list until the block ends."""
    with running(folder, *words, "--watch", "--json") as process:
        assert process.stdout is not None
        yield Watch(process.stdout)


def held(row: dict[str, Any]) -> Any:
    return row.get("holder")


def holding(folder: Path, *more: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """Hold the lock `deploy` in another process."""
    return running(folder, "lock", "deploy", *more, "--", "sleep", "60")


def test_a_command_runs_under_the_lock_with_its_token_and_its_exit_code(command: Command) -> None:
    first = command("lock", "deploy", "--", "sh", "-c", "echo $SYNCDECK_TOKEN; exit 5")
    second = command("lock", "deploy", "--", "sh", "-c", "echo $SYNCDECK_TOKEN")
    assert (first.code, second.code) == (5, 0)
    assert int(second.out) > int(first.out)


def test_a_command_runs_under_the_lock_though_standard_input_is_closed(command: Command) -> None:
    closed = ("sh", "-c", 'exec "$@" <&-', "sh")
    shell = Command(command.folder, behind=closed)
    ended = shell("lock", "deploy", "--", "cat")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


def test_a_lock_that_is_held_is_not_got_and_the_answer_says_by_whom(command: Command, tmp_path: Path) -> None:
    with watching(tmp_path, "locks") as locks, holding(tmp_path) as other:
        assert locks.until(held)["holder"]["purpose"] == "lock deploy"
        ended = command("lock", "deploy", "--wait", "0s", "--", "touch", "never")
        assert ended.code == 7
        assert "bob@desk" in ended.err
        assert str(other.pid) in ended.err
    assert not (tmp_path / "never").exists()


def test_a_lock_taken_away_stops_the_command_and_the_next_in_line_goes_on(command: Command, tmp_path: Path) -> None:
    with watching(tmp_path, "locks") as locks, holding(tmp_path) as first:
        token = locks.until(held)["holder"]["token"]
        with holding(tmp_path) as second:
            locks.until(lambda row: row["waiters"])
            assert command("locks", "release", "deploy", "--token", str(token - 1), "--reason", "old").code == 0
            assert first.poll() is None
            assert command("locks", "release", "deploy", "--token", str(token), "--reason", "stuck").code == 2
            assert first.wait(10) == 7
            after = locks.until(lambda row: held(row) and row["holder"]["pid"] == second.pid)
            assert after["holder"]["token"] > token
    (audited,) = command("events", "--type", "lock.revoked", "--json").rows
    assert (audited["data"]["reason"], audited["data"]["token"]) == ("stuck", token)


def test_whoever_asks_the_holder_to_end_asks_its_command_which_has_the_last_word(
    command: Command, tmp_path: Path
) -> None:
    with running(tmp_path, "lock", "deploy", "--", sys.executable, "-IS", "-c", POLITE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "up\n"
        holder.terminate()
        assert (holder.wait(10), holder.stdout.readline()) == (9, "bye\n")


def test_a_killed_holder_is_succeeded_at_once(command: Command, tmp_path: Path) -> None:
    with watching(tmp_path, "locks") as locks, holding(tmp_path, "--ttl", "60s") as first:
        locks.until(held)
        os.kill(first.pid, signal.SIGKILL)
        ended = command("lock", "deploy", "--wait", "10s", "--", "true")
    assert ended.code == 0
    ways = [past["ending"] for past in command("locks", "show", "deploy", "--json").row["past"]]
    assert ways == ["released", "lapsed"]


def test_one_of_all_candidates_leads_and_terms_are_remembered(command: Command, tmp_path: Path) -> None:
    with (
        watching(tmp_path, "leaders") as leaders,
        running(tmp_path, "elect", "importer", "--value", "blue", "--", "sleep", "60"),
    ):
        leading = leaders.until(held)["holder"]
        assert leading["value"] == "blue"
        assert command("elect", "importer", "--wait", "0s", "--", "true").code == 7
        resigning = command("leaders", "resign", "importer", "--term", str(leading["token"]), "--reason", "upgrade")
        assert resigning.code == 2
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


def test_a_list_of_keys_that_is_cut_says_so(command: Command) -> None:
    for key in ("a", "b"):
        command("keys", "put", key, "1")
    assert "Only the first 1;" in command("keys", "list", "--limit", "1").out
    assert "Only the first" not in command("keys").out


def test_what_is_watched_is_printed_as_it_happens(command: Command, tmp_path: Path) -> None:
    command("keys", "put", "deploy/a", "1")
    with running(tmp_path, "keys", "watch", "deploy/", "--json") as process:
        assert process.stdout is not None
        keys = Watch(process.stdout)
        assert keys.until(bool)["key"] == "deploy/a"
        keys.until(lambda row: row.get("synced"))
        command("keys", "put", "deploy/b", "2")
        assert keys.until(bool)["value"] == "2"
        command("keys", "delete", "deploy/a")
        assert keys.until(bool) == {"gone": "deploy/a"}


def test_the_list_of_keys_can_be_watched_as_every_other(command: Command, tmp_path: Path) -> None:
    with watching(tmp_path, "keys", "list", "deploy/") as keys:
        command("keys", "put", "other", "1")
        command("keys", "put", "deploy/a", "2")
        assert keys.until(bool)["key"] == "deploy/a"
        command("keys", "delete", "deploy/a")
        assert keys.until(bool) == {"gone": "deploy/a"}


def test_messages_are_appended_in_order_and_read_from_any_place(command: Command) -> None:
    assert command("streams", "append", "orders", "placed", "--expected", "0", "--json").row["offset"] == 1
    assert command("streams", "append", "orders", typed="paid\n").code == 2
    refused = command("streams", "append", "orders", "sent", "--expected", "1")
    assert (refused.code, "somebody appended" in refused.err) == (4, True)
    for _ in range(2):
        assert command("streams", "append", "orders", "sent", "--key", "order-7", "--json").row["offset"] == 3
    read = command("streams", "read", "orders", "--json").rows
    assert [(row["offset"], row["data"], row["key"]) for row in read] == [
        (1, "placed", ""),
        (2, "paid\n", ""),
        (3, "sent", "order-7"),
    ]
    assert [row["offset"] for row in command("streams", "read", "orders", "--limit", "1", "--json").rows] == [3]
    (second,) = command("streams", "read", "orders", "--from", "2", "--limit", "1").out.splitlines()
    assert second.startswith("2  ")
    assert command("streams", "--json").row == {"stream": "orders", "last": 3, "messages": 3, "groups": {}}
    missing = command("streams", "read", "parcels")
    assert (missing.code, "There is no stream parcels" in missing.err) == (1, True)


def test_a_stream_is_followed_as_it_grows(command: Command, tmp_path: Path) -> None:
    command("streams", "append", "orders", "placed")
    with running(tmp_path, "streams", "read", "orders", "--follow", "--json") as process:
        assert process.stdout is not None
        messages = Watch(process.stdout)
        assert messages.until(bool)["data"] == "placed"
        command("streams", "append", "orders", "paid")
        assert messages.until(bool)["data"] == "paid"


def test_one_interrupt_ends_the_wait_for_standard_input(tmp_path: Path, command: Command) -> None:
    with running(tmp_path, "streams", "append", "orders", typing=True) as process:
        assert process.stdin is not None
        process.stdin.write("the beginning")
        process.stdin.flush()
        while unread(process.stdin):
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
    assert command("streams", "--json").rows == []


def unread(pipe: IO[str]) -> int:
    """Return how many bytes stand in a pipe."""
    (number,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))
    return int(number)


def test_the_list_of_streams_can_be_watched(command: Command, tmp_path: Path) -> None:
    with watching(tmp_path, "streams") as streams:
        command("streams", "append", "orders", "placed")
        assert streams.until(bool)["last"] == 1


def test_a_backend_without_streams_refuses_them_before_it_is_asked(tmp_path: Path) -> None:
    nowhere = "coordination: {type: etcd, url: 'http://127.0.0.1:1', namespace: acme}\n"
    (tmp_path / "syncdeck.yaml").write_text(f"syncdeck: 1\n{nowhere}")
    command = Command(tmp_path)
    for words in ((), ("--watch",), ("read", "orders"), ("read", "orders", "--follow"), ("append", "orders", "x")):
        ended = command("streams", *words)
        assert (ended.code, "etcd keeps its whole history in memory" in ended.err) == (1, True), words


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
        with watching(tmp_path, "tasks") as tasks:
            tasks.until(lambda row: row["state"] == "dead")
            assert command("tasks", "retry", ended.row["id"][:8]).code == 2
            assert tasks.until(lambda row: row["state"] == "dead" and row["ended"] > ended.row["ended"])
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
    changing = ("keys put a 2", "lock deploy -- true", "tasks submit hello", "streams append orders x")
    for words in map(str.split, changing):
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
    with watching(folders[0], "tasks") as tasks, served(folders[0]) as first, served(folders[1]) as second:
        for _ in range(3):
            tasks.until(lambda row: row["state"] == "done")
        leader = command("leaders", "--json").row["holder"]["pid"]
        (first if first.process.pid == leader else second).process.kill()
        for _ in range(3):
            tasks.until(lambda row: row["state"] == "done" and row["worker"]["pid"] != leader)
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
    with watching(tmp_path, "tasks") as tasks, served(tmp_path):
        assert command("cron", "fire", "sync:engineering").code == 2
        done = tasks.until(lambda row: row["state"] == "done")
    assert (done["name"], done["result"]["ending"]) == ("sync:engineering", "applied")
    assert "cy@acme.example" in (tmp_path / "team.yaml").read_text()
