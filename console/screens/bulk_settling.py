"""The part of settling many conflicts that writes: one after another, with what came of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from console.dialogs.decide import Decide, Decided
from console.presentation.bulk import End, Item, Order, Outcome, Way
from console.presentation.conflict_words import bulk_matter
from console.presentation.spans import clean
from console.presentation.staging import Staging
from console.screens.conflict_deeds import DIALOG_WIDTH
from console.screens.frame import SyncdeckScreen
from console.widgets.line_panel import LineStack
from engine.errors import SyncdeckError
from engine.events.merging.queue import ConflictId

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.events.merging.queue import Preview


@dataclass(slots=True)
class Progress:
    """How far a long piece of work is; written on the engine's thread, read on the screen's."""

    total: int
    ended: dict[ConflictId, End] = field(default_factory=dict)
    read: int = 0
    stopped: bool = False


class BulkSettling(SyncdeckScreen):
    """A screen with items to settle; `ended` holds what came of those that had their turn."""

    order: Order = Order(way=Way.OPEN)
    items: Sequence[Item] = ()
    progress: Progress | None = None

    def __init__(self) -> None:
        super().__init__()
        self.ended: dict[ConflictId, End] = {}

    def draw(self) -> None:
        """Draw the items anew."""

    def show_outcomes(self) -> None:
        """Draw what became of the items so far."""

    @property
    def staging(self) -> Staging:
        """What was decided in this session and is not written yet."""
        return self.deck.kept("staging", Staging)

    def action_settle(self) -> None:
        """Look at everything once, as the engine would write it; then settle one after another."""
        items = [item for item in self.items if item.outcome is Outcome.WAITS and item.choices]
        left_out = sum(item.outcome is Outcome.LEFT_OUT for item in self.items)

        async def prepare(engine: Engine) -> tuple[Sequence[Preview], dict[ConflictId, End]]:
            previews, gone = [], {}
            for item in items:
                try:
                    previews.append(await engine.conflicts.preview(item.id, item.choices))
                except SyncdeckError as error:
                    gone[item.id] = End(Outcome.FAILED, clean(str(error)))
            return previews, gone

        def then(found: tuple[Sequence[Preview], dict[ConflictId, End]]) -> None:
            previews, gone = found
            self.ended |= gone
            self.draw()
            if not previews:
                self.deck.say("None of these conflicts stands any more as it was read.", severity="warning")
                return
            here = [item for item in items if item.id not in gone]
            matter = bulk_matter(previews, self.order.sentence, left_out, DIALOG_WIDTH)
            self.deck.push_screen(Decide(matter), lambda decided: self._begin(here, decided))

        self.ask("see what would be written", prepare, then)

    def _begin(self, items: Sequence[Item], decided: Decided | None) -> None:
        if decided is None:
            return
        progress = self.progress = Progress(total=len(items))
        comment = decided.comment

        async def settle(engine: Engine) -> None:
            for item in items:
                if progress.stopped:
                    break
                try:
                    resolved = await engine.conflicts.resolve(item.id, item.choices, comment=comment)
                except SyncdeckError as error:
                    progress.ended[item.id] = End(Outcome.FAILED, clean(str(error)))
                else:
                    progress.ended[item.id] = End(Outcome.PART if resolved.preview.undecided else Outcome.DONE)

        what = f"settle {len(items):,} conflicts"
        self.deck.order(
            what,
            settle,
            lambda _: self._ended(items, progress),
            failed=lambda error: self._broke(what, progress, error),
        )

    def watch_progress(self) -> None:
        """Show how far it is."""
        progress = self.progress
        if progress is None or not self.is_current:
            return
        if progress.ended.keys() - self.ended.keys():
            self.ended |= progress.ended
            self.show_outcomes()
        else:
            self.query_one(LineStack).draw_afresh()

    def _ended(self, items: Sequence[Item], progress: Progress) -> None:
        """Say what came of it, wherever people are by then."""
        settled = [item for item in items if item.id in progress.ended]
        settled = [item for item in settled if progress.ended[item.id].outcome is not Outcome.FAILED]
        for item in settled:
            self.staging.forget(item.detail.summary.aggregate_id, item.choices)
        failed = len(progress.ended) - len(settled)
        rest = progress.total - len(progress.ended)
        words = f"{len(settled):,} settled"
        words += f", {failed:,} not" if failed else ""
        words += f", stopped before {rest:,} more" if rest else ""
        self.deck.say(words, severity="warning" if failed or rest else "information")
        self._show_end(progress)

    def _broke(self, what: str, progress: Progress, error: Exception) -> None:
        self._show_end(progress)
        self.deck.show_failure(what, error)

    def _show_end(self, progress: Progress) -> None:
        self.progress = None
        if self.is_attached:
            self.ended |= progress.ended
            self.draw()

    def action_stop(self) -> None:
        """Stop after the conflict under way."""
        if self.progress is not None:
            self.progress.stopped = True
