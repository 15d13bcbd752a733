"""The last part of the demo's story: processes that agree who holds what, who leads, and who does the work."""

from __future__ import annotations

from datetime import timedelta

from console.commands.coordination_lines import leaders, locks
from console.commands.session import Session
from console.commands.table import safe
from console.commands.work_lines import tasks
from engine.assembly import Engine
from engine.coordination.naming import TASK
from engine.coordination.working.lifecycle import ENDED
from engine.coordination.working.task import Task
from engine.errors import Locked

PATIENCE = timedelta(seconds=30)
"""How long the offices may take over a task."""

MOST_TASKS = 8


async def tell_of_work(engine: Engine, session: Session) -> None:
    """Hold a lock against a second one, and let the offices, which are processes of their own, do the work."""
    session.title(
        "8. Processes exclude one another, elect a leader and share the work (syncdeck locks, leaders, tasks)"
    )
    coordination = engine.coordination
    async with coordination.lock("deploy", note="the demo") as lease:
        session.say(f"  This process holds `deploy` with fencing token {lease.token}. Somebody else wants it too:")
        try:
            async with coordination.lock("deploy", wait=timedelta(milliseconds=200)):
                session.say("  … and got it.")
        except Locked as error:
            session.say(f"  {error}")
        for line in locks(await coordination.locks("deploy"), engine.clock.now()):
            session.say(f"  {line}")
    async with coordination.lock("deploy") as lease:
        session.say(
            f"  Given back and taken again: token {lease.token}. Whoever still writes with the old one is refused."
        )
    ended = await _done(engine, await coordination.tasks.submit("export-people", {"department": "Legal"}, priority=9))
    where = ended.attempt.who.node if ended.attempt else "nobody"
    said = ended.result.get("output", "").strip() if isinstance(ended.result, dict) else ended.error
    session.say(f"\n  A task was done in {where}: {safe(said)}")
    listed = await coordination.tasks.list(limit=MOST_TASKS)
    for line in (*tasks(listed, await coordination.tasks.counts(), engine.clock.now()), ""):
        session.say(f"  {line}".rstrip())
    for line in leaders(await coordination.leaders(), engine.clock.now()):
        session.say(f"  {line}")


async def _done(engine: Engine, task: Task) -> Task:
    """Return the task once it has ended, or as it is when patience has."""
    deadline = engine.clock.monotonic() + PATIENCE.total_seconds()
    async for _ in engine.coordination.changes(TASK + task.id, sessions=True):
        found = await engine.coordination.tasks.get(task.id)
        if found.state in ENDED or engine.clock.monotonic() > deadline:
            return found
    return task
