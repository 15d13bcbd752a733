"""Leaders: who leads which group in which term, who would like to, and how to let one resign."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from console.keymap import bindings
from console.panes.deeds import DoingPane
from console.presentation import leaders as shown
from console.presentation import locks
from console.presentation.leases import overdue, who_short
from console.presentation.spans import Line
from console.widgets.record_list import Rows
from console.widgets.summary_rows import SummaryRows
from engine.coordination.promises import Feature

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from engine.assembly import Engine
    from engine.coordination.overview import LeaderStanding
    from engine.coordination.standing import Holder


class LeadersPane(DoingPane):
    """Groups by name."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("leaders")]
    title = "Leaders"
    about = "the leaders"
    feature = Feature.ELECTION
    prefixes = ("election/", "leader/")
    hint = "part of a group's name"
    has_bars = True

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.groups: Sequence[LeaderStanding] = ()

    def question(self) -> Callable[[Engine], Awaitable[Sequence[LeaderStanding]]]:
        return lambda engine: engine.coordination.leaders()

    def took(self, found: Sequence[LeaderStanding]) -> None:
        self.groups = found

    def overdue(self) -> bool:
        moment = self.moment
        return any(overdue(each.claim.left, each.claim.ttl, moment) for each in self.groups)

    # -- showing ----------------------------------------------------------------------------------------------------

    def head(self, width: int) -> Sequence[Line]:  # noqa: ARG002  as wide as the list
        columns = self._columns(self.row_width)
        return (locks.titles(columns, name="GROUP", holder="LEADER", number="TERM"),) if self.groups else ()

    def rows(self) -> Rows:
        needle = self.wanted.casefold()
        found = [each for each in self.groups if needle in each.group.casefold()]
        return SummaryRows(found, lambda each: each.group, self._line)

    def _columns(self, width: int) -> locks.Columns:
        return locks.Columns.of(width, max((len(each.group) for each in self.groups), default=0))

    def _line(self, group: LeaderStanding, width: int) -> Line:
        return shown.leader_line(group, self._columns(width), self.moment, self.place.own)

    def empty(self) -> Iterable[Line]:
        return shown.empty()

    def detail(self, width: int) -> Sequence[Line]:
        group = self.group
        return shown.detail(group, self.moment, self.place.own, width) if group is not None else ()

    @property
    def group(self) -> LeaderStanding | None:
        """The group under the cursor."""
        return next((each for each in self.groups if each.group == self.records.key), None)

    @property
    def audited(self) -> str:
        return f"coordination:election/{self.group.group}" if self.group is not None else ""

    # -- keys -------------------------------------------------------------------------------------------------------

    def impossible(self, action: str) -> str:  # noqa: ARG002  one key, one reason
        group = self.group
        if group is None:
            return "There is no group here."
        return "" if group.claim.holder is not None else f"Nobody leads {group.group}."

    def action_resign(self) -> None:
        group = self.group
        if group is not None and (holder := group.claim.holder) is not None:
            own = holder.session in self.place.own
            matter = shown.resign_matter(group, self.moment, self.matter_width, own=own)
            self.decide(matter, partial(self._resign, group.group, holder))

    def _resign(self, group: str, holder: Holder, reason: str) -> None:
        def told(done: bool) -> None:
            if done:
                self.deck.say(f"{who_short(holder.who)} leads {group} no longer; term {holder.token:,} is over.")
            else:
                words = f"Nothing was done: term {holder.token:,} of {group} was over already."
                self.deck.say(words, severity="warning")

        self.carry_out(
            f"let the leader of {group} resign",
            lambda engine: engine.coordination.resign(group, holder.token, reason=reason),
            told,
        )

    def command(self) -> str:
        return "syncdeck leaders"
