"""Three servers of one NATS: the one that decides for the bucket is killed while a lock goes round and tasks are
worked at. They take some seconds to choose another one, in which nobody is served."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

from adapters.coordination.nats.backend import Nats
from engine.clock import SystemClock
from engine.coordination.working.task import Attempt, Task, TaskState
from engine.errors import CoordinationError
from engine.settings.context import AdapterContext
from engine.together import together
from tests.adapters.coordination.nats_bucket import administrator
from tests.contracts.store_case import until
from tests.doubles.coordinated import Habits, Process, process
from tests.faults.held_history import Note, faults
from tests.faults.holder import Diary, Resource, hold_again_and_again, lay_out
from tests.servers.nats import start_nats_cluster
from tests.servers.server_process import ServerProcess

NAMESPACE = "clustered"
CLOCK = SystemClock()
TTL = timedelta(seconds=3)
PATIENCE = 60.0


class Notebook(Diary):
    """A diary that many share, in memory."""

    def __init__(self, who: str, notes: list[Note]) -> None:
        self._who = who
        self._notes = notes

    def now(self) -> float:
        return CLOCK.monotonic()

    def note(self, what: str, token: int = 0, *, at: float | None = None, said: str = "") -> None:
        self._notes.append(Note(self._who, what, self.now() if at is None else at, token, said))


@dataclass
class Office:
    """Nodes at work at a cluster, and what they wrote down."""

    folder: Path
    servers: Sequence[ServerProcess]
    nodes: list[Process] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    submitted: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)

    def backend(self, number: int) -> Nats:
        """Return the backend of a node, which begins at a server of its own."""
        urls = [server.url for server in self.servers]
        first, *others = urls[number:] + urls[:number]
        settings = Nats.Settings(url=first, more_urls=tuple(others), replicas=3, timeout=timedelta(seconds=2))
        context = AdapterContext(adapter="coordination", folder=self.folder, secrets=lambda reference, _: reference)
        return Nats(settings, context, CLOCK, NAMESPACE)

    def grants(self) -> int:
        return sum(note.what == "granted" for note in self.notes)

    async def hold(self, number: int) -> None:
        diary = Notebook(f"n{number}", self.notes)
        resource = Resource(self.folder / "resource.db")
        await hold_again_and_again(self.nodes[number].coordination, diary, resource, Random(number), 0)

    async def work(self, node: Process) -> None:
        async def job(task: Task, attempt: Attempt) -> None:
            self.done.add(task.id)

        await node.tasks.run({"job": job})

    async def submit(self, node: Process) -> None:
        for number in range(1_000):
            await self._ask_for(node, number)
            await CLOCK.sleep(timedelta(milliseconds=50))

    async def _ask_for(self, node: Process, number: int) -> None:
        """Submit a task, for as long as it takes; the key keeps it one."""
        while True:
            try:
                self.submitted.add((await node.tasks.submit("job", number, key=f"job-{number}")).id)
            except CoordinationError:
                await CLOCK.sleep(timedelta(milliseconds=100))
            else:
                return

    async def all_done(self) -> bool:
        return self.submitted <= self.done


async def test_a_leader_that_is_killed_costs_seconds_and_nothing_else_which_takes_some(tmp_path: Path) -> None:
    lay_out(tmp_path / "resource.db")
    with start_nats_cluster() as servers:
        office = Office(tmp_path, servers)
        await until(lambda: _keeps_three_copies(office), PATIENCE)
        async with AsyncExitStack() as stack:
            for number in range(3):
                node = process(office.backend(number), CLOCK, f"n{number}", Habits(ttl=TTL))
                office.nodes.append(await stack.enter_async_context(node))
            async with together() as group:
                at_work = [group.create_task(office.hold(number)) for number in range(3)]
                at_work += [group.create_task(office.work(node)) for node in office.nodes[:2]]
                submitting = group.create_task(office.submit(office.nodes[2]))
                await _more(office)
                leader = await _leader(servers)
                servers[leader].kill()
                submitted = len(office.submitted)
                await _more(office)
                await until(lambda: _submitted(office, submitted + 10), PATIENCE)
                submitting.cancel()
                await until(office.all_done, PATIENCE)
                for each in at_work:
                    each.cancel()
                assert await _leader([server for server in servers if server.alive]) != leader
                kept = await office.nodes[leader].tasks.list([TaskState.DONE], limit=1_000)
    assert {task.id for task in kept} >= office.submitted
    assert faults(sorted(office.notes, key=lambda note: note.at)) == []
    with closing(sqlite3.connect(tmp_path / "resource.db")) as resource:
        tokens = [token for (token,) in resource.execute("SELECT token FROM written WHERE accepted ORDER BY number")]
    assert tokens == sorted(tokens)


async def _more(office: Office) -> None:
    """Wait until there were ten more grants, and a task more was done."""
    grants, done = office.grants(), len(office.done)

    async def were() -> bool:
        return office.grants() >= grants + 10 and len(office.done) > done

    await until(were, PATIENCE)


async def _submitted(office: Office, number: int) -> bool:
    return len(office.submitted) >= number


async def _keeps_three_copies(office: Office) -> bool:
    """Whether the cluster is up, and keeps the bucket on all of its servers."""
    try:
        async with office.backend(0).open() as store:
            assert not any("coordination.replicas" in caution for caution in store.promises.cautions)
            assert not any("one server" in caution for caution in store.promises.cautions)
    except CoordinationError:
        return False
    return True


async def _leader(servers: Sequence[ServerProcess]) -> int:
    async with administrator(NAMESPACE, servers[0].url) as admin:
        return int((await until(admin.leader)).removeprefix("n"))
