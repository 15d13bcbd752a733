"""One adapter: its settings, who uses it, and a connection test, also of settings that are not saved yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType

from console.bridge import begin
from console.draft import Draft, written_values
from console.file_edits import delete_entry
from console.keymap import bindings
from console.presentation import adapters as shown
from console.presentation.forms import Entry, entries
from console.presentation.spans import Line
from console.screens.adapters import last_tests
from console.screens.entry import EntryScreen, Opened
from engine.errors import SettingsError
from engine.settings.fields import Field, FieldType, describe

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.reconcile.inspection import Report
    from engine.settings.sections import Section

NAME = Entry(
    path="name",
    field=Field(
        name="name",
        type=FieldType.TEXT,
        required=True,
        description="How syncs and commands call it. A new name is followed by everything that uses it.",
    ),
)


class AdapterScreen(EntryScreen):
    """Opened with the adapter's name; `start` holds the first values of a new one, its type among them."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("adapter")]
    section: ClassVar[Section] = "adapters"

    def __init__(self, was: str, *, start: Mapping[str, Any] | None = None, name: str = "", test: bool = False) -> None:
        super().__init__(was, start=start, name=name)
        self.report: Report | None = None
        self.testing = False
        self.test_first = test
        self.tests: Mapping[str, shown.LastTest] = {}

    async def opened_from(self, engine: Engine) -> Opened:
        values = dict(self.start or {})
        if not values:
            values = await written_values("adapters", self.was, engine)
        kind = str(values.get("type", ""))
        fields = describe(engine.catalogue.settings_of(kind))
        return Opened(lines=(NAME, *entries(fields)), values={**self.named, **values})

    def look_beside(self) -> None:
        self.draw()
        self.ask("read the last tests", last_tests, self._show_tests)
        if self.test_first:
            self.test_first = False
            self.test(None)

    def _show_tests(self, tests: Mapping[str, shown.LastTest]) -> None:
        self.tests = tests
        self.draw()

    def beside(self, width: int) -> Sequence[Line]:
        engine = self.deck.engine
        if engine is None:
            return ()
        users = shown.used_by(engine.workspace, self.was) if self.was else ()
        lines: list[Line] = []
        if self.was:
            lines += shown.known_lines(users, self.tests.get(self.was), engine.clock.now(), width)
        if self.testing:
            lines += shown.testing_lines()
        elif self.report is not None:
            lines += shown.report_lines(self.report, width)
        else:
            lines += shown.invitation(width)
        return lines

    def secret_name(self, path: str) -> str:
        secrets = [row for row in self.form.rows() if row.entry.field.type is FieldType.SECRET] if self.form else []
        return self.draft_name if len(secrets) <= 1 else f"{self.draft_name}-{path.replace('.', '-')}"

    def copied(self) -> str:
        return self.was

    def command(self) -> str:
        return f"syncdeck adapters check {self.was}" if self.was else "syncdeck adapters"

    def why_not(self, action: str) -> str:
        if action == "test" and self.testing:
            return "A test is under way."
        if action in {"delete", "duplicate"} and not self.was:
            return "It is not saved yet."
        return super().why_not(action)

    # -- the test ---------------------------------------------------------------------------------------------------

    def action_test(self) -> None:
        self.test(self.draft() if self.edited or not self.was else None)

    def test(self, draft: Draft | None) -> None:
        """Test what is saved, or a draft as it stands."""
        self.testing = True
        self.draw()
        begin(self, partial(self._test, draft), name="test", group="test", exclusive=True)

    async def _test(self, draft: Draft | None) -> None:
        try:
            if draft is None:
                self.report = await self.deck.ask(lambda engine: engine.inspection.check(self.was))
            else:
                await self.keep(self.typed_secrets())
                self.report = await self.deck.ask(partial(_try, draft))
        except Exception as error:  # noqa: BLE001  whatever failed is shown, never thrown at the app
            self.deck.show_failure(f"test {draft.name if draft else self.was}", error)
        finally:
            self.testing = False
            self.draw()
            self.query_one("#beside").scroll_home(animate=False)

    # -- more keys --------------------------------------------------------------------------------------------------

    def action_duplicate(self) -> None:
        self.deck.push_screen(copied(self.was))

    def action_delete(self) -> None:
        delete_entry(self.deck, "adapters", self.was)


async def _try(draft: Draft, engine: Engine) -> Report:
    checked = await draft.check(engine)
    if checked.settings is None:
        raise SettingsError(tuple(sentence for _, sentence in checked.problems))
    return await engine.inspection.check_settings(draft.name, str(draft.values["type"]), checked.settings)


def tested(name: str) -> AdapterScreen:
    """Return an adapter's screen that begins with a test."""
    return AdapterScreen(name, test=True)


def added(kind: str) -> AdapterScreen:
    """Return the form of a new adapter of a kind."""
    return AdapterScreen("", start={"type": kind}, name=kind.partition("_")[0])


class CopyScreen(AdapterScreen):
    """A new adapter that starts as a copy of another."""

    def __init__(self, original: str) -> None:
        super().__init__("", name=f"{original}-copy")
        self.original = original

    async def opened_from(self, engine: Engine) -> Opened:
        self.start = await written_values("adapters", self.original, engine)
        return await super().opened_from(engine)


def copied(name: str) -> AdapterScreen:
    """Return the form of a copy."""
    return CopyScreen(name)
