"""What can be done about a conflict from its own screen and from the queue: claim it, reopen it, see its events."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from console.dialogs.decide import Decide, Decided
from console.messages import News, Open
from console.presentation.conflict_words import reopen_matter
from console.presentation.conflicts import STATES, WAITING, name_of
from console.presentation.plan_words import Matter
from console.screens.frame import SyncdeckScreen
from engine.errors import VersionConflict
from engine.events.merging.queue import ConflictState

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from engine.assembly import Engine
    from engine.events.merging.queue import ConflictSummary

T = TypeVar("T")

DIALOG_WIDTH = 64
TOPICS = ("conflict.", "peer.", "plan.elsewhere")
"""What may change conflicts: decisions here, events from peers, and another process that wrote to the log."""


def concerns_conflicts(news: News) -> bool:
    """Tell whether conflicts may have changed."""
    return any(notice.topic.startswith(TOPICS) for notice in news.notices)


class ConflictDeeds(SyncdeckScreen):
    """A screen with a conflict in hand."""

    @property
    def conflict_in_hand(self) -> ConflictSummary | None:
        """The conflict that keys are about."""
        return None

    def action_claim(self) -> None:
        """Say to all nodes that one is at it; who has said so takes it back."""
        summary, engine = self.conflict_in_hand, self.deck.engine
        if summary is None or engine is None:
            return
        chosen = summary.id
        if summary.claimed_by == engine.actor:
            self.carry_out(f"release {summary.aggregate_id}", lambda engine: engine.conflicts.release(chosen))
        else:
            self.carry_out(f"claim {summary.aggregate_id}", lambda engine: engine.conflicts.claim(chosen))

    def action_reopen(self) -> None:
        summary = self.conflict_in_hand
        if summary is None:
            return
        chosen = summary.id

        def carry_out(_: Decided) -> None:
            what = f"reopen {summary.aggregate_id}"
            self.carry_out(what, lambda engine: engine.conflicts.undo(chosen), lambda _: self.reopened(summary))

        self.decide(reopen_matter(summary, DIALOG_WIDTH), carry_out)

    def reopened(self, summary: ConflictSummary) -> None:
        """Show the conflict that waits again."""
        self.look()

    def decide(self, matter: Matter, then: Callable[[Decided], None]) -> None:
        """Show everything once; go on with what is decided."""
        self.deck.push_screen(Decide(matter), lambda decided: then(decided) if decided is not None else None)

    def carry_out(
        self, what: str, order: Callable[[Engine], Awaitable[T]], then: Callable[[T], None] | None = None
    ) -> None:
        """Have the engine write something, then look again wherever people are by then."""

        def done(value: T) -> None:
            if self.is_attached:
                (then or self._looked)(value)

        def failed(error: Exception) -> None:
            if isinstance(error, VersionConflict):
                self.it_moved_on(error)
            else:
                self.deck.show_failure(what, error)

        self.deck.order(what, order, done, failed=failed)

    def it_moved_on(self, error: Exception) -> None:
        """Say that the conflict is another one by now, and show that."""
        self.deck.say(str(error), severity="warning")
        if self.is_attached:
            self.look()

    def _looked(self, _: object) -> None:
        self.look()

    def action_events(self) -> None:
        summary = self.conflict_in_hand
        if summary is not None:
            self.post_message(Open("events", f'aggregate:"{summary.aggregate_id}"'))

    def why_not(self, action: str) -> str:
        if action not in {"claim", "reopen", "events"}:
            return ""
        summary = self.conflict_in_hand
        if summary is None:
            return "There is no conflict here."
        state = STATES[summary.state][0].partition(" ")[2]
        if action == "reopen" and summary.state is not ConflictState.SETTLED:
            return f"This conflict is {state}: only what was settled can be reopened."
        if action == "reopen" and summary.resolution is None:
            return "Rules settle this conflict, nobody did: change the rules, and it waits again."
        if action == "claim" and summary.state not in WAITING:
            return f"This conflict is {state}: there is nothing to claim."
        return ""

    def copied(self) -> str:
        summary = self.conflict_in_hand
        return summary.aggregate_id if summary is not None else ""

    def command(self) -> str:
        summary = self.conflict_in_hand
        return f"syncdeck conflicts show {name_of(summary)}" if summary is not None else "syncdeck conflicts"
