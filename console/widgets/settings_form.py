"""A form made from a settings class: one line a setting, headings for groups, help for the line in focus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from console.bridge import begin
from console.presentation.forms import ABSENT, Entry, Values, hint, value_at, with_value
from console.widgets.field_controls import Control, SecretControl, control_for
from console.widgets.marks import OnOff

BATCH = 4
FIELDS = "Input, Select, OnOff, Picks, TextArea"


class Row(Widget):
    """A line of the form."""

    def __init__(self, entry: Entry) -> None:
        super().__init__()
        self.entry = entry


class FieldRow(Row):
    """Label, control, and under them the sentence of a problem."""

    DEFAULT_CSS = """
    FieldRow { layout: grid; grid-size: 2; grid-columns: 28 1fr; grid-rows: auto; height: auto; padding: 0 1; }
    FieldRow > .label { height: 1; color: $ink-dim; }
    FieldRow:focus-within > .label { color: $ink-strong; text-style: bold; }
    FieldRow > .problem { column-span: 2; height: auto; padding: 0 0 0 29; color: $ink-error; }
    """

    def __init__(self, entry: Entry, value: Any) -> None:
        super().__init__(entry)
        self.control = control_for(entry.field, value)
        self.complaint = ""

    def compose(self) -> ComposeResult:
        mark = " *" if self.entry.field.required else ""
        yield Static("  " * self.entry.level + self.entry.label + mark, classes="label", markup=False)
        yield self.control

    def complain(self, sentence: str) -> None:
        """Show a problem under the field; an empty sentence takes it away."""
        if sentence != self.complaint:
            self.complaint = sentence
            self.query(".problem").remove()
            if sentence:
                self.mount(Static(sentence, classes="problem", markup=False))


class GroupRow(Row):
    """A heading; for a group that may be absent, with a switch."""

    DEFAULT_CSS = """
    GroupRow { layout: horizontal; height: 1; padding: 0 1; margin: 1 0 0 0; }
    GroupRow > Static { width: 28; text-style: bold; color: $ink-strong; }
    """

    def __init__(self, entry: Entry, on: bool) -> None:
        super().__init__(entry)
        self.on = on

    def compose(self) -> ComposeResult:
        yield Static("  " * self.entry.level + self.entry.label, markup=False)
        if self.entry.switchable:
            yield OnOff(self.on)


class SettingsForm(VerticalScroll, can_focus=False, inherit_bindings=False):
    """See the module. `values` are what the file says; what the form says now is `collected`.

    It has no keys of its own: those of a scrolling container would scroll where Down should go to the next field.
    """

    class Edited(Message):
        """Something in the form changed."""

    class Entered(Message):
        """Another field has the focus; `hint` tells about it."""

        def __init__(self, path: str, hint: str) -> None:
            super().__init__()
            self.path = path
            self.hint = hint

    def __init__(self, lines: Sequence[Entry], values: Values, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.lines = lines
        self.given = values
        self.last: Widget | None = None
        self._start: object = None

    async def on_mount(self) -> None:
        begin(self, self._fill, name="make the form")

    async def _fill(self) -> None:
        """Make the rows a few at a time: a hundred at once would hold up the keys."""
        absent = tuple(f"{line.path}." for line in self.lines if line.switchable and not self._given(line.path))
        rows = [self._row(line) for line in self.lines if not line.path.startswith(absent)]
        for batch in batched(rows, BATCH):
            await self.mount_all(batch)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self._start = self._said()

    @property
    def edited(self) -> bool:
        """Whether the form says something else than it did at first."""
        return self._start is not None and self._said() != self._start

    def _said(self) -> object:
        return self.collected(), self.secrets()

    def _given(self, path: str) -> bool:
        return value_at(self.given, path) not in (ABSENT, None)

    def _row(self, line: Entry) -> Row:
        if line.heading:
            return GroupRow(line, on=self._given(line.path))
        return FieldRow(line, value_at(self.given, line.path))

    # -- what it says -----------------------------------------------------------------------------------------------

    def collected(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the values as the file would write them, and a sentence for each field whose text means nothing."""
        values: dict[str, Any] = dict(self.given)
        wrong: dict[str, str] = {}
        off = self._off()
        for row in self.rows():
            path = row.entry.path
            if path.startswith(off):
                continue
            try:
                values = with_value(values, path, row.control.value)
            except ValueError as error:
                wrong[path] = str(error)
        for prefix in off:
            values = with_value(values, prefix.rstrip("."), ABSENT)
        return values, wrong

    def secrets(self) -> dict[str, str]:
        """Return the secrets that were typed, by path: they belong into the keyring, not into values."""
        return {
            row.entry.path: row.control.typed
            for row in self.rows()
            if isinstance(row.control, SecretControl) and row.control.typed
        }

    def complain(self, problems: Mapping[str, str]) -> None:
        """Show each problem under its field."""
        for row in self.rows():
            row.complain(problems.get(row.entry.path, ""))

    def rows(self) -> Iterator[FieldRow]:
        """Yield the rows of all fields."""
        yield from self.query(FieldRow)

    def enter(self, path: str = "") -> None:
        """Put the focus into a field: the named one, the one that had it last, or the first."""
        named = next((row.control for row in self.rows() if row.entry.path == path), None)
        target = _first(named) if named is not None else self.last
        if target is None:
            target = next((child for row in self.rows() if (child := _first(row.control)) is not None), None)
        if target is not None:
            target.focus()
        elif self.lines:
            # The controls are still being made.
            self.call_after_refresh(self.enter, path)

    # -- keys and messages ------------------------------------------------------------------------------------------

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        for row in event.widget.ancestors:
            if isinstance(row, FieldRow):
                self.last = event.widget
                self.post_message(self.Entered(row.entry.path, hint(row.entry.field)))
            elif isinstance(row, GroupRow):
                self.post_message(self.Entered(row.entry.path, row.entry.field.description))

    def on_control_edited(self, event: Control.Edited) -> None:
        event.stop()
        self.post_message(self.Edited())

    def on_on_off_changed(self, event: OnOff.Changed) -> None:
        event.stop()
        group = event.switch.parent
        if isinstance(group, GroupRow):
            self._fold(group.entry, on=event.switch.on)
        self.post_message(self.Edited())

    def _off(self) -> tuple[str, ...]:
        rows = self.query(GroupRow)
        return tuple(f"{row.entry.path}." for row in rows if row.entry.switchable and not row.query_one(OnOff).on)

    def _fold(self, group: Entry, *, on: bool) -> None:
        """Show the settings of a group or hide them; they are made when they are first shown."""
        prefix = f"{group.path}."
        there = [row for row in self.query(Row) if row.entry.path.startswith(prefix)]
        for row in there:
            row.display = on
        if on and not there:
            after = next(row for row in self.query(GroupRow) if row.entry.path == group.path)
            self.mount_all([self._row(line) for line in self.lines if line.path.startswith(prefix)], after=after)


def _first(control: Widget) -> Widget | None:
    return next((child for child in control.children if child.focusable), None)


def batched(rows: Sequence[Row], size: int) -> Iterator[Sequence[Row]]:
    """Yield rows a few at a time."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
