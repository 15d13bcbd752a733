"""Overview: every sync and target, whether it is in step, what waits and what was refused. Live."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Static

from console.keymap import bindings
from console.messages import News, Open
from console.presentation import overview as shown
from console.presentation.coordination import overview_line
from console.presentation.leases import who_short
from console.presentation.spans import Line, Span
from console.screens.frame import SyncdeckScreen
from console.widgets.ink import paint
from console.widgets.line_panel import LineStack
from console.widgets.listed_rows import Draw, ListedRows, Silent, SteppingList, always
from console.widgets.record_list import RecordList

if TYPE_CHECKING:
    from datetime import datetime

    from engine.assembly import Engine
    from engine.coordination.overview import BackendStanding
    from engine.reconcile.history import SyncStatus

FRESH_SECONDS = 5
"""Other processes on the same workspace send no notices here: look again this often."""

OPENING: tuple[Line, ...] = ((Span("Opening the workspace …", "dim"),),)
EMPTY: tuple[Line, ...] = (
    (Span("This workspace has no syncs yet.", "strong"),),
    (),
    (Span("A sync keeps targets in step with a source. To make the first one:", ""),),
    (Span("  2 ", "accent"), Span("add an adapter for each side (a file, a table, a group), then")),
    (Span("  3 ", "accent"), Span("add a sync between them, then")),
    (Span("  p ", "accent"), Span("plan it: you see every change before anything is changed.")),
)


class Row(NamedTuple):
    """What a line is about; `place` tells the lines of one sync apart."""

    sync: str
    place: str = ""


class OverviewScreen(SyncdeckScreen):
    """Mode 1."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("overview")]
    crumb = "Overview"

    def __init__(self) -> None:
        super().__init__()
        self.statuses: Sequence[SyncStatus] = ()
        self.as_of: datetime | None = None
        self.backend: tuple[BackendStanding, str] | None = None
        """How the coordination backend stands, and who leads automatic syncs; None: not known."""

    def body(self) -> Iterable[Widget]:
        yield Static(id="summary")
        yield LineStack(self._coordination, id="coordination-line")
        yield Static(id="titles", classes="titles")
        yield SteppingList(empty=OPENING, id="syncs")

    def on_mount(self) -> None:
        self.set_interval(FRESH_SECONDS, self.look_if_shown)

    def look(self) -> None:
        self.read_syncs()
        self.ask("ask how coordination stands", _coordination, self.show_backend, failed=lambda _: None)

    def read_syncs(self) -> None:
        """Read how every sync stands."""
        self.ask("read the overview", lambda engine: engine.reconcile.overview(), self.show)

    def hear(self, news: News) -> None:
        if any(notice.topic.startswith("coordination.") for notice in news.notices):
            self.look()
        else:
            self.read_syncs()

    def show_backend(self, found: tuple[BackendStanding, str]) -> None:
        """Show how the coordination backend stands now."""
        self.backend = found
        self.query_one("#coordination-line", LineStack).draw_afresh()

    def _coordination(self, width: int) -> Sequence[Line]:
        engine = self.deck.engine
        if engine is None or self.backend is None:
            return ((),)
        return (overview_line(*self.backend, engine.clock.now(), max(width, 20)),)

    def show(self, statuses: Sequence[SyncStatus]) -> None:
        """Show how every sync stands now."""
        if self.deck.engine is None:
            return
        self.statuses, self.as_of = statuses, self.deck.engine.clock.now()
        self.draw()

    def on_resize(self) -> None:
        self.draw()

    def draw(self) -> None:
        """Draw what is known, at the width there is now."""
        if self.as_of is None or self.deck.engine is None:
            return
        now = self.deck.engine.clock.now()
        records = self.query_one(RecordList)
        names = [status.sync for status in self.statuses]
        names += [f"  {target.target}" for status in self.statuses for target in status.targets]
        longest = max((len(name) for name in names), default=0)
        columns = shown.Columns.of(self.size.width - 4, longest)
        self.query_one("#summary", Static).update(paint(shown.summary(self.statuses, self.as_of, now)), layout=False)
        self.query_one("#titles", Static).update(paint(shown.titles(columns)), layout=False)
        self.query_one("#titles").visible = bool(self.statuses)
        records.show(ListedRows(self._rows(columns, now)), empty=EMPTY)

    def _rows(self, columns: shown.Columns, now: datetime) -> list[tuple[Hashable, Draw]]:
        rows: list[tuple[Hashable, Line]] = []
        for status in self.statuses:
            sync = status.sync
            rows += [(Row(sync), shown.sync_line(status, columns, now, self.deck.planning.get(sync, "")))]
            rows += [(Row(sync, each.target), shown.target_line(each, columns, now)) for each in status.targets]
            refusals = shown.refusal_lines(status, self.size.width - 4)
            rows += [(Silent((sync, number)), refusal) for number, refusal in enumerate(refusals)]
            rows += [(Silent((sync, "gap")), ())]
        return [(key, always(line)) for key, line in rows[:-1]]

    # -- keys -------------------------------------------------------------------------------------------------------

    @property
    def status(self) -> SyncStatus | None:
        """The sync whose lines the cursor is on."""
        key = self.query_one(RecordList).key
        return next((status for status in self.statuses if isinstance(key, Row) and status.sync == key.sync), None)

    def why_not(self, action: str) -> str:
        status = self.status
        if action in {"plan", "last_run", "sync", "release"} and status is None:
            return "There is no sync here yet: 3 adds one."
        if action == "plan" and status is not None and status.sync in self.deck.planning:
            return f"{status.sync} is being planned already."
        if action == "release" and not self.quarantined:
            return "No target of this sync is in quarantine."
        if action == "last_run" and status is not None and status.last_run is None:
            return f"{status.sync} has never run: p plans it."
        return ""

    def copied(self) -> str:
        return self.status.sync if self.status is not None else ""

    def command(self) -> str:
        return f"syncdeck plan {self.status.sync}" if self.status is not None else "syncdeck runs"

    def on_record_list_opened(self) -> None:
        status = self.status
        if status is None:
            return
        if status.running is not None:
            self.post_message(Open("run", str(status.running)))
        elif digest := status.waiting or status.refused:
            self.post_message(Open("plan", digest))
        else:
            self.post_message(Open("sync", status.sync))

    def action_sync(self) -> None:
        if self.status is not None:
            self.post_message(Open("sync", self.status.sync))

    def action_last_run(self) -> None:
        if self.status is not None and self.status.last_run is not None:
            self.post_message(Open("run", str(self.status.last_run.run)))

    @property
    def quarantined(self) -> tuple[str, ...]:
        """The quarantined targets under the cursor: the one of its line, or all of its sync."""
        key, status = self.query_one(RecordList).key, self.status
        if status is None or not isinstance(key, Row):
            return ()
        names = [each.target for each in status.targets if each.health == "quarantined"]
        return tuple(name for name in names if key.place in {"", name})

    def action_release(self) -> None:
        from console.dialogs.confirm import Confirm

        status, targets = self.status, self.quarantined
        if status is None:
            return
        reasons = " ".join(f"{each.target}: {each.reason}" for each in status.targets if each.target in targets)
        question = Confirm(
            f"Let {', '.join(targets)} out of quarantine?",
            f"{reasons} Automatic runs try it again; planning by hand always did.",
            yes="Release",
        )
        self.deck.push_screen(question, partial(self._release, status.sync, targets))

    def _release(self, sync: str, targets: Sequence[str], agreed: bool | None) -> None:
        if not agreed:
            return

        async def release(engine: Engine) -> None:
            for target in targets:
                await engine.reconcile.release(sync, target)

        self.ask(f"release {', '.join(targets)}", release, lambda _: self.look())

    def action_plan(self) -> None:
        if self.status is not None:
            self.deck.plan_sync(self.status.sync)
            self.draw()


async def _coordination(engine: Engine) -> tuple[BackendStanding, str]:
    """Ask how the backend stands, and who leads automatic syncs."""
    from engine.coordination.coordination import CRON
    from engine.coordination.promises import Feature

    standing = await engine.coordination.standing()
    if not standing.reachable or Feature.ELECTION in standing.promises.refusals:
        return standing, ""
    leader = await engine.coordination.election(CRON).leader()
    return standing, who_short(leader.who) if leader is not None else ""
