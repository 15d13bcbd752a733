"""Whether a process is gone, told from its mark."""

from __future__ import annotations

import os
import subprocess
import sys

from engine.storage.processes import is_gone, mark_of, this_process


def test_this_process_is_here() -> None:
    assert this_process() == mark_of(os.getpid())
    assert not is_gone(this_process())


def test_a_process_that_ended_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        mark = mark_of(process.pid)
        assert not is_gone(mark)

    assert is_gone(mark)


def test_another_process_under_the_same_number_is_not_the_old_one() -> None:
    host, pid, start = this_process().rsplit(":", 2)
    namespace, _, ticks = start.partition("/")

    assert is_gone(f"{host}:{pid}:{namespace}/{int(ticks) - 1}")


def test_a_process_of_another_host_or_container_cannot_be_judged_from_here() -> None:
    host, _, start = this_process().rsplit(":", 2)

    assert not is_gone(f"elsewhere:999999999:{start}")
    assert not is_gone(f"{host}:999999999:1234567/42")
