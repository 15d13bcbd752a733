"""Tasks: what waits, runs, failed and is dead, with errors and results; retried, cancelled and deleted from here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import BindingType

from console.keymap import bindings
from console.panes.changed import Changed, ChangingPane
from console.presentation import task_deeds
from console.presentation import tasks as shown
from console.presentation.spans import Line
from console.widgets.record_list import RecordList, Rows
from console.widgets.summary_rows import SummaryRows
from engine.coordination.naming import TASK
from engine.coordination.promises import Feature

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from engine.assembly import Engine
    from engine.coordination.working.task import Task, TaskId, TaskState

PAGE = 200
"""Tasks that are read at first; going to the end of the list reads more."""
MOST = 20_000
"""The newest that are looked through by a filter, and the most that are listed."""


MOST_CHANGED = 20
"""With more tasks changed at once, the list is read again."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was read: the newest tasks, or only what became of some that changed."""

    tasks: Sequence[Task]
    gone: Sequence[str] = ()
    whole: bool = False


class TasksPane(ChangingPane):
    """Newest first."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("tasks")]
    title = "Tasks"
    about = "the tasks"
    feature = Feature.TASKS
    hint = "words of a task's name, id, origin or error"

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.view = next(iter(shown.VIEWS))
        self.limit = PAGE
        self.tasks: Sequence[Task] = ()
        self.changed = Changed(TASK, MOST_CHANGED)
        self.more = False
        self._longest = 0

    @property
    def most(self) -> int:
        """How many are read now."""
        return MOST if self.wanted else self.limit

    def question(self) -> Callable[[Engine], Awaitable[Found]]:
        changed = self.changed.take()
        return partial(_read, shown.VIEWS[self.view], self.most) if changed is None else partial(_read_some, changed)

    def took(self, found: Found) -> None:
        states = shown.VIEWS[self.view]
        self.tasks = found.tasks if found.whole else shown.merged(self.tasks, found.tasks, found.gone, states)
        self.more = len(self.tasks) >= self.most
        self._longest = max((len(task.name) for task in self.tasks), default=0)
        self.records.marked &= {task.id for task in self.tasks}

    # -- showing ----------------------------------------------------------------------------------------------------

    @property
    def listed(self) -> Sequence[Task]:
        """The tasks that the filter lets through."""
        return [task for task in self.tasks if shown.matches(task, self.wanted)] if self.wanted else self.tasks

    def head(self, width: int) -> Sequence[Line]:
        number = len(self.records.rows)
        marked = len(self.records.marked)
        counts = shown.counts_line(
            self.place.glance.tasks, self.view, number, more=self.more, marked=marked, wide=width >= 100
        )
        return counts, shown.titles(self._columns(self.row_width))

    def rows(self) -> Rows:
        return SummaryRows(self.listed, lambda task: task.id, self._line)

    def _columns(self, width: int) -> shown.Columns:
        return shown.Columns.of(width, self._longest)

    def _line(self, task: Task, width: int) -> Line:
        return shown.task_line(task, self._columns(width), self.moment.now)

    def empty(self) -> Iterable[Line]:
        return shown.empty(self.view, filtered=bool(self.wanted))

    def detail(self, width: int) -> Sequence[Line]:
        task = self.in_hand
        return shown.detail(task, self.moment.now, width) if task is not None else ()

    @property
    def in_hand(self) -> Task | None:
        """The task under the cursor."""
        rows = getattr(self.records.rows, "within", None)
        return rows.of_key(self.records.key) if isinstance(rows, SummaryRows) else None

    @property
    def audited(self) -> str:
        return f"coordination:task/{self.in_hand.id}" if self.in_hand is not None else ""

    @on(RecordList.Moved)
    def read_on(self) -> None:
        """Near the end of what was read, read more."""
        if (
            self.more
            and not self.wanted
            and self.limit < MOST
            and self.records.cursor >= len(self.records.rows) - PAGE // 4
        ):
            self.limit = min(self.limit * 2, MOST)
            self.look()

    def narrowed(self) -> None:
        self.draw()
        if self.more:
            self.look()

    # -- keys -------------------------------------------------------------------------------------------------------

    def action_states(self) -> None:
        views = list(shown.VIEWS)
        self.view, self.limit = views[(views.index(self.view) + 1) % len(views)], PAGE
        self.records.marked.clear()
        self.look()

    def seek(self, text: str) -> None:
        self.view = next(iter(shown.VIEWS))
        super().seek(text)

    def action_mark(self) -> None:
        self.records.mark()
        self.draw_around()

    def action_mark_all(self) -> None:
        self.records.marked |= {task.id for task in self.listed}
        self.records.redraw()
        self.draw_around()

    def action_unmark(self) -> None:
        self.records.marked.clear()
        self.records.redraw()
        self.draw_around()

    def chosen(self, deed: str) -> Sequence[Task]:
        """The marked tasks with which something can be done, or the one under the cursor."""
        if self.records.marked:
            return [each for each in self.tasks if each.id in self.records.marked and not shown.why_not(deed, each)]
        return [self.in_hand] if self.in_hand is not None and not shown.why_not(deed, self.in_hand) else []

    def impossible(self, action: str) -> str:
        deed = DEEDS.get(action)
        if deed is None or self.chosen(deed):
            return "There is no task here." if action in {"mark", "mark_all"} and not self.tasks else ""
        if self.records.marked:
            return f"None of the marked tasks can be {task_deeds.DONE[deed]} now."
        return shown.why_not(deed, self.in_hand)

    def action_retry_task(self) -> None:
        self._do("retry")

    def action_cancel_task(self) -> None:
        self._do("cancel")

    def action_delete_task(self) -> None:
        self._do("delete")

    def _do(self, deed: str) -> None:
        tasks = self.chosen(deed)
        if tasks:
            matter = task_deeds.matter(deed, tasks, self.moment.now, self.matter_width)
            self.decide(matter, lambda reason: self._carry_out(deed, [task.id for task in tasks], reason))

    def _carry_out(self, deed: str, tasks: Sequence[TaskId], reason: str) -> None:
        self.records.marked.clear()
        self.carry_out(
            f"{deed} {len(tasks)} tasks" if len(tasks) > 1 else f"{deed} task {tasks[0][: shown.SHORT]}",
            partial(_each, deed, tasks, reason),
            lambda done: self.deck.say(*task_deeds.told(deed, done)),
        )

    def command(self) -> str:
        task = self.in_hand
        if task is None:
            return "syncdeck tasks"
        possible = "retry" if "retry" in shown.still_possible(task) else "show"
        return f"syncdeck tasks {possible} {task.id[: shown.SHORT]}"


DEEDS = {"retry_task": "retry", "cancel_task": "cancel", "delete_task": "delete"}


async def _read(states: Sequence[TaskState], limit: int, engine: Engine) -> Found:
    return Found(await engine.coordination.tasks.list(states=states, limit=limit), whole=True)


async def _read_some(changed: Sequence[str], engine: Engine) -> Found:
    from engine.errors import NothingFound

    there, gone = [], []
    for task in changed:
        try:
            there.append(await engine.coordination.tasks.get(task))
        except NothingFound:
            gone.append(task)
    return Found(there, gone)


async def _each(deed: str, chosen: Sequence[TaskId], reason: str, engine: Engine) -> task_deeds.Result:
    """Do it to one after the other; what cannot be done to one (it ended meanwhile) keeps nobody from the others."""
    from engine.errors import CoordinationError, NothingFound

    act = getattr(engine.coordination.tasks, deed)
    done, refusals = 0, []
    for task in chosen:
        try:
            await act(task, reason=reason)
            done += 1
        except (CoordinationError, NothingFound) as error:
            refusals.append(str(error))
    return task_deeds.Result(done, tuple(refusals))
