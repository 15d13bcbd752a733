"""Locks: who holds what for how long, who waits, and how to take one away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from console.keymap import bindings
from console.panes.deeds import DoingPane
from console.presentation import locks as shown
from console.presentation.leases import overdue, who_short
from console.presentation.spans import Line
from console.widgets.record_list import Rows
from console.widgets.summary_rows import SummaryRows
from engine.coordination.promises import Feature
from engine.coordination.standing import ClaimStanding

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from engine.assembly import Engine
    from engine.coordination.standing import Holder


class LocksPane(DoingPane):
    """The tab in front when the screen is first opened."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("locks")]
    title = "Locks"
    about = "the locks"
    feature = Feature.LOCK
    prefixes = ("lock/",)
    hint = "part of a lock's name or of its holder's"
    has_bars = True

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.claims: Sequence[ClaimStanding] = ()

    def question(self) -> Callable[[Engine], Awaitable[Sequence[ClaimStanding]]]:
        return lambda engine: engine.coordination.locks()

    def took(self, found: Sequence[ClaimStanding]) -> None:
        # What is held or waited for first, then what was; each by name.
        self.claims = sorted(found, key=lambda claim: (claim.holder is None and not claim.waiters, claim.name))

    def overdue(self) -> bool:
        return any(overdue(claim.left, claim.ttl, self.moment) for claim in self.claims)

    # -- showing ----------------------------------------------------------------------------------------------------

    def head(self, width: int) -> Sequence[Line]:  # noqa: ARG002  as wide as the list
        return (shown.titles(self._columns(self.row_width)),) if self.claims else ()

    def rows(self) -> Rows:
        needle = self.wanted.casefold()
        found = [claim for claim in self.claims if needle in _text(claim)]
        return SummaryRows(found, lambda claim: claim.name, self._line)

    def _columns(self, width: int) -> shown.Columns:
        return shown.Columns.of(width, [claim.name for claim in self.claims])

    def _line(self, claim: ClaimStanding, width: int) -> Line:
        return shown.lock_line(claim, self._columns(width), self.moment, self.place.own)

    def empty(self) -> Iterable[Line]:
        return shown.empty(filtered=bool(self.wanted))

    def detail(self, width: int) -> Sequence[Line]:
        claim = self.claim
        return shown.detail(claim, self.moment, self.place.own, width) if claim is not None else ()

    @property
    def claim(self) -> ClaimStanding | None:
        """The lock under the cursor."""
        return next((claim for claim in self.claims if claim.name == self.records.key), None)

    @property
    def audited(self) -> str:
        return f"coordination:lock/{self.claim.name}" if self.claim is not None else ""

    # -- keys -------------------------------------------------------------------------------------------------------

    def impossible(self, action: str) -> str:  # noqa: ARG002  one key, one reason
        claim = self.claim
        if claim is None:
            return "There is no lock here."
        return "" if claim.holder is not None else f"Nobody holds {claim.name}: there is nothing to take away."

    def action_force_release(self) -> None:
        claim = self.claim
        if claim is not None and claim.holder is not None:
            matter = shown.release_matter(claim, self.moment, self.matter_width)
            self.decide(matter, partial(self._release, claim.name, claim.holder))

    def _release(self, name: str, holder: Holder, reason: str) -> None:
        def told(done: bool) -> None:
            if done:
                self.deck.say(
                    f"{name} was taken away from {who_short(holder.who)}; token {holder.token:,} is outdated."
                )
            else:
                words = f"Nothing was done: the grant of {name} with token {holder.token:,} was over already."
                self.deck.say(words, severity="warning")

        self.carry_out(
            f"release {name}",
            lambda engine: engine.coordination.force_release(name, holder.token, reason=reason),
            told,
        )

    def command(self) -> str:
        claim = self.claim
        if claim is None or claim.holder is None:
            return "syncdeck locks"
        return f"syncdeck locks release {claim.name} --token {claim.holder.token} --reason …"


def _text(claim: ClaimStanding) -> str:
    who = claim.holder.who if claim.holder is not None else None
    return f"{claim.name} {who.node} {who.actor}".casefold() if who is not None else claim.name.casefold()
