"""Locks: who holds what for how long, who waits, and how to take one away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace
from textual.binding import BindingType

from console.keymap import bindings
from console.panes.changed import Changed, ChangingPane
from console.presentation import locks as shown
from console.presentation.leases import overdue, who_short
from console.presentation.spans import Line
from console.widgets.record_list import Rows
from console.widgets.sorted_rows import SortedRows
from engine.coordination.naming import LOCK
from engine.coordination.promises import Feature
from engine.coordination.standing import ClaimStanding

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.coordination.standing import Holder

MOST_CHANGED = 8
"""With more locks changed at once, all are read again."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was read: all locks there are, or only what became of some that changed."""

    claims: Sequence[ClaimStanding]
    gone: Sequence[str] = ()
    whole: bool = False


class LocksPane(ChangingPane):
    """The tab in front when the screen is first opened."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("locks")]
    title = "Locks"
    about = "the locks"
    feature = Feature.LOCK
    hint = "part of a lock's name or of its holder's"
    has_bars = True

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.claims = SortedRows(lambda claim: claim.name, _rank, self._line)
        self.changed = Changed(LOCK, MOST_CHANGED)
        self._longest = 0

    # -- reading ----------------------------------------------------------------------------------------------------

    def question(self) -> Callable[[Engine], Awaitable[Found]]:
        changed = self.changed.take()
        return _read_all if changed is None else partial(_read_some, changed)

    def dates(self, found: Found) -> bool:
        return found.whole

    def took(self, found: Found) -> None:
        if found.whole:
            self.claims.take(found.claims)
            self._longest = max(map(len, self.claims.things), default=0)
        else:
            # All bars run from the moment in which all locks were read.
            since = timedelta(seconds=self.elapsed - self.read_at)
            claims = [
                replace(claim, left=claim.left + since) if claim.left is not None else claim for claim in found.claims
            ]
            self.claims.update(claims, found.gone)
            self._longest = max(self._longest, *(len(claim.name) for claim in claims), 0)

    def overdue(self) -> bool:
        moment = self.moment
        late = any(overdue(claim.left, claim.ttl, moment) for claim in self.claims.things.values())
        if late:
            self.changed.forget()
        return late

    # -- showing ----------------------------------------------------------------------------------------------------

    def head(self, width: int) -> Sequence[Line]:  # noqa: ARG002  as wide as the list
        return (shown.titles(self._columns(self.row_width)),) if self.claims.things else ()

    def rows(self) -> Rows:
        return self.claims

    def narrowed(self) -> None:
        needle = self.wanted.casefold()
        self.claims.narrow((lambda claim: needle in _text(claim)) if needle else None)
        super().narrowed()

    def _columns(self, width: int) -> shown.Columns:
        return shown.Columns.of(width, self._longest)

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
        return self.claims.get(self.records.key)

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


def _rank(claim: ClaimStanding) -> tuple[bool]:
    # What is held or waited for first, then what was; each by name.
    return (claim.holder is None and not claim.waiters,)


async def _read_all(engine: Engine) -> Found:
    return Found(await engine.coordination.locks(), whole=True)


async def _read_some(names: Sequence[str], engine: Engine) -> Found:
    claims = [claim for name in names for claim in await engine.coordination.locks(name) if claim.name == name]
    return Found(claims, sorted(set(names) - {claim.name for claim in claims}))
