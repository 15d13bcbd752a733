"""Edits of the settings file that need no form: deleting or removing an entry, pausing a sync. The diff comes first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from console.bridge import begin
from console.draft import Checked, Draft, written_values
from engine.errors import SettingsError

if TYPE_CHECKING:
    from console.app import SyncdeckApp
    from engine.assembly import Engine
    from engine.settings.sections import Section

Make = Callable[["Engine"], Awaitable[Draft]]
"""From the engine to the draft of the edit; reads the file."""


def delete_entry(deck: SyncdeckApp, section: Section, name: str) -> None:
    """Offer to delete an adapter that nothing uses, or a sync; in a protected workspace its name must be typed."""

    async def make(_: Engine) -> Draft:
        return Draft(section=section, name=name, was=name, removed=True)

    _offer(deck, f"Delete {name}?", make, yes="Delete", typed=name)


def pause_sync(deck: SyncdeckApp, name: str) -> None:
    """Offer to pause a sync, or to let a paused one run again."""

    async def make(engine: Engine) -> Draft:
        values = await written_values("syncs", name, engine)
        paused = not values.pop("paused", False)
        return Draft(section="syncs", name=name, was=name, values={**values, **({"paused": True} if paused else {})})

    paused = deck.engine is not None and deck.engine.workspace.syncs[name].paused
    _offer(deck, f"Let {name} run again?" if paused else f"Pause {name}?", make, yes="Resume" if paused else "Pause")


def remove_peer(deck: SyncdeckApp, name: str, *, met: bool) -> None:
    """Offer to remove a peer; the name of one that events were exchanged with must be typed."""

    async def make(_: Engine) -> Draft:
        return Draft(section="peers", name=name, was=name, removed=True)

    why = f"Events were exchanged with {name}: they stay here and there, and none will follow." if met else ""
    _offer(deck, f"Remove {name}?", make, yes="Remove", typed=name, why=why)


def _offer(deck: SyncdeckApp, question: str, make: Make, *, yes: str, typed: str = "", why: str = "") -> None:
    """`why` says why the name must be typed; in a protected workspace it must be in any case."""
    if deck.pulse.protected:
        why = why or "This workspace is protected."
    edit = _Edit(deck, question, yes, typed if why else "", why)
    begin(deck, partial(edit.prepare, make), name=question)


@dataclass(frozen=True, slots=True)
class _Edit:
    """One edit on its way: prepared, shown, agreed to, written."""

    deck: SyncdeckApp
    question: str
    yes: str
    typed: str
    why: str

    async def prepare(self, make: Make) -> None:
        try:
            draft, checked = await self.deck.ask(partial(_made, make))
        except Exception as error:  # noqa: BLE001  whatever failed is shown, never thrown at the app
            self.fail(error)
            return
        from console.dialogs.save_changes import SaveChanges

        self.deck.push_screen(SaveChanges(self.question, checked.diff, yes=self.yes), partial(self.agreed, draft))

    def agreed(self, draft: Draft, agreed: bool | None) -> None:
        if not agreed:
            return
        if not self.typed:
            self.write(draft)
            return
        from console.dialogs.ask_text import AskText

        explanation = f"{self.why} Type {self.typed} to go on."
        asked = AskText(self.question, explanation, problem=partial(_same, self.typed))
        self.deck.push_screen(asked, lambda text: self.write(draft) if text == self.typed else None)

    def write(self, draft: Draft) -> None:
        begin(self.deck, partial(self.written, draft), name=self.question)

    async def written(self, draft: Draft) -> None:
        if busy := self.deck.busy():
            self.deck.say(f"Not written. {busy}", severity="warning")
            return
        try:
            await self.deck.ask(draft.save)
        except Exception as error:  # noqa: BLE001  whatever failed is shown, never thrown at the app
            self.fail(error)
            return
        self.deck.say("Written to the settings file.")
        await self.deck.reopen()

    def fail(self, error: Exception) -> None:
        what = self.question.rstrip("?")
        self.deck.show_failure(what[:1].lower() + what[1:], error)


def _same(wanted: str, text: str) -> str:
    return "" if text == wanted else f"Type exactly {wanted}."


async def _made(make: Make, engine: Engine) -> tuple[Draft, Checked]:
    draft = await make(engine)
    checked = await draft.check(engine)
    if checked.problems:
        raise SettingsError(tuple(sentence for _, sentence in checked.problems))
    return draft, checked
