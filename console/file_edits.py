"""Edits of the settings file that need no form: deleting an entry, pausing a sync. Always the diff first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
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


def _offer(deck: SyncdeckApp, question: str, make: Make, *, yes: str, typed: str = "") -> None:
    begin(deck, partial(_offered, deck, question, make, yes, typed), name=question)


async def _offered(deck: SyncdeckApp, question: str, make: Make, yes: str, typed: str) -> None:
    from console.dialogs.ask_text import AskText
    from console.dialogs.save_changes import SaveChanges

    try:
        draft, checked = await deck.ask(partial(_made, make))
        if not await deck.push_screen_wait(SaveChanges(question, checked.diff, yes=yes)):
            return
        if typed and deck.pulse.protected:
            asked = AskText(
                question, f"This workspace is protected. Type {typed} to go on.", problem=partial(_same, typed)
            )
            if await deck.push_screen_wait(asked) != typed:
                return
        await deck.ask(draft.save)
    except Exception as error:  # noqa: BLE001  whatever failed is shown, never thrown at the app
        deck.show_failure(question.rstrip("?").lower(), error)
        return
    deck.say("Written to the settings file.")
    await deck.reopen()


def _same(wanted: str, text: str) -> str:
    return "" if text == wanted else f"Type exactly {wanted}."


async def _made(make: Make, engine: Engine) -> tuple[Draft, Checked]:
    draft = await make(engine)
    checked = await draft.check(engine)
    if checked.problems:
        raise SettingsError(tuple(sentence for _, sentence in checked.problems))
    return draft, checked
