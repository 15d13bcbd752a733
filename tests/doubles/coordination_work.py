"""Tasks and schedules without a backend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from engine.coordination.promises import Feature
from engine.coordination.scheduling.fires import Fire, Outcome, Plan, ScheduleStanding
from engine.coordination.standing import Kind, SessionId, Token
from engine.coordination.working.task import Attempt, Task, TaskCounts, TaskId, TaskState
from engine.errors import CoordinationError, NothingFound
from tests.doubles.coordination_wire import Wire, who


@dataclass
class ScriptedTasks:
    """Tasks in a dictionary, newest last."""

    wire: Wire
    kept: dict[TaskId, Task] = field(default_factory=dict)

    def arrange(self, name: str, state: TaskState = TaskState.WAITING, **fields: Any) -> Task:
        """Have a task there."""
        now = self.wire.clock.now()
        number = len(self.kept) + 1
        defaults: dict[str, Any] = {"due": now, "submitted": now - timedelta(minutes=2), "submitted_by": "ann@desk"}
        if state not in {TaskState.WAITING, TaskState.CANCELLED}:
            started = now - timedelta(seconds=42)
            defaults["attempt"] = Attempt(
                number=1, session=SessionId("w-1"), who=who("berlin", 88), token=Token(number), started=started
            )
            defaults["attempts"] = 1
        if state in {TaskState.DONE, TaskState.DEAD, TaskState.CANCELLED}:
            defaults["ended"] = now - timedelta(seconds=12)
        task = Task(
            id=TaskId(f"{number:06d}{number * 7919 % 0xFFFFFF:06x}"), name=name, state=state, **(defaults | fields)
        )
        self._keep(task)
        return task

    async def list(self, states: Sequence[TaskState] = (), *, name: str = "", limit: int = 200) -> Sequence[Task]:
        self.wire.ask("tasks", tuple(states), name, limit, needs=Feature.TASKS)
        newest = [task for task in reversed(self.kept.values()) if task.state in (states or TaskState)]
        return [task for task in newest if name in {"", task.name}][:limit]

    async def get(self, text: str) -> Task:
        self.wire.ask("get task", text)
        return self._find(text)

    async def counts(self) -> TaskCounts:
        self.wire.ask("counts", needs=Feature.TASKS)
        states = [task.state for task in self.kept.values()]
        return TaskCounts(**{state.value: states.count(state) for state in TaskState})

    async def retry(self, text: str, *, reason: str = "") -> Task:
        self.wire.ask("retry", text, reason)
        task = self._find(text)
        if task.state not in {TaskState.DEAD, TaskState.CANCELLED}:
            raise CoordinationError(f"The task {task.id} is {task.state}: there is nothing to retry.")
        return self._keep(replace(task, state=TaskState.WAITING, attempts=0, error="", ended=None))

    async def cancel(self, text: str, *, reason: str = "") -> Task:
        self.wire.ask("cancel", text, reason)
        task = self._find(text)
        if task.state is TaskState.RUNNING:
            return self._keep(replace(task, cancel_asked="ann@desk"))
        return self._keep(replace(task, state=TaskState.CANCELLED, ended=self.wire.clock.now()))

    async def delete(self, text: str, *, reason: str = "") -> None:
        self.wire.ask("delete", text, reason)
        task = self._find(text)
        del self.kept[task.id]
        self.wire.tell(Kind.KEY, f"task/{task.id}")

    def _find(self, text: str) -> Task:
        for task in self.kept.values():
            if task.id.startswith(text):
                return task
        raise NothingFound(f"There is no task {text}; it may have been deleted.")

    def _keep(self, task: Task) -> Task:
        self.kept[task.id] = task
        self.wire.tell(Kind.KEY, f"task/{task.id}")
        return task


@dataclass
class ScriptedCron:
    """Schedules in a dictionary."""

    wire: Wire
    kept: dict[str, ScheduleStanding] = field(default_factory=dict)

    def arrange(self, plan: Plan, *, due: timedelta | None = None, fires: Sequence[Fire] = ()) -> ScheduleStanding:
        """Have a schedule there that fires next in some time."""
        following = self.wire.clock.now() + due if due is not None else None
        return self._keep(ScheduleStanding(plan=plan, next=following, fires=tuple(fires)))

    async def schedules(self) -> Sequence[ScheduleStanding]:
        self.wire.ask("schedules", needs=Feature.CRON)
        return [self.kept[name] for name in sorted(self.kept)]

    async def add(self, plan: Plan) -> None:
        self.wire.ask("add", plan)
        self.arrange(replace(plan, added_by="ann@desk"), due=timedelta(minutes=1))

    async def remove(self, name: str, *, reason: str = "") -> None:
        self.wire.ask("remove", name, reason)
        del self.kept[name]
        self.wire.tell(Kind.KEY, f"cron/plan/{name}")

    async def pause(self, name: str, *, reason: str = "") -> None:
        self.wire.ask("pause", name, reason)
        self._keep(replace(self.kept[name], plan=replace(self.kept[name].plan, paused=True), next=None))

    async def resume(self, name: str, *, reason: str = "") -> None:
        self.wire.ask("resume", name, reason)
        following = self.wire.clock.now() + timedelta(minutes=1)
        self._keep(replace(self.kept[name], plan=replace(self.kept[name].plan, paused=False), next=following))

    async def fire(self, name: str, *, reason: str = "") -> Fire:
        self.wire.ask("fire", name, reason)
        now = self.wire.clock.now()
        fire = Fire(
            schedule=name, nominal=now, outcome=Outcome.FIRED, taken=now, by="ann@desk", task=TaskId("0123456789ab")
        )
        self._keep(replace(self.kept[name], fires=(fire, *self.kept[name].fires)))
        return fire

    def _keep(self, schedule: ScheduleStanding) -> ScheduleStanding:
        self.kept[schedule.plan.name] = schedule
        self.wire.tell(Kind.KEY, f"cron/plan/{schedule.plan.name}")
        return schedule
