"""What every screen offers beside its own matter: copying, the message log, all keys, planning, leaving."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from textual.notifications import SeverityLevel

from console.bridge import Opening, begin
from console.clipboard import copy_by_tool, local_tool, osc52
from console.engine_host import EngineHost
from console.messages import Failure, News, Open, Said
from console.preferences import Preferences, keep
from console.presentation.ages import TimeStyle
from console.screens.frame import LOOK_ONLY, SyncdeckScreen

if TYPE_CHECKING:
    from textual.screen import Screen

    from console.dialogs.all_keys import KeyRow
    from engine.reconcile.reconciler import StoredPlan

T = TypeVar("T")

MOST_SAID = 500


class Amenities(EngineHost):
    """The actions of scope `app`, except going from screen to screen."""

    def __init__(self, opening: Opening, preferences: Preferences, *, ansi_color: bool | None) -> None:
        super().__init__(opening, ansi_color=ansi_color)
        self.preferences = preferences
        self.read_only = False
        self.said: deque[Said] = deque(maxlen=MOST_SAID)
        self.planning: dict[str, str] = {}
        """What is known of the plans being made from here, by sync."""
        self._kept: dict[str, object] = {}

    # -- what screens keep ------------------------------------------------------------------------------------------

    def kept(self, name: str, make: Callable[[], T]) -> T:
        """Return what screens keep under a name until the console is left; made when it is first asked for."""
        if name not in self._kept:
            self._kept[name] = make()
        return cast("T", self._kept[name])

    # -- telling ----------------------------------------------------------------------------------------------------

    def say(self, text: str, severity: SeverityLevel = "information") -> None:
        """Tell something in passing; it stays in the message log (`@`)."""
        now = self.engine.clock.now() if self.engine is not None else None
        self.said.append(Said(at=now, text=text, severity=severity))
        self.notify(text, severity=severity, markup=False, timeout=6 if severity == "information" else 12)

    def action_messages(self) -> None:
        from console.dialogs.message_log import MessageLog

        self.push_screen(MessageLog(tuple(self.said)))

    def on_failure(self, failure: Failure) -> None:
        self.show_failure(failure.what, failure.error, failure.again)

    def show_failure(self, what: str, error: Exception, again: Callable[[], None] | None = None) -> None:
        """Show what failed and what to do, over whatever is there."""
        from console.dialogs.failure import FailureDialog

        now = self.engine.clock.now() if self.engine is not None else None
        dialog = FailureDialog(what, error, again)
        self.said.append(Said(at=now, text=dialog.in_short(), severity="error"))
        self.push_screen(dialog)

    # -- preferring -------------------------------------------------------------------------------------------------

    def prefer(self, setting: str, value: str) -> None:
        """Remember for the next time what was chosen; where that is impossible, say so once."""
        if setting == "time":
            self.preferences = replace(self.preferences, time=TimeStyle(value))
        file = self.preferences.file
        if file is not None:
            begin(self, partial(self._keep, file, setting, value), name=f"keep {setting}", group="preferences")

    async def _keep(self, file: Path, setting: str, value: str) -> None:
        problem = await asyncio.to_thread(keep, file, setting, value)
        if problem and all(each.text != problem for each in self.said):
            self.say(problem, severity="warning")

    # -- copying ----------------------------------------------------------------------------------------------------

    def action_copy(self) -> None:
        if isinstance(self.screen, SyncdeckScreen):
            self.copy_text(self.screen.copied())

    def action_copy_command(self) -> None:
        if isinstance(self.screen, SyncdeckScreen):
            self.copy_text(self.screen.command())

    def copy_text(self, text: str) -> None:
        """Copy by a local tool, or ask the terminal; say which, because only the former is known to have worked."""
        if not text:
            self.say("There is nothing to copy here.", severity="warning")
            return
        begin(self, partial(self._copy, text), name="copy", group="copy")

    async def _copy(self, text: str) -> None:
        tool = local_tool(os.environ)
        if tool is not None and await asyncio.to_thread(copy_by_tool, tool, text):
            self.say(f"Copied with {tool[0]}: {_short(text)}")
            return
        sequence = osc52(text, os.environ)
        if sequence is None or self._driver is None:
            self.say(f"{len(text):,} characters are too many for the terminal's clipboard.", severity="warning")
            return
        self._driver.write(sequence)
        self._clipboard = text
        self.say(f"Asked the terminal to copy (OSC 52; not every terminal does): {_short(text)}")

    # -- all keys ---------------------------------------------------------------------------------------------------

    def action_keys(self) -> None:
        from console.dialogs.all_keys import AllKeys, rows_of

        screen = self.screen
        if isinstance(screen, AllKeys):
            return
        rows = rows_of(screen)

        def run(row: KeyRow | None) -> None:
            if row is not None:
                self.call_later(self.run_action, row.action, row.node)

        self.push_screen(AllKeys(rows), run)

    # -- planning ---------------------------------------------------------------------------------------------------

    def heard(self, news: News) -> None:
        for notice in news.notices:
            if notice.topic == "plan.progress" and notice.subject in self.planning:
                self.planning[notice.subject] = str(notice.detail)
        super().heard(news)

    def plan_sync(self, sync: str) -> None:
        """Plan a sync and open its plan, unless people went elsewhere meanwhile: then say where it is."""
        if self.read_only:
            self.say(LOOK_ONLY, severity="warning")
            return
        if sync in self.planning:
            self.say(f"{sync} is being planned already.", severity="warning")
            return
        self.planning[sync] = "planning"
        here = self.screen
        self.order(
            f"plan {sync}",
            lambda engine: engine.reconcile.plan(sync),
            partial(self._planned, sync, here),
            failed=partial(self._not_planned, sync),
        )

    def _planned(self, sync: str, here: Screen[object], plan: StoredPlan) -> None:
        self.planning.pop(sync, None)
        if self.screen is here:
            self.post_message(Open("plan", plan.digest))
        else:
            self.say(f"The plan of {sync} is ready: {plan.digest[:7]}, under Plans (4).")

    def _not_planned(self, sync: str, error: Exception) -> None:
        self.planning.pop(sync, None)
        self.show_failure(f"plan {sync}", error, partial(self.plan_sync, sync))

    # -- leaving ----------------------------------------------------------------------------------------------------

    def action_leave(self) -> None:
        """Leave at once, or ask first when something this console ordered would be stopped by it."""
        if not self.orders:
            self.exit()
            return
        from console.dialogs.confirm import Confirm

        under_way = ", ".join(sorted(self.orders))
        question = Confirm(
            "Leave Syncdeck?",
            f"Under way from here: {under_way}. Leaving stops it after the calls under way; "
            "an interrupted run can be resumed later.",
            yes="Leave",
        )
        self.push_screen(question, lambda agreed: self.exit() if agreed else None)


def _short(text: str) -> str:
    first = text.split("\n", 1)[0]
    return first if len(first) <= 60 and first == text else f"{first[:59]}…"
