"""Schedules: their fires on a line of time; paused, resumed, fired by hand, added and removed from here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from console.keymap import bindings
from console.panes.deeds import DoingPane
from console.presentation import schedule_deeds
from console.presentation import schedules as shown
from console.presentation.spans import Line
from console.widgets.record_list import Rows
from console.widgets.summary_rows import SummaryRows
from engine.coordination.promises import Feature

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import timedelta

    from engine.assembly import Engine
    from engine.coordination.scheduling.fires import Plan, ScheduleStanding

COMING = 5


class SchedulesPane(DoingPane):
    """Schedules by name."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("cron")]
    title = "Schedules"
    about = "the schedules"
    feature = Feature.CRON
    prefixes = ("cron/",)
    hint = "part of a schedule's or task's name"
    writing = frozenset({"add_schedule"})

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.schedules: Sequence[ScheduleStanding] = ()
        self.past: timedelta | None = None
        """How much of the past is drawn, once somebody chose; else what fits."""

    def question(self) -> Callable[[Engine], Awaitable[Sequence[ScheduleStanding]]]:
        return lambda engine: engine.coordination.cron.schedules()

    def took(self, found: Sequence[ScheduleStanding]) -> None:
        self.schedules = found

    def overdue(self) -> bool:
        now = self.moment.now
        return self.moment.elapsed.total_seconds() >= 1 and any(
            each.next is not None and each.next <= now for each in self.schedules
        )

    # -- showing ----------------------------------------------------------------------------------------------------

    @property
    def stretch(self) -> timedelta:
        """How much of the past is drawn."""
        return self.past or shown.fitting_span(self.schedules, self.moment.now)

    def head(self, width: int) -> Sequence[Line]:  # noqa: ARG002  as wide as the list
        return shown.legend(self.stretch), shown.titles(self._columns(self.row_width), self.stretch, self.moment.now)

    def rows(self) -> Rows:
        needle = self.wanted.casefold()
        found = [each for each in self.schedules if needle in f"{each.plan.name} {each.plan.task}".casefold()]
        return SummaryRows(found, lambda each: each.plan.name, self._line)

    def _columns(self, width: int) -> shown.Columns:
        return shown.Columns.of(width, [each.plan.name for each in self.schedules])

    def _line(self, schedule: ScheduleStanding, width: int) -> Line:
        return shown.schedule_line(schedule, self._columns(width), self.stretch, self.moment.now)

    def empty(self) -> Iterable[Line]:
        return shown.empty()

    def detail(self, width: int) -> Sequence[Line]:
        schedule = self.schedule
        if schedule is None:
            return ()
        now = self.moment.now
        return shown.detail(schedule, schedule_deeds.coming(schedule.plan, now, COMING), now, width)

    @property
    def schedule(self) -> ScheduleStanding | None:
        """The schedule under the cursor."""
        return next((each for each in self.schedules if each.plan.name == self.records.key), None)

    @property
    def audited(self) -> str:
        return f"coordination:cron/{self.schedule.plan.name}" if self.schedule is not None else ""

    # -- keys -------------------------------------------------------------------------------------------------------

    def impossible(self, action: str) -> str:
        if action in {"add_schedule", "stretch(1)", "stretch(-1)"}:
            return ""
        schedule = self.schedule
        if schedule is None:
            return "There is no schedule here: a adds one."
        if action == "delete_schedule" and not schedule.plan.added_by:
            return f"{schedule.plan.name} stands in the settings: remove it there, or pause it (S)."
        if action == "pause_schedule" and schedule.next is None and not schedule.plan.paused:
            return f"{schedule.plan.name} has ended: there is nothing to pause."
        return ""

    def action_stretch(self, by: int) -> None:
        """Show more of the past, or less."""
        place = shown.SPANS.index(self.stretch) + by
        self.past = shown.SPANS[max(0, min(len(shown.SPANS) - 1, place))]
        self.draw()

    def action_its_tasks(self) -> None:
        """Show the tasks that this schedule submitted."""
        if self.schedule is not None:
            self.place.show_tasks(f"cron:{self.schedule.plan.name}@")

    def action_fire_now(self) -> None:
        schedule = self.schedule
        if schedule is not None:
            matter = schedule_deeds.fire_matter(schedule, self.moment.now, self.matter_width)
            self.decide(matter, partial(self._do, "fire", schedule.plan.name))

    def action_pause_schedule(self) -> None:
        schedule = self.schedule
        if schedule is not None:
            matter = schedule_deeds.pause_matter(schedule, self.moment.now, self.matter_width)
            self.decide(matter, partial(self._do, "resume" if schedule.plan.paused else "pause", schedule.plan.name))

    def action_delete_schedule(self) -> None:
        schedule = self.schedule
        if schedule is not None:
            matter = schedule_deeds.remove_matter(schedule, self.matter_width)
            self.decide(matter, partial(self._do, "remove", schedule.plan.name))

    def _do(self, deed: str, name: str, reason: str) -> None:
        self.carry_out(
            f"{deed} {name}",
            lambda engine: getattr(engine.coordination.cron, deed)(name, reason=reason),
            lambda _: self.deck.say(schedule_deeds.TOLD[deed].format(name=name)),
        )

    def action_add_schedule(self) -> None:
        from console.dialogs.add_schedule import AddSchedule

        engine = self.deck.engine
        if engine is not None:
            taken = frozenset(each.plan.name for each in self.schedules)
            commands = sorted(getattr(engine.workspace, "tasks", ()))
            self.deck.push_screen(AddSchedule(taken, commands, engine.clock), self._confirm_new)

    def _confirm_new(self, plan: Plan | None) -> None:
        if plan is not None:
            matter = schedule_deeds.add_matter(plan, self.moment.now, self.matter_width)
            self.decide(matter, lambda _: self._add(plan))

    def _add(self, plan: Plan) -> None:
        self.carry_out(
            f"add {plan.name}",
            lambda engine: engine.coordination.cron.add(plan),
            lambda _: self.deck.say(f"{plan.name} was added."),
        )

    def command(self) -> str:
        return "syncdeck cron"
