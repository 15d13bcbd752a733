"""One adapter or sync: its settings as a form, checked while they are typed, and what is known of it beside them."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.containers import Container, VerticalScroll
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from console.bridge import begin
from console.draft import Checked, Draft, Edit
from console.keymap import bindings
from console.messages import News
from console.presentation.forms import Entry, by_field, with_value
from console.presentation.spans import Line
from console.screens.frame import SyncdeckScreen
from console.widgets.line_panel import LineStack
from console.widgets.settings_form import FIELDS, SettingsForm
from engine.errors import SecretUnavailable

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.settings.sections import Section

DEBOUNCE_SECONDS = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What a form starts from."""

    lines: tuple[Entry, ...]
    values: Mapping[str, Any]


class EntryScreen(SyncdeckScreen):
    """See the module. `was` is the name in the file, empty for something new; `start` are a new one's first values."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("form"), *bindings("entry")]
    section: ClassVar[Section]
    AUTO_FOCUS = ""

    def __init__(self, was: str, *, start: Mapping[str, Any] | None = None, name: str = "") -> None:
        super().__init__()
        self.was = was
        self.start = start
        self.proposed = name or was
        self.checked: Checked | None = None
        self.unchecked = False
        """Something was typed since the draft was last checked."""
        self.wrong: dict[str, str] = {}
        self.edited = False
        self._soon: Timer | None = None

    # -- given by adapter and sync ----------------------------------------------------------------------------------

    @abstractmethod
    async def opened_from(self, engine: Engine) -> Opened:
        """Return the form's lines and values; on the engine's thread."""

    @abstractmethod
    def look_beside(self) -> None:
        """Ask for what stands beside the form."""

    def settled(self, checked: Checked) -> None:
        """The draft was checked after an edit: what depends on it may be asked for."""

    def secret_name(self, path: str) -> str:
        """Return the name a typed secret gets in the keyring."""
        return self.draft_name

    # -- the screen -------------------------------------------------------------------------------------------------

    @property
    def crumb(self) -> str:
        return f"{self.was or 'new'}{' *' if self.edited else ''}"

    def body(self) -> Iterable[Widget]:
        with Container(id="entry"):
            with Container(id="form-side"):
                yield Container(id="form-place")
                yield Static(id="hint", markup=False)
            with VerticalScroll(id="beside", can_focus=False):
                yield LineStack(lambda width: self.beside(max(width - 1, 8)), id="known")

    @abstractmethod
    def beside(self, width: int) -> Sequence[Line]:
        """Return what stands beside the form, for a width."""

    def draw(self) -> None:
        """Draw afresh what stands beside the form."""
        if self.is_mounted:
            self.query_one("#known", LineStack).draw_afresh()

    def look(self) -> None:
        if not self.edited:
            self.ask("read the settings", self.opened_from, self.show_form)
        self.look_beside()

    def hear(self, news: News) -> None:
        self.look_beside()

    def show_form(self, opened: Opened) -> None:
        """Build the form from the file, unless it shows the same already."""
        if self.form is None or self.form.given != opened.values:
            self.call_later(self._build, SettingsForm(opened.lines, opened.values))

    async def _build(self, form: SettingsForm) -> None:
        place = self.query_one("#form-place")
        await place.remove_children()
        await place.mount(form)
        if self.begins_in_field:
            self.call_after_refresh(form.enter)

    @property
    def begins_in_field(self) -> bool:
        """Something new begins in its first field; what exists is looked at first, with all keys at hand."""
        return not self.was

    @property
    def form(self) -> SettingsForm | None:
        """The form, once it is there."""
        return next(iter(self.query(SettingsForm)), None)

    @property
    def draft_name(self) -> str:
        """The name as the form says it now."""
        if self.form is None:
            return self.proposed
        return str(self.form.collected()[0].get("name", "")).strip()

    @property
    def named(self) -> dict[str, Any]:
        """The name as a form's first value; nothing where it has to be typed."""
        return {"name": self.proposed} if self.proposed else {}

    def draft(self) -> Draft:
        """Return what the form says now; a typed secret is represented by the reference that it will get."""
        values: dict[str, Any] = {}
        if self.form is not None:
            values, self.wrong = self.form.collected()
            for path in self.form.secrets():
                values = with_value(values, path, f"keyring:{self.secret_name(path)}")
        name = str(values.pop("name", "")).strip()
        return Draft(section=self.section, name=name, was=self.was, values=values)

    def edit(self) -> Edit:
        """Return the edit of the file that the form stands for."""
        return self.draft()

    def kept_as(self, edit: Edit) -> None:
        """The edit was written."""
        self.was, self.start, self.edited = edit.name, None, False

    def written(self) -> None:
        """The engine is being opened on the new settings: leave, or stay."""

    def on_settings_form_edited(self) -> None:
        self.edited = self.form is not None and self.form.edited
        if not self.edited and self.checked is None:
            return  # the controls only tell that they were made
        self.unchecked = True
        self.deck.beat()
        if self._soon is not None:
            self._soon.stop()
        self._soon = self.set_timer(DEBOUNCE_SECONDS, self.check)

    def on_settings_form_entered(self, event: SettingsForm.Entered) -> None:
        self.query_one("#hint", Static).update(event.hint)
        self.entered(event.path)

    def entered(self, path: str) -> None:
        """Another field has the focus."""

    def check(self) -> None:
        """Check the draft as it stands."""
        self.ask("check the settings", self.edit().check, self._show_checked)

    def _show_checked(self, checked: Checked) -> None:
        self.checked, self.unchecked = checked, False
        form = self.form
        if form is None:
            return
        problems = by_field(checked.problems, [line.path for line in form.lines])
        form.complain({**problems, **self.wrong})
        self.settled(checked)

    # -- keys -------------------------------------------------------------------------------------------------------

    def why_not(self, action: str) -> str:
        return self.deck.busy() if action in {"save", "delete"} else ""

    def action_leave_field(self) -> None:
        """Esc: out of the field, so that all keys are at hand; then out of the form."""
        if self.focused is not None:
            # Nothing gets the focus instead: to restyle a form of a hundred rows would hold up the keys.
            self.set_focus(None)
        else:
            self.action_back()

    def action_enter_field(self) -> None:
        if self.form is not None:
            self.form.enter()

    def action_field(self, by: int) -> None:
        if self.focused is None:
            self.action_enter_field()
        elif by > 0:
            self.focus_next(FIELDS)
        else:
            self.focus_previous(FIELDS)

    def action_back(self) -> None:
        if not self.edited:
            self.deck.back()
            return
        from console.dialogs.confirm import Confirm

        question = Confirm("Leave without saving?", "What you changed in this form is lost.", yes="Leave")
        self.deck.push_screen(question, lambda agreed: self.deck.back() if agreed else None)

    def action_save(self) -> None:
        """Show what would change in the file; write it when that is agreed to."""
        edit = self.edit()
        self.ask("check the settings", edit.check, partial(self._offer, edit))

    def _offer(self, edit: Edit, checked: Checked) -> None:
        self._show_checked(checked)
        problems = [*self.wrong.values(), *(sentence for _, sentence in checked.problems)]
        if problems:
            more = f" And {len(problems) - 1} more." if len(problems) > 1 else ""
            self.deck.say(f"Not saved: {problems[0]}{more}", severity="warning")
            return
        from console.dialogs.save_changes import SaveChanges

        secrets = self.typed_secrets()
        notes = [f"The secret you typed goes into the keyring as {name}." for name in secrets]
        self.deck.push_screen(
            SaveChanges(f"Save {edit.name}?", checked.diff, notes),
            lambda agreed: self._write(edit, secrets) if agreed else None,
        )

    def typed_secrets(self) -> dict[str, str]:
        """Return the secrets typed into the form, by the name each gets in the keyring."""
        typed = self.form.secrets() if self.form is not None else {}
        return {self.secret_name(path): secret for path, secret in typed.items()}

    def _write(self, edit: Edit, secrets: Mapping[str, str]) -> None:
        begin(self, partial(self._saved, edit, secrets), name="save")

    async def _saved(self, edit: Edit, secrets: Mapping[str, str]) -> None:
        if busy := self.deck.busy():
            self.deck.say(f"Not saved. {busy}", severity="warning")
            return
        try:
            await self.keep(secrets)
            await self.deck.ask(edit.save)
        except Exception as error:  # noqa: BLE001  whatever failed is shown, never thrown at the app
            self.deck.show_failure(f"save {edit.name}", error)
            return
        self.kept_as(edit)
        self.deck.say(f"Saved {edit.name}.")
        await self.deck.reopen()
        self.written()

    async def keep(self, secrets: Mapping[str, str]) -> None:
        """Put typed secrets into the keyring. Raises `SecretUnavailable` where there is none."""
        for name, secret in secrets.items():
            if self.deck.keep_secret is None:
                raise SecretUnavailable("This console has no keyring to keep secrets in. Write env:NAME or file:PATH.")
            await asyncio.to_thread(self.deck.keep_secret, name, secret)
