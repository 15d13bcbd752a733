"""Adapters: every configured endpoint, who uses it, how its last test went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Static

from console.file_edits import delete_entry
from console.keymap import bindings
from console.messages import Open
from console.presentation import adapters as shown
from console.presentation.spans import Line, Span
from console.screens.frame import SyncdeckScreen
from console.widgets.ink import paint
from console.widgets.listed_rows import ListedRows, SteppingList, always
from console.widgets.record_list import RecordList

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.settings.catalogue import EndpointType

RECENT_TESTS = 200
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

EMPTY: tuple[Line, ...] = (
    (Span("There are no adapters yet.", "strong"),),
    (),
    (Span("An adapter is one thing outside: a file, a table, a directory's group,"),),
    (Span("a collection behind a REST interface."),),
    (Span("  a ", "accent"), Span("adds the first one; you can test it before it is saved.")),
)


class AdaptersScreen(SyncdeckScreen):
    """Mode 2."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("adapters")]
    crumb = "Adapters"

    def __init__(self) -> None:
        super().__init__()
        self.tests: Mapping[str, shown.LastTest] = {}

    def body(self) -> Iterable[Widget]:
        yield Static(id="titles", classes="titles")
        yield SteppingList(empty=[(Span("Opening the workspace …", "dim"),)], id="adapters")

    def look(self) -> None:
        self.draw()
        self.ask("read the last tests", last_tests, self._show_tests)

    def _show_tests(self, tests: Mapping[str, shown.LastTest]) -> None:
        self.tests = tests
        self.draw()

    def on_resize(self) -> None:
        self.draw()

    def draw(self) -> None:
        """Draw what is known, at the width there is now."""
        engine = self.deck.engine
        if engine is None:
            return
        names = list(engine.workspace.adapters)
        width = self.size.width - 4
        room = shown.widths(width, names)
        now = engine.clock.now()
        rows = []
        for name, adapter in engine.workspace.adapters.items():
            users = shown.used_by(engine.workspace, name)
            line = shown.adapter_line(name, adapter.type, users, self.tests.get(name), now, room)
            rows.append((name, always(line)))
        titles = self.query_one("#titles", Static)
        titles.update(paint(shown.titles(width, names)), layout=False)
        titles.visible = bool(names)
        self.query_one(RecordList).show(ListedRows(rows), empty=EMPTY)

    # -- keys -------------------------------------------------------------------------------------------------------

    @property
    def chosen(self) -> str:
        """The adapter the cursor is on."""
        key = self.query_one(RecordList).key
        return key if isinstance(key, str) else ""

    def why_not(self, action: str) -> str:
        if action in {"edit", "test", "duplicate", "delete"} and not self.chosen:
            return "There is no adapter yet: a adds one."
        return self.deck.busy() if action == "delete" else ""

    def copied(self) -> str:
        return self.chosen

    def command(self) -> str:
        return f"syncdeck adapters check {self.chosen}" if self.chosen else "syncdeck adapters"

    def on_record_list_opened(self) -> None:
        self.post_message(Open("adapter", self.chosen))

    def action_test(self) -> None:
        self.post_message(Open("adapter test", self.chosen))

    def action_duplicate(self) -> None:
        self.post_message(Open("adapter copy", self.chosen))

    def action_add(self) -> None:
        self.ask("list the kinds of adapter", kinds, self._pick)

    def _pick(self, types: Sequence[EndpointType]) -> None:
        from console.dialogs.choose import Choose, Option

        options = [
            Option(kind.type, kind.title, kind.summary + ("" if kind.writes else " Only as a source."))
            for kind in types
        ]

        def add(word: str | None) -> None:
            if word is not None:
                self.post_message(Open("adapter new", word))

        self.deck.push_screen(Choose("What kind of adapter?", options), add)

    def action_delete(self) -> None:
        delete_entry(self.deck, "adapters", self.chosen)


async def kinds(engine: Engine) -> Sequence[EndpointType]:
    """Return the kinds of endpoint there are, by title."""
    return sorted(engine.catalogue.types().values(), key=lambda kind: kind.title.casefold())


async def last_tests(engine: Engine) -> Mapping[str, shown.LastTest]:
    """Return each adapter's last test on this node from the event log; other nodes have adapters of their own."""
    from engine.events.event import END
    from engine.events.log import Filter

    here = Filter(type="adapter.checked", origin=f"{engine.workspace.node}~*")
    events = await engine.log.page(END, RECENT_TESTS, here, backwards=True)
    found: dict[str, shown.LastTest] = {}
    for event in events:
        if event.redacted or not isinstance(event.data, dict):
            continue
        name = str(event.data.get("adapter", event.aggregate_id.partition(":")[2]))
        at = EPOCH + timedelta(milliseconds=event.milliseconds)
        records, failed = event.data.get("count"), event.data.get("failed") or [""]
        detail = f"{records:,} records" if event.data.get("passed") else str(failed[0])
        found.setdefault(name, shown.LastTest(at=at, passed=bool(event.data.get("passed")), detail=detail))
    return found
