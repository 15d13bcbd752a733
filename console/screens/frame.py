"""The frame every screen stands in: header line, body, key line; asking the engine; going back; saying why not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from console.bridge import begin
from console.keymap import bindings, needs_rights
from console.messages import Answer, Failure, News
from console.presentation.header import Pulse
from console.presentation.spans import Line, Span
from console.widgets.header_line import HeaderLine
from console.widgets.key_line import KeyLine
from console.widgets.record_list import RecordList

if TYPE_CHECKING:
    from console.app import SyncdeckApp
    from engine.assembly import Engine

T = TypeVar("T")

NOT_OPENED = "The workspace could not be opened. Mend what @ tells, then R tries again."
SHUT: tuple[Line, ...] = (
    (Span("The workspace could not be opened.", "error"),),
    (),
    (Span("  @ ", "accent"), Span("tells why; when it is mended,")),
    (Span("  R ", "accent"), Span("tries again.")),
)
LOOK_ONLY = "This console may only look (--read-only): start it without the option to change something."


class SyncdeckScreen(Screen[None]):
    """A full screen. Subclasses give `body`, `crumb`, `look` and, where something may be impossible, `why_not`.

    `look` is called when the engine is open and whenever the screen is shown again, and is where questions are asked;
    `on_news` tells of changes meanwhile. Hidden screens are told nothing, and their questions are withdrawn.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("screen")]

    @property
    def crumb(self) -> str:
        """This screen's word in the header."""
        return ""

    def body(self) -> Iterable[Widget]:
        """Return what stands between header and key line."""
        return ()

    def look(self) -> None:
        """Ask the engine for what this screen shows."""

    def hear(self, news: News) -> None:
        """Take in what the engine published; by default, look again."""
        self.look()

    def look_if_shown(self) -> None:
        """Look again, unless another screen is in front or the engine is not there; for an interval."""
        if self.is_current and self.deck.engine is not None:
            self.look()

    def why_not(self, action: str) -> str:
        """Return the sentence that says why an action is not possible now, or nothing."""
        return ""

    def copied(self) -> str:
        """Return what `y` copies."""
        return ""

    def command(self) -> str:
        """Return the command line that does or shows the same as this screen, for `Y`."""
        return ""

    # -- the frame itself -------------------------------------------------------------------------------------------

    @property
    def deck(self) -> SyncdeckApp:
        """The app, by its own type."""
        return cast("SyncdeckApp", self.app)

    def compose(self) -> ComposeResult:
        yield HeaderLine()
        yield from self.body()
        yield KeyLine()
        yield Static("Syncdeck needs 40 columns and 10 rows.\nMake this window larger.", id="too-small")

    def refusal(self, action: str) -> str:
        """Return why an action is refused: this console may only look, or the screen's own reason."""
        if self.deck.read_only and needs_rights(action):
            return LOOK_ONLY
        if self.deck.engine is None and action in {getattr(own, "action", "") for own in type(self).BINDINGS}:
            return NOT_OPENED if self.deck.shut else "The workspace is still being opened."
        return self.why_not(action)

    def on_screen_resume(self) -> None:
        self.deck.beat()
        if self.deck.engine is not None:
            self.look()
        elif self.deck.shut:
            self.on_engine_shut()

    def on_screen_suspend(self) -> None:
        self.workers.cancel_group(self, "questions")

    def on_engine_shut(self) -> None:
        """Say in place that there is nothing to see yet, and the way on: the dialog that said why may be closed."""
        for records in self.query(RecordList):
            if not len(records.rows):
                records.show(records.rows, empty=SHUT)

    def on_engine_opened(self) -> None:
        self.look()

    def on_news(self, news: News) -> None:
        self.hear(news)

    def on_answer(self, answer: Answer) -> None:
        answer.stop()
        if self.is_attached:
            answer.deliver()

    def on_failure(self, failure: Failure) -> None:
        """Show what failed; screens that can say it in place override this."""
        failure.stop()
        self.deck.show_failure(failure.what, failure.error, failure.again)

    def ask(
        self,
        what: str,
        question: Callable[[Engine], Awaitable[T]],
        then: Callable[[T], None],
        *,
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """Ask the engine; `then` gets the answer on this screen's loop, in the order answers arrive.

        `what` says what is tried, in words for an error ("read the overview"), and names the question: asking it
        again withdraws the older one. Leaving the screen withdraws it too. A failure goes to `failed` or to a dialog.
        """

        def again() -> None:
            self.ask(what, question, then, failed=failed)

        async def work() -> None:
            try:
                value = await self.deck.ask(question)
            except Exception as error:  # noqa: BLE001  whatever failed is shown, never thrown at the app
                complaint = error
                if failed is None:
                    self.post_message(Failure(what, complaint, again))
                else:
                    self.post_message(Answer(lambda: failed(complaint)))
            else:
                self.post_message(Answer(lambda: then(value)))

        for worker in self.workers:
            if worker.node is self and worker.name == what and not worker.is_finished:
                worker.cancel()
        begin(self, work, name=what, group="questions")

    def show_pulse(self, pulse: Pulse) -> None:
        """Bring the header up to date."""
        # The clock beats on while a screen is still being put together.
        for line in self.query(HeaderLine):
            line.pulse = pulse
        self.hint_again()

    def hint_again(self) -> None:
        """Draw the footer anew: what is possible may have changed."""
        for line in self.query(KeyLine):
            line.look_again()

    def on_record_list_moved(self) -> None:
        self.hint_again()

    def action_back(self) -> None:
        self.deck.back()

    def action_refresh_now(self) -> None:
        self.deck.open_again()
        if self.deck.engine is not None:
            self.look()

    def action_keys(self) -> None:
        self.deck.action_keys()
