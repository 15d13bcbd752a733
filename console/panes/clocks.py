"""The clock: this host's against its sources, and how far the peers' clocks are from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
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
    from engine.coordination.timing import ClockStanding, PeerSkew, Reading

MEASURE = "measure the clock"


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of the time."""

    clock: ClockStanding
    skews: Sequence[PeerSkew]


class ClockPane(DoingPane):
    """Sources first, then peers. It needs no backend."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("clock")]
    title = "Clock"
    about = "the clock"
    shared = False

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.found: Found | None = None

    def question(self) -> Callable[[Engine], Awaitable[Found]]:
        return _read

    def took(self, found: Found) -> None:
        self.found = found

    # -- showing ----------------------------------------------------------------------------------------------------

    def head(self, width: int) -> Sequence[Line]:
        if self.found is None:
            return ()
        titles = (shown.reading_titles(self.row_width),) if self.found.clock.readings else ()
        return (*shown.facts(self.found.clock, self.moment.now, width), (), *titles)

    def rows(self) -> Rows:
        if self.found is None:
            return ListedRows([])
        rows: list[tuple[Hashable, Draw]] = []
        readings, skews = self.found.clock.readings, self.found.skews
        scale = shown.scale_of(readings)
        rows += [(each.source, partial(self._reading, each, scale)) for each in readings]
        if skews:
            rows += [(Silent("gap"), always(())), (Silent("peers"), shown.skew_titles)]
            rows += [(("peer", each.peer), partial(self._skew, each)) for each in skews]
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
        readings = self.found.clock.readings if self.found is not None else ()
        return next((each for each in readings if each.source == self.records.key), None)

    # -- keys -------------------------------------------------------------------------------------------------------

    def impossible(self, action: str) -> str:  # noqa: ARG002  one key, one reason
        return "The sources are being asked already." if MEASURE in self.deck.orders else ""

    def action_measure(self) -> None:
        self.carry_out(MEASURE, _measure, lambda clock: self.deck.say(clock.said))

    def command(self) -> str:
        return "syncdeck clock"


async def _read(engine: Engine) -> Found:
    coordination = engine.coordination
    return Found(coordination.clock.standing(), await coordination.skews())


async def _measure(engine: Engine) -> ClockStanding:
    return await engine.coordination.clock.measure()
