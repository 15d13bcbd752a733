"""Processes that hold one lock on real backends while they are killed, stopped for longer than their time, cut off, and
their server restarted and its clock set: the history each run leaves must be one that a lock may leave.

[SYNCDECK_HOLDING: seconds of trouble for each backend]
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

import psutil
import pytest

from engine.clock import SystemClock
from tests.architecture.sources import ROOT
from tests.faults.held_history import Note, faults, read_notes
from tests.faults.holder import lay_out
from tests.servers.engines import engine
from tests.servers.postgres import USER, start_postgres
from tests.servers.redis import start_redis
from tests.servers.server_process import ServerProcess
from tests.servers.set_clock import SettableClock, settable_clock
from tests.servers.switch_proxy import Line, SwitchProxy, start_switch

SECONDS = float(os.environ.get("SYNCDECK_HOLDING", "2.5"))
PROCESSES = 4
CLOCK = SystemClock()


@dataclass(frozen=True, slots=True)
class Ground:
    """A backend to hold something at: its settings, and the ttl with which sessions are still quick to lapse."""

    kind: str
    settings: str
    ttl: float
    restarts: bool = True
    """The server keeps what it acknowledged when it is killed."""
    asleep: float = 1.6
    """For how many times the ttl a stopped process sleeps: longer than the backend lets its session live."""
    late: float = 0.0
    """Seconds for which, by the promises, a holder whose lines were all cut may not know that it lost."""
    with_clock: Callable[..., AbstractContextManager[ServerProcess]] | None = None
    """Starts a server whose wall clock can be set; what is linked without a C library keeps its own."""


GROUNDS = [
    Ground("sqlite", "type: sqlite, path: {shared}/coordination.db", 1.0),
    Ground("redis", "type: redis, url: redis://{address}, timeout: 1s", 1.0, with_clock=start_redis),
    Ground(
        "postgres",
        "type: postgres, url: postgresql://{login}@{address}/postgres, password: env:PW, timeout: 1s",
        1.0,
        late=0.9,
        with_clock=start_postgres,
    ),
    Ground("etcd", "type: etcd, url: http://{address}, timeout: 1s", 2.0),
    Ground("nats", "type: nats, url: nats://{address}, timeout: 1s", 1.0, asleep=2.5),
    Ground(
        "consul", "type: consul, url: http://{address}, timeout: 1s, shortest_ttl: 1s", 1.0, restarts=False, asleep=4.0
    ),
]


@dataclass
class Holder:
    """A process at work, its line to the server, and when it was last seen stopped."""

    folder: Path
    process: subprocess.Popen[bytes]
    line: SwitchProxy | None
    stopped: float = 0.0


@dataclass
class Story:
    """One run of trouble."""

    ground: Ground
    shared: Path
    chance: Random
    holders: list[Holder] = field(default_factory=list)
    born: int = 0
    ends: ExitStack = field(default_factory=ExitStack)
    server: ServerProcess | None = None
    clock: SettableClock | None = None

    def begin(self) -> None:
        """Have a server, and everybody at work."""
        if self.ground.with_clock is not None:
            self.clock = self.ends.enter_context(settable_clock())
            self.server = self.ends.enter_context(self.ground.with_clock(environment=self.clock.environment))
        elif self.ground.kind != "sqlite":
            self.server = engine(self.ground.kind)
        for place in range(PROCESSES):
            self.bear(place)

    def bear(self, place: int) -> None:
        """Start a process, in the place of one that died or as another one."""
        folder = self.shared / f"place-{place}"
        line = self.holders[place].line if place < len(self.holders) else self._line()
        folder.mkdir(exist_ok=True)
        settings = self.ground.settings.format(shared=self.shared, address=line.address if line else "", login=USER)
        namespace = f"held-{os.getpid()}-{self.shared.parent.name[-8:].replace('_', '-')}"
        coordination = f"{{{settings}, ttl: {self.ground.ttl:g}s, namespace: {namespace}}}"
        (folder / "syncdeck.yaml").write_text(f"syncdeck: 1\nnode: n{place}\ncoordination: {coordination}\n")
        self.born += 1
        stops = "100" if self.born == 1 else "1"  # the first one stops before its very first write
        words = ["-m", "tests.faults.holder", str(folder), str(self.shared / "resource.db"), str(self.born), stops]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PW": getattr(self.server, "password", "")}
        errors = self.ends.enter_context((folder / "errors").open("ab"))
        process = subprocess.Popen([sys.executable, *words], cwd=ROOT, env=environment, stderr=errors)
        holder = Holder(folder, process, line)
        self.holders[place : place + 1] = [holder]

    def _line(self) -> SwitchProxy | None:
        return None if self.server is None else self.ends.enter_context(start_switch(self.server.port))

    def notes(self) -> list[Note]:
        return read_notes(self.shared.glob("place-*/*.notes"))

    def wake_sleepers(self) -> None:
        """Let whoever has been stopped for longer than its time go on."""
        for holder in self.holders:
            if (
                holder.process.poll() is not None
                or psutil.Process(holder.process.pid).status() != psutil.STATUS_STOPPED
            ):
                holder.stopped = 0.0
            elif not holder.stopped:
                holder.stopped = CLOCK.monotonic()
            elif CLOCK.monotonic() - holder.stopped > self.ground.asleep * self.ground.ttl:
                holder.process.send_signal(signal.SIGCONT)

    def trouble(self) -> None:
        """Do something to somebody."""
        place = self.chance.randrange(PROCESSES)
        holder = self.holders[place]
        match self.chance.choice(("kill", "kill", "stop", "cut", "cut off", "set the clock")):
            case "kill":
                holder.process.kill()
                holder.process.wait()
                self.bear(place)
            case "stop":
                holder.process.send_signal(signal.SIGSTOP)
            case "cut" if holder.line is not None:
                holder.line.cut()
            case "cut off" if holder.line is not None:
                turned = holder.line.line is not Line.THROUGH
                holder.line.turn(Line.THROUGH if turned else Line.BLACKHOLE)
            case "set the clock":
                self.set_clock(self.chance.choice((0, 2, -1)))

    def set_clock(self, hours: int) -> None:
        """Put the server's wall clock off by so much, where that can be done."""
        if self.clock is not None:
            self.clock.set(timedelta(hours=hours))

    def end(self) -> None:
        for holder in self.holders:
            holder.process.kill()
            holder.process.wait()
        self.ends.close()


@contextmanager
def at_work(ground: Ground, folder: Path) -> Iterator[Story]:
    lay_out(folder / "resource.db")
    story = Story(ground, folder, Random(ground.kind))
    try:
        story.begin()
        yield story
    finally:
        story.end()


def pass_time(story: Story, seconds: float) -> None:
    """Let things happen for so long; those who sleep are woken in their time."""
    end, pause = CLOCK.monotonic() + seconds, threading.Event()
    while CLOCK.monotonic() < end:
        story.wake_sleepers()
        pause.wait(0.05)


def wait_for(story: Story, what: str, more: int, *, within: float = 90) -> None:
    """Wait until so many more notes of a kind were written."""
    before = sum(note.what == what for note in story.notes())
    end = CLOCK.monotonic() + within
    while sum(note.what == what for note in story.notes()) < before + more:
        said = [note for note in story.notes() if note.what == "failed"][-3:]
        errors = "".join(holder.folder.joinpath("errors").read_text()[-2_000:] for holder in story.holders)
        assert CLOCK.monotonic() < end, f"{what} is noted no more: {said} {errors}"
        pass_time(story, 0.1)


@pytest.mark.soak
@pytest.mark.parametrize("ground", GROUNDS, ids=lambda ground: ground.kind)
def test_the_history_is_one_that_a_lock_may_leave(ground: Ground, tmp_path: Path) -> None:
    with at_work(ground, tmp_path) as story:
        wait_for(story, "refused", 1)  # the first one stopped after looking, and went on when others had written
        story.set_clock(2)
        end = CLOCK.monotonic() + SECONDS
        while CLOCK.monotonic() < end:
            story.trouble()
            pass_time(story, story.chance.uniform(0.1, 0.5))
        story.set_clock(-1)
        if ground.restarts and story.server is not None:
            story.server.kill()
            pass_time(story, 0.3)
            story.server.restart()
        for holder in story.holders:
            if holder.line is not None:
                holder.line.turn(Line.THROUGH)
        wait_for(story, "granted", 10)
        notes = story.notes()
    assert faults(notes, late=ground.late) == []
    with closing(sqlite3.connect(tmp_path / "resource.db")) as resource:
        written = resource.execute("SELECT token, accepted FROM written ORDER BY number").fetchall()
    accepted = [token for token, taken in written if taken]
    assert accepted == sorted(accepted)


HONEST = [
    Note("a", "asked", 1.0),
    Note("a", "granted", 1.1, 7),
    Note("a", "held", 1.2, 7),
    Note("b", "asked", 1.3),
    Note("b", "granted", 2.0, 8),
]


def test_an_honest_history_is_one() -> None:
    assert faults(HONEST) == []


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        (Note("a", "held", 2.1, 7), "a still held with token 7 100.0 ms after b got 8"),
        (Note("c", "granted", 2.2, 8), "Token 8 was granted to b and to c"),
        (Note("c", "granted", 2.2, 6), "c asked after a had token 7, and got 6"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_history_that_no_lock_leaves_is_found_out(more: Note, fault: str) -> None:
    notes = [*HONEST, Note("c", "asked", 1.5), more]
    assert fault in " ".join(faults(sorted(notes, key=lambda note: note.at)))
