"""Programs run to their end, or stopped with everything they started."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from engine.clock import SystemClock
from engine.coordination.working.running import Program, forwarding, run, started
from engine.errors import CoordinationError

CLOCK = SystemClock()
SHORT = timedelta(milliseconds=200)


def python(code: str, *, given: bytes = b"", grace: timedelta = SHORT, captured: bool = True) -> Program:
    return Program(argv=[sys.executable, "-c", code], given=given, grace=grace, captured=captured)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - other processes are asked
            await asyncio.sleep(0.005)


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def test_a_program_gets_its_input_and_its_output_is_kept() -> None:
    ended = await run(python("import sys; print(sys.stdin.read().upper()); sys.exit(3)", given=b"hello"), CLOCK)

    assert (ended.code, ended.exit_code, ended.output) == (3, 3, "HELLO\n")


async def test_of_long_output_the_end_is_kept_and_nobody_blocks() -> None:
    ended = await run(python("import sys; sys.stdout.write('x' * 5_000_000 + 'the end')"), CLOCK)

    assert ended.code == 0
    assert len(ended.output) == 16 * 1024
    assert ended.output.endswith("xthe end")


async def test_input_that_is_not_read_hinders_nobody() -> None:
    assert (await run(python("pass", given=b"x" * 1_000_000), CLOCK)).code == 0


async def test_what_a_signal_ended_has_the_code_that_a_shell_tells() -> None:
    ended = await run(python("import os; os.kill(os.getpid(), 9)"), CLOCK)

    assert (ended.code, ended.exit_code) == (-9, 137)


async def test_what_a_program_left_running_does_not_keep_it_from_ending() -> None:
    code = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid)"
    async with asyncio.timeout(20):
        ended = await run(python(code), CLOCK)
    left = int(ended.output)
    os.kill(left, signal.SIGKILL)

    assert ended.code == 0


FAMILY = """
import signal, subprocess, sys, time
{ignoring}
child = subprocess.Popen([sys.executable, "-c", {child!r}])
print(child.pid, flush=True)
open({path!r}, "w").write(str(child.pid))
time.sleep(60)
"""
IGNORING = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


@pytest.mark.parametrize("ignoring", ["", IGNORING], ids=["polite", "deaf"])
async def test_a_program_that_is_stopped_goes_with_all_that_it_started(tmp_path: Path, ignoring: str) -> None:
    path = tmp_path / "pid"
    child = f"import signal, time\n{IGNORING}\ntime.sleep(60)"
    program = python(FAMILY.format(ignoring=ignoring, child=child, path=str(path)))
    pids: list[int] = []

    async with asyncio.TaskGroup() as group:
        running = group.create_task(run(program, CLOCK))
        await until(lambda: path.exists() and path.read_text() != "")
        pids.append(int(path.read_text()))
        running.cancel()

    await until(lambda: all(map(gone, pids)))


async def test_a_program_is_told_to_end_before_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "said"
    code = f"""
import signal, sys, time
def bye(*_):
    open({str(path)!r}, "a").write("bye")
    sys.exit(0)
signal.signal(signal.SIGTERM, bye)
open({str(path)!r}, "w").write("here,")
time.sleep(60)
"""
    async with asyncio.TaskGroup() as group:
        running = group.create_task(run(python(code, grace=timedelta(seconds=10)), CLOCK))
        await until(lambda: path.exists() and path.read_text() == "here,")
        running.cancel()

    assert path.read_text() == "here,bye"


async def test_leaving_the_block_early_stops_the_program() -> None:
    async with started(python("import time; time.sleep(60)", captured=False), CLOCK) as running:
        pid = running._process.pid

    assert gone(pid)


async def test_signals_are_passed_on() -> None:
    code = "import os, signal, time; os.kill(os.getppid(), signal.SIGHUP); time.sleep(60)"
    with forwarding([signal.SIGHUP]) as signals:
        async with started(python(code, captured=False), CLOCK) as running:
            signals.to(running)
            ended = await running.wait()

    assert ended.code == -signal.SIGHUP


async def test_a_signal_that_comes_while_a_program_starts_reaches_it() -> None:
    with forwarding([signal.SIGHUP]) as signals:
        signal.raise_signal(signal.SIGHUP)
        await until(lambda: bool(signals._early))
        async with started(python("import time; time.sleep(60)", captured=False), CLOCK) as running:
            signals.to(running)
            ended = await running.wait()

    assert ended.code == -signal.SIGHUP


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (Program(argv=["no-such-program"]), "no-such-program cannot be started here: there is no such program"),
        (Program(argv=["true"], folder=Path("/no/such/folder")), "there is no folder /no/such/folder"),
        (Program(argv=["/etc/passwd"]), "Permission denied"),
        (Program(argv=["tr\0ue"]), "null byte"),
    ],
    ids=["program", "folder", "rights", "name"],
)
async def test_what_cannot_be_started_is_said_in_words(program: Program, said: str) -> None:
    before = psutil.Process().num_fds()
    with pytest.raises(CoordinationError, match=said):
        await run(program, CLOCK)
    await until(lambda: psutil.Process().num_fds() <= before)


async def test_many_programs_leave_no_descriptor_open() -> None:
    await run(python("pass"), CLOCK)
    before = psutil.Process().num_fds()
    for _ in range(5):
        await run(Program(argv=["true"]), CLOCK)

    await until(lambda: psutil.Process().num_fds() <= before)


async def test_a_program_does_not_outlive_the_one_who_started_it_and_was_killed(tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    inner = f"import os, time; open({str(noted)!r}, 'w').write(str(os.getpid()) + ' '); time.sleep(60)"
    outer = f"""
import asyncio, sys
from engine.clock import SystemClock
from engine.coordination.working.running import Program, run
asyncio.run(run(Program(argv=[sys.executable, "-c", {inner!r}]), SystemClock()))
"""
    starter = await asyncio.create_subprocess_exec(sys.executable, "-c", outer, env={**os.environ, "PYTHONPATH": "."})
    await until(lambda: noted.exists() and noted.read_text().endswith(" "))
    starter.kill()
    await starter.wait()

    await until(lambda: gone(int(noted.read_text())))
