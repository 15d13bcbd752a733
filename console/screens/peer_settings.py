"""A peer's settings as a form, with a test of the way to it, also of settings that are not saved yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType

from console.bridge import begin
from console.draft import Draft, written_values
from console.file_edits import remove_peer
from console.keymap import bindings
from console.messages import News
from console.presentation import peer_detail as shown
from console.presentation.forms import Entry, entries
from console.presentation.spans import Line
from console.screens.entry import EntryScreen, Opened
from engine.errors import SettingsError
from engine.settings.fields import Field, FieldType, describe
from engine.settings.replication import PeerSettings

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.events.replicating.standing import PeerStatus
    from engine.settings.sections import Section

NAME = Entry(
    path="name",
    field=Field(
        name="name",
        type=FieldType.TEXT,
        required=True,
        description="How this console and commands call it. Under another name it counts as never met.",
    ),
)
TEST = "test"


class PeerSettingsScreen(EntryScreen):
    """Opened with the peer's name; empty for a new one."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("peer_settings")]
    CSS_PATH = "../styles/peers.tcss"
    section: ClassVar[Section] = "peers"

    def __init__(self, was: str, *, start: Mapping[str, Any] | None = None, test: bool = False) -> None:
        super().__init__(was, start=start)
        self.steps: Sequence[shown.Step] = ()
        self.testing = False
        self.test_first = test
        self.status: PeerStatus | None = None

    @property
    def crumb(self) -> str:
        return f"{self.was or 'new peer'} settings{' *' if self.edited else ''}"

    async def opened_from(self, engine: Engine) -> Opened:
        values = dict(self.start or {})
        if self.was:
            values = await written_values("peers", self.was, engine)
        fields = [field for field in describe(PeerSettings) if field.name != "name"]
        return Opened(lines=(NAME, *entries(fields)), values={**self.named, **values})

    def look_beside(self) -> None:
        self.draw()
        if self.was and self.deck.engine is not None and self.was in self.deck.engine.workspace.peers:
            self.ask("read how the peer stands", lambda engine: engine.replication.peer(self.was), self._show_status)
        if self.test_first:
            self.test_first = False
            self.test(None)

    def hear(self, news: News) -> None:
        if any(notice.topic.startswith("peer.") for notice in news.notices):
            self.look_beside()

    def _show_status(self, status: PeerStatus) -> None:
        self.status = status
        self.draw()

    def draw(self) -> None:
        self.set_class(self.testing or bool(self.steps), "-tested")
        super().draw()

    def beside(self, width: int) -> Sequence[Line]:
        engine = self.deck.engine
        if engine is None:
            return ()
        lines: list[Line] = shown.known_lines(self.status, engine.clock.now(), width)
        if self.testing:
            lines += shown.testing_lines()
        elif self.steps:
            lines += shown.step_lines(self.steps, width)
        else:
            lines += shown.invitation(width)
        return lines

    # -- the test ---------------------------------------------------------------------------------------------------

    def action_test(self) -> None:
        self.test(self.draft() if self.edited or not self.was else None)

    def test(self, draft: Draft | None) -> None:
        """Test what is saved, or a draft as it stands."""
        self.testing, self.steps = True, ()
        self.draw()
        begin(self, partial(self._test, draft), name=TEST, group=TEST, exclusive=True)

    async def _test(self, draft: Draft | None) -> None:
        try:
            if draft is None:
                name = self.was
                self.steps = await self.deck.ask(lambda engine: engine.replication.test(engine.workspace.peers[name]))
            else:
                await self.keep(self.typed_secrets())
                self.steps = await self.deck.ask(partial(_try, draft))
        except Exception as error:  # noqa: BLE001  whatever failed is shown, never thrown at the app
            self.deck.show_failure(f"test {draft.name if draft else self.was}", error)
        finally:
            self.testing = False
            self.draw()

    def action_leave_field(self) -> None:
        """Esc: first stop the test, then out of the field, then out of the form."""
        if self.testing:
            self.workers.cancel_group(self, TEST)
            self.deck.say("The test was stopped. Nothing was exchanged.")
        else:
            super().action_leave_field()

    # -- more keys --------------------------------------------------------------------------------------------------

    def why_not(self, action: str) -> str:
        if action == "test" and self.testing:
            return "A test is under way: esc stops it."
        if action == "delete" and not self.was:
            return "It is not saved yet."
        return super().why_not(action)

    def action_delete(self) -> None:
        remove_peer(self.deck, self.was, met=self.status is not None and self.status.memory.met_at is not None)

    def copied(self) -> str:
        return self.was

    def command(self) -> str:
        return "syncdeck peers"


async def _try(draft: Draft, engine: Engine) -> Sequence[shown.Step]:
    checked = await draft.check(engine)
    if not isinstance(checked.settings, PeerSettings):
        raise SettingsError(tuple(sentence for _, sentence in checked.problems))
    return await engine.replication.test(checked.settings)


def tested(name: str) -> PeerSettingsScreen:
    """Return a peer's settings with a test that begins at once."""
    return PeerSettingsScreen(name, test=True)


def added(_: str) -> PeerSettingsScreen:
    """Return the form of a new peer."""
    return PeerSettingsScreen("", start={"url": "https://"})
