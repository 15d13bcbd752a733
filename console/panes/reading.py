"""The part of a tab that reads: at once when something changed, at a bearable pace in a storm, and frozen when the
backend is gone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.containers import Container

from console.panes.pace import Pace
from console.presentation.leases import Moment

if TYPE_CHECKING:
    from textual.timer import Timer

    from console.app import SyncdeckApp
    from console.screens.coordination import CoordinationScreen
    from engine.assembly import Engine
    from engine.coordination.promises import Feature
    from engine.coordination.standing import Change


class Reading(Container):
    """Subclasses give `question`, `took` and `draw`."""

    about: ClassVar[str] = ""
    """What is read, in the words of an error: "the locks"."""
    feature: ClassVar[Feature | None] = None
    """What the backend must be able to do."""
    shared: ClassVar[bool] = True
    """The backend keeps it: it is out of date when that is gone."""
    prefixes: ClassVar[tuple[str, ...]] = ()
    """Beginnings of the names whose changes are seen here."""

    def __init__(self, word: str) -> None:
        super().__init__(classes="pane")
        self.word = word
        """Its name in the table of tabs."""
        self.there = False
        """Its parts are there to be drawn."""
        self.known = False
        """Something was read, at `read_at` on the clock of elapsed time."""
        self.read_at = 0.0
        self.lost_at: float | None = None
        """When the backend was found to be gone; bars stop there."""
        self.refusal = ""
        self._pace = Pace()
        self._busy = False
        """It was asked, or will be as soon as that is due."""
        self._waiting: Timer | None = None
        self._stale = False
        """Something changed since it was asked."""
        self._asked_at = 0.0

    def question(self) -> Callable[[Engine], Awaitable[Any]]:
        """Return what is asked of the engine, with all it needs to know: it runs on another thread."""
        raise AssertionError("every tab asks something")

    def took(self, found: Any) -> None:
        """Keep what was read."""

    def dates(self, found: Any) -> bool:  # noqa: ARG002  for those that read only what changed
        """Tell whether all that is known was read just now: ages and bars begin there."""
        return True

    def draw(self) -> None:
        """Draw what is known."""

    def overdue(self) -> bool:
        """Tell whether something should have changed by now that the backend does not tell of."""
        return False

    @property
    def deck(self) -> SyncdeckApp:
        """The app, by its own type."""
        return cast("SyncdeckApp", self.app)

    @property
    def place(self) -> CoordinationScreen:
        """The screen, by its own type."""
        return cast("CoordinationScreen", self.screen)

    def look(self) -> None:
        """Read everything anew, now."""
        self.ask_now()

    def ask_now(self) -> None:
        """Ask the question as it is now."""
        if self._waiting is not None:
            self._waiting.stop()
            self._waiting = None
        self._busy, self._stale = True, False
        self._asked_at = self.elapsed
        self.place.ask(f"read {self.about}", self.question(), self._answered, failed=self._failed)

    def look_soon(self) -> None:
        """Read anew: at once, unless it is being read or was read too often just now."""
        if self._busy:
            self._stale = True
        elif wait := self._pace.wait(self.elapsed):
            self._busy = True
            self._waiting = self.set_timer(wait, self._due)
        else:
            self.ask_now()

    def heard(self, changes: Iterable[Change]) -> None:
        """Take in that something changed."""
        if any(change.kind == "synced" or change.name.startswith(self.prefixes) for change in changes):
            self.look_soon()

    def _answered(self, found: Any) -> None:
        engine = self.deck.engine
        if engine is None or not self.there:
            return
        self.lost_at, self.refusal = None, ""
        if self.dates(found):
            self.read_at = self.elapsed
        self.took(found)
        self.known = True
        if self.shared:
            self.place.reached()
        self.draw()
        self._done()

    def _failed(self, error: Exception) -> None:
        self.place.missed_by(self, error)
        self._done()

    def _done(self) -> None:
        self._pace.did(self.elapsed, self.elapsed - self._asked_at)
        self._busy = False
        if self._stale:
            self._stale = False
            self.look_soon()

    def _due(self) -> None:
        self._busy, self._waiting = False, None
        if self.place.is_current and self.display:
            self.ask_now()

    @property
    def elapsed(self) -> float:
        """The clock of elapsed time."""
        return self.deck.engine.clock.monotonic() if self.deck.engine is not None else 0.0

    def leave(self) -> None:
        """Another tab or screen is in front now: let nothing go on for this one."""

    def refuse(self, sentence: str) -> None:
        """Show that the backend has nothing of this kind, in its own words."""
        self.refusal = sentence
        self.draw()

    def lose(self) -> None:
        """The backend is gone: what is known stays, grey, and its bars stop."""
        if self.lost_at is None and self.deck.engine is not None:
            self.lost_at = self.deck.engine.clock.monotonic()
            self.draw()

    @property
    def moment(self) -> Moment:
        """What drawing needs to know of time; it stands still while the backend is gone."""
        engine = self.deck.engine
        if engine is None:
            raise AssertionError("nothing is drawn without an engine")
        until = self.elapsed if self.lost_at is None else self.lost_at
        stopped = timedelta(seconds=self.elapsed - until)
        elapsed = timedelta(seconds=max(until - self.read_at, 0.0))
        return Moment(now=engine.clock.now() - stopped, elapsed=elapsed, gone=self.lost_at is not None)
