"""One sync: its settings, and beside them what its scope selects, what its mapping makes, how near its guards are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType

from console.draft import Checked, written_values
from console.file_edits import delete_entry
from console.keymap import bindings
from console.presentation import syncs as shown
from console.presentation.forms import Entry, entries
from console.presentation.spans import Line
from console.screens.entry import EntryScreen, Opened
from engine.settings.fields import Field, FieldType, describe
from engine.settings.model import SyncSettings

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.reconcile.inspection import Mapped, ScopeCount
    from engine.reconcile.plan import Plan
    from engine.settings.sections import Section

NAME = Entry(
    path="name",
    field=Field(
        name="name", type=FieldType.TEXT, required=True, description="How commands, plans and runs call this sync."
    ),
)
READING = frozenset({"source", "where", "attributes", "case_sensitive"})
"""Settings that scope and mapping depend on."""


class SyncScreen(EntryScreen):
    """Opened with the sync's name."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("sync")]
    section: ClassVar[Section] = "syncs"

    def __init__(self, was: str, *, start: Mapping[str, Any] | None = None, name: str = "") -> None:
        super().__init__(was, start=start, name=name)
        self.scope: ScopeCount | None = None
        self.mapped: Sequence[Mapped] | None = None
        self.mapping_problem = ""
        self.plan: Plan | None = None
        self.here = ""
        self.asked: object = None

    async def opened_from(self, engine: Engine) -> Opened:
        values = dict(self.start or {}) or await written_values("syncs", self.was, engine)
        adapters = tuple(engine.workspace.adapters)
        types = engine.catalogue.types()
        writable = tuple(name for name, each in engine.workspace.adapters.items() if types[each.type].writes)
        fields = [field for field in describe(SyncSettings) if field.name != "name"]
        lines = entries(fields, {"source": adapters, "targets": writable})
        return Opened(lines=(NAME, *lines), values={**self.named, **values})

    # -- beside the form --------------------------------------------------------------------------------------------

    def look_beside(self) -> None:
        self.draw()
        if self.was:
            self.ask("read the newest plan", partial(_newest_plan, self.was), self._show_plan)
            if self.asked is None and self.deck.engine is not None and self.was in self.deck.engine.workspace.syncs:
                self._inspect(self.deck.engine.workspace.syncs[self.was])

    def settled(self, checked: Checked) -> None:
        """A valid draft is looked at as it stands; the source is read at most once a minute."""
        if isinstance(checked.settings, SyncSettings):
            self._inspect(checked.settings)

    def _inspect(self, sync: SyncSettings) -> None:
        wanted = tuple(str(getattr(sync, name)) for name in sorted(READING))
        if wanted == self.asked:
            return
        self.asked = wanted
        self.ask("count the scope", lambda engine: engine.inspection.scope(sync), self._show_scope)
        self.ask(
            "map a record", lambda engine: engine.inspection.mapped(sync), self._show_mapped, failed=self._not_mapped
        )

    def _show_scope(self, scope: ScopeCount) -> None:
        self.scope = scope
        self.draw()

    def _show_mapped(self, mapped: Sequence[Mapped]) -> None:
        self.mapped, self.mapping_problem = mapped, ""
        self.draw()

    def _not_mapped(self, error: Exception) -> None:
        self.mapping_problem = str(error)
        self.draw()

    def _show_plan(self, plan: Plan | None) -> None:
        self.plan = plan
        self.draw()

    def entered(self, path: str) -> None:
        self.here = path
        self.draw()

    def beside(self, width: int) -> Sequence[Line]:
        """Return all of it where there is room, else what the field in focus is about."""
        scope = shown.scope_lines(self.scope, width)
        mapping = shown.mapping_lines(self.mapped, self.mapping_problem, width)
        guards = shown.guard_lines(self.plan, width)
        if self.size.width >= 100:
            return [*scope, (), *mapping, (), *guards]
        if self.here.startswith("guards"):
            return guards
        return mapping if self.here in {"attributes", "rename_by"} else scope

    # -- keys -------------------------------------------------------------------------------------------------------

    def copied(self) -> str:
        return self.was

    def command(self) -> str:
        return f"syncdeck plan {self.was}" if self.was else "syncdeck status"

    def why_not(self, action: str) -> str:
        if action in {"plan", "duplicate", "delete"} and not self.was:
            return "It is not saved yet."
        if action == "plan" and self.edited:
            return "What is planned is what is saved: S saves first."
        return super().why_not(action)

    def action_plan(self) -> None:
        self.deck.plan_sync(self.was)

    def action_duplicate(self) -> None:
        self.deck.push_screen(copied(self.was))

    def action_delete(self) -> None:
        delete_entry(self.deck, "syncs", self.was)


class CopyScreen(SyncScreen):
    """A new sync that starts as a copy of another, paused until somebody has looked at it."""

    def __init__(self, original: str) -> None:
        super().__init__("", name=f"{original}-copy")
        self.original = original

    async def opened_from(self, engine: Engine) -> Opened:
        self.start = {**await written_values("syncs", self.original, engine), "paused": True}
        return await super().opened_from(engine)


async def _newest_plan(sync: str, engine: Engine) -> Plan | None:
    newest = await engine.reconcile.plans(sync=sync, limit=1)
    return (await engine.reconcile.load(newest[0].digest)).plan if newest else None


def added(_: str) -> SyncScreen:
    """Return the form of a new sync."""
    return SyncScreen("", start={"mode": "add-remove"}, name="")


def copied(name: str) -> SyncScreen:
    """Return the form of a copy."""
    return CopyScreen(name)
