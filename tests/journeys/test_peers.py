"""`syncdeck peers` against a node that serves: exit codes, sentences within 80 columns, and every act."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.command import Command, Ended
from tests.journeys.serving import Served, served, workspace


def peers_section(url: str, more: str = "") -> str:
    return f'peers:\n  hamburg: {{url: "{url}"{more}}}\n'


def append(command: Command, aggregate: str, kind: str = "user.changed", data: str = '{"name": "Ann"}') -> None:
    ended = command("events", "append", "--type", kind, "--aggregate", aggregate, "--data", data)
    assert ended.code == 0, ended.err


@pytest.fixture
def hamburg(tmp_path: Path) -> Iterator[Served]:
    with served(workspace(tmp_path / "hamburg", "hamburg")) as node:
        yield node
        assert node.stop() == 0


@pytest.fixture
def berlin(tmp_path: Path, hamburg: Served) -> Command:
    return Command(workspace(tmp_path / "berlin", "berlin", peers_section(hamburg.url)))


@pytest.fixture
def there(tmp_path: Path, hamburg: Served) -> Command:
    return Command(tmp_path / "hamburg")


def narrow(ended: Ended) -> str:
    """Return what was printed, all of it within 80 columns."""
    assert max(map(len, ended.out.splitlines()), default=0) <= 80, ended.out
    return ended.out


def test_the_exit_code_of_a_sync_says_whether_anything_was_exchanged(berlin: Command, there: Command) -> None:
    append(berlin, "user:1")
    append(there, "user:2")
    append(there, "user:3")

    first, second, third = (berlin("peers", "sync", "hamburg") for _ in range(3))

    assert (first.code, second.code, third.code) == (2, 2, 0)
    assert "hamburg: 2 events pulled, 1 pushed" in narrow(first)
    assert "0 events pulled, 1 pushed" in narrow(second)  # the record of the first
    assert "nothing new on either side" in narrow(third)
    assert {row["aggregate_id"] for row in berlin("events", "--type", "user.*", "--json").rows} == {
        "user:1", "user:2", "user:3"
    }  # fmt: skip


def test_peers_are_listed_and_shown_with_their_vectors(berlin: Command, there: Command) -> None:
    before = narrow(berlin("peers"))
    append(there, "user:2")
    berlin("peers", "sync", "--all")
    append(berlin, "user:1")

    listed, shown = narrow(berlin("peers")), narrow(berlin("peers", "show", "hamburg"))
    row = berlin("peers", "--json").row

    assert "never" in before
    assert "connected" in listed
    assert "1 in" in listed
    assert all(word in shown for word in ("hamburg~", "berlin~", "HERE", "THERE", "direction"))
    assert (row["name"], row["connection"], row["to_push"], row["to_pull"]) == ("hamburg", "connected", 2, 0)


def test_a_comparison_proves_equality_or_says_what_is_lacking(berlin: Command, there: Command) -> None:
    append(there, "user:2")
    lacking = berlin("peers", "compare", "hamburg")
    berlin("peers", "sync", "hamburg")
    equal = berlin("peers", "compare", "hamburg")

    assert (lacking.code, equal.code) == (2, 0)
    assert "1 events are at hamburg and not here" in narrow(lacking)
    assert "every aggregate has the same state on both sides" in narrow(equal)
    assert berlin("peers", "compare", "hamburg", "--json").row["states_equal"] is True


def test_a_connection_is_tested_step_by_step(berlin: Command) -> None:
    fine = berlin("peers", "test", "hamburg")

    assert fine.code == 0
    assert [line.split()[:2] for line in fine.out.splitlines()] == [
        ["ok", step] for step in ("address", "TLS", "token", "protocol", "histories")
    ]


def test_a_paused_peer_is_left_alone(berlin: Command) -> None:
    assert berlin("peers", "pause", "hamburg").code == 0
    paused = berlin("peers", "sync", "hamburg")
    none = berlin("peers", "sync", "--all", "--direction", "pull")
    assert "paused" in narrow(berlin("peers"))
    assert berlin("peers", "resume", "hamburg").code == 0

    assert (paused.code, none.code) == (1, 0)
    assert "syncdeck peers resume hamburg" in paused.out
    assert berlin("peers", "sync", "hamburg").code == 0


def test_one_direction_moves_nothing_the_other_way(berlin: Command, there: Command) -> None:
    append(berlin, "user:1")
    append(there, "user:2")

    pushed = berlin("peers", "sync", "hamburg", "--direction", "push", "--json").row

    assert (pushed["pulled"], pushed["pushed"], pushed["direction"]) == (0, 1, "push")


def test_a_filter_leaves_out_and_a_wider_one_brings_it_later(tmp_path: Path, hamburg: Served, there: Command) -> None:
    folder = workspace(tmp_path / "berlin", "berlin", peers_section(hamburg.url, ', types: ["user.*"]'))
    for number in range(3):
        append(there, f"user:{number}")
        append(there, f"order:{number}", "order.placed")
    berlin = Command(folder)
    filtered = [berlin("peers", "sync", "hamburg") for _ in range(2)]
    compared = berlin("peers", "compare", "hamburg")
    workspace(folder, "berlin", peers_section(hamburg.url))
    wider = berlin("peers", "sync", "hamburg", "--json").row

    assert [ended.code for ended in filtered] == [2, 0]
    assert compared.code == 0
    assert wider["pulled"] == 3
    assert berlin("peers", "compare", "hamburg", "--json").row["states_equal"] is True


def test_a_restored_backup_takes_a_new_origin_and_says_so(tmp_path: Path, berlin: Command) -> None:
    append(berlin, "user:1")
    assert berlin("backup", str(tmp_path / "kept.db")).code == 0
    append(berlin, "user:2")
    berlin("peers", "sync", "hamburg")
    state = tmp_path / "berlin" / ".syncdeck" / "state.db"
    for file in state.parent.glob("state.db*"):
        file.unlink()
    state.write_bytes((tmp_path / "kept.db").read_bytes())
    append(berlin, "user:3")

    restored = berlin("peers", "sync", "hamburg")

    assert restored.code == 2
    assert "restored from a backup or copied" in " ".join(narrow(restored).split())
    assert {row["aggregate_id"] for row in berlin("events", "--type", "user.*", "--json").rows} == {
        "user:1", "user:2", "user:3"
    }  # fmt: skip
    assert berlin("peers", "compare", "hamburg").code == 0


def test_a_peer_that_is_away_is_said_to_be_in_seconds(tmp_path: Path) -> None:
    berlin = Command(workspace(tmp_path, "berlin", peers_section("http://127.0.0.1:9")))

    failed = berlin("peers", "sync", "hamburg")
    tested = berlin("peers", "test", "hamburg")

    assert (failed.code, tested.code) == (1, 1)
    assert "nothing was exchanged" in narrow(failed)
    assert "syncdeck peers test hamburg" in failed.out
    assert tested.out.startswith("FAIL  address")
    assert "lost" in narrow(berlin("peers"))


def test_what_is_misspelt_is_answered_in_words(berlin: Command) -> None:
    for words in (("sync", "hamburk"), ("compare", "hamburk"), ("test", "hamburk"), ("pause", "hamburk")):
        ended = berlin("peers", *words)
        assert ended.code == 1
        assert "There is no peer hamburk" in ended.err
        assert "hamburg" in ended.err
    assert "syncdeck peers sync NAME" in berlin("peers", "sync").err


def test_who_may_only_look_may_list_and_compare_but_not_sync(berlin: Command) -> None:
    berlin("peers", "sync", "hamburg")

    assert berlin("peers", "--read-only").code == 0
    assert berlin("peers", "compare", "hamburg", "--read-only").code == 0
    assert "may only look" in berlin("peers", "sync", "hamburg", "--read-only").err
