"""The workbench: one conflict, its fields side by side, and the result that is built field by field."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace
from textual import on
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.widget import Widget

from console.keymap import bindings
from console.messages import News
from console.presentation.conflict_detail import (
    conflict_facts,
    conflict_lines,
    decided_twice,
    field_detail,
    history_lines,
)
from console.presentation.conflict_fields import FieldRow, field_line, fold_line, heading
from console.presentation.conflict_work import Sides, rows_of, turned
from console.presentation.conflicts import name_of
from console.presentation.spans import Line, Span, clean, plain
from console.presentation.staging import sides_of
from console.screens.conflict_deeds import concerns_conflicts
from console.screens.conflict_walk import ConflictWalk
from console.widgets.line_panel import LinePanel, LineStack
from console.widgets.listed_rows import ListedRows
from console.widgets.record_list import RecordList
from console.widgets.still_list import StillList
from engine.errors import NothingFound
from engine.events.event import Dot
from engine.events.merging.queue import ConflictState
from engine.events.merging.values import Path

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.events.merging.queue import ConflictDetail, ConflictSummary

READING: tuple[Line, ...] = ((Span("Reading the conflict …", "dim"),),)
FOLD = "automatic"
"""Key of the line under which the fields are folded that rules settled."""
WIDE = 160
MOVED_ON = "Somebody changed it meanwhile. What was decided about the same sides still stands."
LEAST_DETAIL = 9
"""Rows that the field in full needs to be worth looking at."""


class ConflictScreen(ConflictWalk):
    """What `Open("conflict", id)` opens; the beginning of an id will do, and so will an aggregate."""

    CSS_PATH = "../styles/conflicts.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("conflict")]

    def __init__(self, name: str) -> None:
        super().__init__()
        self.wanted = name
        self.moved_on = ""
        """What happened to the conflict that was looked at, if another stands in its place."""
        self.show_automatic = False
        self.sides: dict[Path, Sides] = {}
        self.rows: Sequence[FieldRow] = ()

    @property
    def crumb(self) -> str:
        return self.detail.summary.aggregate_id if self.detail is not None else self.wanted

    def body(self) -> Iterable[Widget]:
        yield LineStack(self._facts, id="conflict-facts")
        with Container(id="panes"):
            with Vertical(id="bench"):
                yield LineStack(self._titles, id="field-titles")
                yield StillList(empty=READING, id="fields")
                yield LinePanel(id="field")
            yield LinePanel(id="history")

    def on_mount(self) -> None:
        self.query_one("#history").display = False
        self.set_focus(self.fields)

    def on_resize(self) -> None:
        self.give_room()

    # -- what is shown ----------------------------------------------------------------------------------------------

    def look(self) -> None:
        wanted, known = self.wanted, self.detail

        async def show(engine: Engine) -> ConflictDetail:
            """Return the conflict, or what stands in its place now."""
            try:
                detail = await engine.conflicts.show(wanted)
            except NothingFound:
                if known is None:
                    raise
                return await standing(engine, known)
            return detail if detail.summary.state is not ConflictState.SUPERSEDED else await standing(engine, detail)

        self.ask(f"read the conflict {wanted}", show, self.take_in)

    def hear(self, news: News) -> None:
        if concerns_conflicts(news):
            self.look()

    def take_in(self, detail: ConflictDetail) -> None:
        """Show a conflict; one that is on the screen already keeps its place and all that was chosen."""
        before = self.detail.summary if self.detail is not None else None
        known = before is not None and before.aggregate_id == detail.summary.aggregate_id
        if not known:
            self.moved_on, self.sides, self.show_automatic = "", {}, not detail.view.open
        elif self.detail is not None and _sides(self.detail) != _sides(detail):
            self.moved_on = MOVED_ON
        if known and detail.summary.resolution is not None and self.staging.decided(detail.summary.aggregate_id):
            self.staging.forget(detail.summary.aggregate_id)
            who = clean(detail.summary.settled_by) or "Somebody"
            self.moved_on = f"{who} settled it meanwhile; what was decided here is dropped."
        self.detail = detail
        self.wanted = name_of(detail.summary)
        self.draw()
        if not known:
            self.go_to_first()
        self.deck.beat()

    def turn_to(self, detail: ConflictDetail) -> None:
        self.detail = None
        self.take_in(detail)

    def look_again(self, name: str) -> None:
        self.detail, self.wanted = None, name
        self.look()

    def draw(self) -> None:
        """Draw what is known and chosen."""
        detail = self.detail
        if detail is None:
            return
        self.rows = rows_of(detail, self.staging, self.sides)
        waiting = [row for row in self.rows if not row.verdict.settled]
        automatic = [row for row in self.rows if row.verdict.settled]
        shown = [*waiting, *(automatic if self.show_automatic else ())]
        lines: list[tuple[Hashable, object]] = [
            (row.path, lambda width, row=row: field_line(row, width, shown)) for row in shown
        ]
        if automatic:
            fold = fold_line(len(automatic), shown=self.show_automatic)
            lines.insert(len(waiting), (FOLD, lambda _: fold))
        there = self.fields.key
        self.fields.show(ListedRows(lines), empty=self._nothing())  # type: ignore[arg-type]
        if there is not None and self.fields.key != there:
            self.go_to_first()
        for stack in self.query(LineStack):
            stack.draw_afresh()
        self.give_room()
        self.show_field(stay=True)
        self.hint_again()

    def give_room(self) -> None:
        """Give the fields the rows they need and the field in full what is left; the history only where it is wide."""
        history = self.query_one("#history", LinePanel)
        history.display = self.size.width >= WIDE
        room = max(4, self.size.height - 6)
        self.fields.styles.height = max(1, min(len(self.fields.rows) or 3, room - LEAST_DETAIL, room * 2 // 3))
        if history.display and self.detail is not None and self.deck.engine is not None:
            detail, now = self.detail, self.deck.engine.clock.now()
            history.show(lambda width: history_lines(detail, width - 1, now), stay=True)

    def _facts(self, width: int) -> list[Line]:
        detail, engine = self.detail, self.deck.engine
        if detail is None or engine is None:
            return []
        decided = sum(row.choice is not None for row in self.rows)
        lines = conflict_facts(detail, self.place, decided, width, engine.clock.now())
        lines += decided_twice(detail, width)
        if self.moved_on:
            lines.append((Span("⟳ ", "warn"), Span(self.moved_on, "warn")))
        return lines

    def _titles(self, width: int) -> list[Line]:
        return [heading(self.rows, width - 2)] if self.rows else []

    def _nothing(self) -> tuple[Line, ...]:
        return (
            (Span("✓ Nothing is contested here.", "ok"),),
            (Span("  n ", "accent"), Span("goes to the next conflict, "), Span("esc ", "accent"), Span("to the list")),
        )

    @on(RecordList.Moved)
    def moved(self) -> None:
        """Show another field in full."""
        self.show_field()

    def show_field(self, *, stay: bool = False) -> None:
        """Show the field under the cursor in full."""
        row, engine = self.row, self.deck.engine
        panel = self.query_one("#field", LinePanel)
        if row is None or engine is None:
            panel.show(lambda _: ())
            return
        now = engine.clock.now()
        panel.show(lambda width: field_detail(row, width - 1, now), stay=stay)

    @on(RecordList.Opened)
    def read_in_full(self, event: RecordList.Opened) -> None:
        """Go into the field in full, or unfold what rules settled."""
        if event.key == FOLD:
            self.action_automatic()
        else:
            self.set_focus(self.query_one("#field"))

    @property
    def row(self) -> FieldRow | None:
        """The field under the cursor."""
        return next((row for row in self.rows if row.path == self.fields.key), None)

    def action_back(self) -> None:
        """First back to the fields, then to the list."""
        if self.fields.has_focus:
            self.deck.back()
        else:
            self.set_focus(self.fields)

    def action_automatic(self) -> None:
        self.show_automatic = not self.show_automatic
        self.draw()

    def action_other_side(self, which: int) -> None:
        row = self.row
        if row is not None:
            self.sides[row.path] = turned(row, which)
            self.draw()

    # -- copying ----------------------------------------------------------------------------------------------------

    @property
    def conflict_in_hand(self) -> ConflictSummary | None:
        return self.detail.summary if self.detail is not None else None

    def copied(self) -> str:
        if self.detail is None or self.deck.engine is None:
            return ""
        lines = conflict_lines(self.detail, self.rows, 120, self.deck.engine.clock.now())
        return "\n".join(plain(line).rstrip() for line in lines)


def _sides(detail: ConflictDetail) -> dict[Path, tuple[Dot, ...]]:
    return {verdict.contest.path: sides_of(verdict.contest) for verdict in detail.view.verdicts}


async def standing(engine: Engine, before: ConflictDetail) -> ConflictDetail:
    """Return the conflict that an aggregate has now in the place of another; without any, what the aggregate shows."""
    aggregate = before.summary.aggregate_id
    try:
        return await engine.conflicts.show(aggregate)
    except NothingFound:
        view = await engine.conflicts.view(aggregate)
        return replace(before, summary=replace(before.summary, state=ConflictState.SUPERSEDED), view=view)
