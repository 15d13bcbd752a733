"""The part of the coordination screen that knows how the backend stands: there, live, gone, and since when."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from textual import on
from textual.message import Message

from console.bridge import begin
from console.following import GROUP, Tidings
from console.messages import Answer
from console.presentation import coordination as shown
from console.presentation.coordination import Glance, Link
from console.presentation.spans import Line, Span
from console.screens.frame import SyncdeckScreen
from engine.coordination.promises import Feature
from engine.errors import CoordinationError, NotSupported

if TYPE_CHECKING:
    from collections.abc import Set

    from engine.assembly import Engine
    from engine.coordination.overview import BackendStanding
    from engine.coordination.promises import Promises
    from engine.coordination.standing import Change, SessionId

TRY_SECONDS = 2
"""While the backend is gone, it is asked this often whether it is back, beside what the engine does by itself."""
AFTERWARDS_SECONDS = 0.2
"""What changed is shown first; the tabs are counted after that."""
GLANCE_SECONDS = 1
"""Between two counts for the tabs, however much changes."""
GLANCE_FACTOR = 10
"""Counting that took long is followed by a rest so many times as long."""


@dataclass(frozen=True, slots=True)
class Glanced:
    """The backend's standing with what the tabs say; None: it was not there to be asked."""

    standing: BackendStanding
    glance: Glance | None


class BackendWatch(SyncdeckScreen):
    """A screen of what a backend keeps. Subclasses show it: `drawn`, `lost`, `found_again`, `changed`."""

    class Moved(Message):
        """Something changed at the backend."""

    def __init__(self) -> None:
        super().__init__()
        self.standing: BackendStanding | None = None
        self.glance = Glance()
        self.link = Link(following=False, as_of=None)
        self.tidings = Tidings(lambda: self.post_message(self.Moved()))
        self._glancing = False
        self._glance_again = False
        self._beats = 0
        self._asked_at = 0.0

    @abstractmethod
    def drawn(self) -> None:
        """Draw how the backend stands."""

    @abstractmethod
    def lost(self) -> None:
        """The backend is gone: what is shown is out of date."""

    @abstractmethod
    def changed(self, changes: Iterable[Change]) -> None:
        """Read again what changed."""

    # -- following --------------------------------------------------------------------------------------------------

    def look(self) -> None:
        begin(self, self._follow, name="follow", group=GROUP, exclusive=True)
        self.look_around()

    async def _follow(self) -> None:
        try:
            await self.deck.ask(self.tidings.follow)
        except CoordinationError as error:
            complaint = error
            if not isinstance(error, NotSupported):  # without a feed what stands here has its age beside it
                self.post_message(Answer(lambda: self.missed("what changes", complaint)))

    def on_screen_suspend(self) -> None:
        super().on_screen_suspend()
        self.workers.cancel_group(self, GROUP)

    @on(Moved)
    def take_tidings(self) -> None:
        """Hand on what changed."""
        changes = self.tidings.fetch()
        if any(change.kind == "synced" for change in changes):
            self.link = replace(self.link, following=True)
        self.changed(changes)
        self._glance_again = True
        if not self._glancing:
            self._glancing = True
            self.set_timer(AFTERWARDS_SECONDS, self._rested)

    # -- how it stands ----------------------------------------------------------------------------------------------

    def look_around(self) -> None:
        """Ask how the backend stands, and what the tabs say."""
        self._glancing, self._glance_again = True, False
        self._asked_at = self._elapsed
        self.ask("ask how the backend stands", look_around, self._looked, failed=self._not_looked)

    def _looked(self, found: Glanced) -> None:
        self._rest()
        self.standing = found.standing
        self.glance = found.glance or self.glance
        if found.standing.reachable:
            self.reached()
        else:
            self.lose(found.standing.fault, found.standing.since)
        self.drawn()

    def _not_looked(self, error: Exception) -> None:
        self._rest()
        self.missed("how the backend stands", error)

    def _rest(self) -> None:
        took = self._elapsed - self._asked_at
        self.set_timer(max(GLANCE_SECONDS, GLANCE_FACTOR * took), self._rested)

    @property
    def _elapsed(self) -> float:
        return self.deck.engine.clock.monotonic() if self.deck.engine is not None else 0.0

    def _rested(self) -> None:
        self._glancing = False
        if self._glance_again and self.is_current:
            self.look_around()

    def beat(self) -> None:
        """A second passed: while the backend is gone, it is asked again from time to time."""
        self._beats += 1
        if self.link.gone_since is not None and self._beats % TRY_SECONDS == 0:
            self.look_around()

    # -- there, or gone ---------------------------------------------------------------------------------------------

    def reached(self) -> None:
        """Something was read: the backend is there."""
        engine = self.deck.engine
        if engine is None:
            return
        back = self.link.gone_since is not None
        self.link = Link(following=self.link.following, as_of=engine.clock.now())
        if back:
            self.look()

    def missed(self, what: str, error: Exception) -> None:
        """A reading failed: the backend is gone, or something unforeseen happened."""
        if isinstance(error, CoordinationError) and not isinstance(error, NotSupported):
            self.lose(str(error), None)
        else:
            self.deck.show_failure(f"read {what}", error)

    def lose(self, fault: str, since: datetime | None) -> None:
        """The backend is gone: say so, and leave what is known, grey."""
        engine = self.deck.engine
        if engine is not None:
            began = self.link.gone_since or since or engine.clock.now()
            self.link = replace(self.link, following=False, gone_since=began, fault=fault or self.link.fault)
            self.lost()
            self.drawn()

    # -- what is known of it ----------------------------------------------------------------------------------------

    @property
    def promises(self) -> Promises | None:
        """What the backend promises, once that is known."""
        return self.standing.promises if self.standing is not None else None

    @property
    def backend(self) -> str:
        """What the backend is called."""
        return self.promises.backend if self.promises is not None else "this backend"

    @property
    def own(self) -> Set[SessionId]:
        """The sessions of this process."""
        return self.standing.own if self.standing is not None else frozenset()

    def refusal_of(self, feature: Feature | None) -> str:
        """Return the backend's sentence for what it cannot do, or nothing."""
        return self.promises.refusals.get(feature, "") if self.promises is not None and feature is not None else ""

    def unknown(self, width: int) -> list[Line]:
        """Return what stands in a list that was never read."""
        if self.link.gone_since is not None:
            return shown.nothing_read(width)
        return [(Span("Reading …", "dim"),)]


async def look_around(engine: Engine) -> Glanced:
    """Ask how the backend stands, and count what the tabs say."""
    coordination = engine.coordination
    standing = await coordination.standing()
    if not standing.reachable:
        return Glanced(standing, None)
    able = set(Feature) - set(standing.promises.refusals)
    locks = await coordination.locks() if Feature.LOCK in able else ()
    leaders = await coordination.leaders() if Feature.ELECTION in able else ()
    clock = coordination.clock.standing()
    glance = Glance(
        locks=sum(claim.holder is not None for claim in locks),
        waiters=sum(len(claim.waiters) for claim in locks),
        leaders=sum(group.claim.holder is not None for group in leaders),
        vacant=sum(group.claim.holder is None and bool(group.claim.waiters) for group in leaders),
        tasks=await coordination.tasks.counts() if Feature.TASKS in able else None,
        synchronised=clock.synchronised if clock.readings else None,
    )
    return Glanced(standing, glance)
