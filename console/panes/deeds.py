"""What tabs do: everything is said once in a dialog, then the engine is asked, then the tab looks again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from console.dialogs.decide import Decide, Decided
from console.panes.pane import Pane
from console.presentation.plan_words import Matter
from engine.errors import NothingFound

if TYPE_CHECKING:
    from engine.assembly import Engine

T = TypeVar("T")


class DoingPane(Pane):
    """A tab with keys that change something."""

    def decide(self, matter: Matter, then: Callable[[str], None]) -> None:
        """Show everything once; go on with the reason that was given."""

        def answered(decided: Decided | None) -> None:
            if decided is not None:
                then(decided.comment)

        self.deck.push_screen(Decide(matter), answered)

    @property
    def matter_width(self) -> int:
        """Cells there are for what a dialog says."""
        return max(min(80, self.deck.size.width * 94 // 100 - 4), 32)

    def carry_out(
        self,
        what: str,
        order: Callable[[Engine], Awaitable[T]],
        then: Callable[[T], None] = lambda _: None,
        *,
        failed: Callable[[Exception], bool] = lambda _: False,
    ) -> None:
        """Have the engine do it, tell how that went, and look again wherever people are by then.

        `failed` returns whether it took care of an error. What is gone meanwhile is told in passing: nothing was done.
        """

        def done(value: T) -> None:
            then(value)
            self._look_again()

        def not_done(error: Exception) -> None:
            if not failed(error):
                if isinstance(error, NothingFound):
                    self.deck.say(str(error), severity="warning")
                else:
                    self.deck.show_failure(what, error)
            self._look_again()

        self.deck.order(what, order, done, failed=not_done)

    def _look_again(self) -> None:
        if self.is_attached and self.place.is_current and self.deck.engine is not None:
            self.look()
