"""The clock: this host's against its sources, and how far the peers' clocks are from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from console.keymap import bindings
from console.panes.deeds import DoingPane
from console.presentation import clocks as shown
from console.presentation.spans import Line
from console.widgets.listed_rows import Draw, ListedRows, Silent, always
from console.widgets.record_list import Rows

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.coordination.clocks.timing import ClockStanding, PeerSkew, Reading

MEASURE = "measure the clock"
FRESH_SECONDS = 30
"""Nobody tells when a clock drifts: look again this often while the tab is in front."""


class ClockPane(DoingPane):
    """Sources first, then peers. It needs no backend."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("clock")]
    title = "Clock"
    about = "the clock"
    shared = False

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.clock: ClockStanding | None = None
        self.skews: Sequence[PeerSkew] = ()

    def question(self) -> Callable[[Engine], Awaitable[ClockStanding]]:
        return _read

    def took(self, found: ClockStanding) -> None:
        self.clock = found

    def look(self) -> None:
        super().look()
        # Peers are asked over the network: what this host knows by itself does not wait for them.
        self.place.ask("ask the peers for the time", _ask_peers, self._heard_of_peers, failed=self._not_heard)

    def _heard_of_peers(self, skews: Sequence[PeerSkew]) -> None:
        self.skews = skews
        self.draw()

    def _not_heard(self, error: Exception) -> None:
        self.deck.say(f"The peers could not be asked for the time: {error}", severity="warning")

    def overdue(self) -> bool:
        return self.moment.elapsed.total_seconds() >= FRESH_SECONDS

    def look_soon(self) -> None:
        self.look()

    # -- showing ----------------------------------------------------------------------------------------------------

    def head(self, width: int) -> Sequence[Line]:
        if self.clock is None:
            return ()
        titles = (shown.reading_titles(self.row_width),) if self.clock.readings else ()
        return (*shown.facts(self.clock, self.moment.now, width), (), *titles)

    def rows(self) -> Rows:
        if self.clock is None:
            return ListedRows([])
        rows: list[tuple[Hashable, Draw]] = []
        readings = self.clock.readings
        scale = shown.scale_of(readings)
        rows += [(each.source, partial(self._reading, each, scale)) for each in readings]
        if self.skews:
            rows += [(Silent("gap"), always(())), (Silent("peers"), shown.skew_titles)]
            rows += [(("peer", each.peer), partial(self._skew, each)) for each in self.skews]
        return ListedRows(rows)

    def _reading(self, reading: Reading, scale: timedelta, width: int) -> Line:
        return shown.reading_line(reading, scale, self.moment.now, width)

    def _skew(self, skew: PeerSkew, width: int) -> Line:
        return shown.skew_line(skew, self.moment.now, width)

    def empty(self) -> Iterable[Line]:
        return shown.nothing_asked()

    def detail(self, width: int) -> Sequence[Line]:
        reading = self.reading
        return shown.detail(reading, self.moment.now, width) if reading is not None else ()

    @property
    def reading(self) -> Reading | None:
        """The source under the cursor."""
        readings = self.clock.readings if self.clock is not None else ()
        return next((each for each in readings if each.source == self.records.key), None)

    # -- keys -------------------------------------------------------------------------------------------------------

    def impossible(self, action: str) -> str:  # noqa: ARG002  one key, one reason
        return "The sources are being asked already." if MEASURE in self.deck.orders else ""

    def action_measure(self) -> None:
        self.carry_out(MEASURE, _measure, lambda clock: self.deck.say(clock.said))

    def command(self) -> str:
        return "syncdeck clock"


async def _read(engine: Engine) -> ClockStanding:
    return engine.coordination.clock.standing()


async def _ask_peers(engine: Engine) -> Sequence[PeerSkew]:
    return await engine.coordination.skews()


async def _measure(engine: Engine) -> ClockStanding:
    return await engine.coordination.clock.measure()
