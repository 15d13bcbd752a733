"""The App: modes, themes, and what every screen may ask of it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.filter import LineFilter, NoColor
from textual.notifications import SeverityLevel
from textual.screen import Screen

from console import pulse, screens
from console.bridge import Opening
from console.engine_host import EngineHost
from console.keymap import bindings
from console.messages import Failure, News, Open, Said
from console.presentation.header import Pulse
from console.screens.frame import SyncdeckScreen
from console.styles.ascii import Ascii
from console.styles.themes import DARK, LIGHT, THEMES

if TYPE_CHECKING:
    from pathlib import Path

    from console.outside import Outside
    from engine.reconcile.history import SyncStatus

KeepSecret = Callable[[str, str], None]
"""(name, secret) into the keyring; raises `SecretUnavailable` where there is none."""

SMALLEST = (40, 10)


class SyncdeckApp(EngineHost):
    """The console on one workspace. `opening` opens the engine; the first frame is painted before it is called."""

    TITLE = "syncdeck"
    CSS_PATH: ClassVar[list[str]] = ["styles/app.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("app")]
    MODES: ClassVar[dict[str, str | Callable[[], Screen[None]]]] = {
        name: partial(screens.show, mode.path) for name, mode in screens.MODES.items()
    }
    DEFAULT_MODE = "overview"
    HORIZONTAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [(0, "-narrow"), (100, "-normal"), (160, "-wide")]
    VERTICAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [(0, "-low"), (20, "-medium"), (40, "-high")]

    def __init__(
        self,
        opening: Opening,
        *,
        read_only: bool = False,
        ascii: bool = False,
        no_color: bool = False,
        keep_secret: KeepSecret | None = None,
    ) -> None:
        colourless = no_color or bool(os.environ.get("NO_COLOR"))
        # Textual picks the filter that removes all colours in App.__init__, and only for ANSI apps; without it
        # NO_COLOR leaves eleven greys.
        super().__init__(opening, ansi_color=True if colourless else None)
        self.no_color = colourless
        self.animation_level = "none"
        self.read_only = read_only
        self.ascii = ascii
        self.keep_secret = keep_secret
        self.said: deque[Said] = deque(maxlen=500)
        self.pulse = Pulse(read_only=read_only)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = DARK.name

    def on_mount(self) -> None:
        self.call_after_refresh(self.open_engine)
        self.set_interval(1, self.beat)

    def get_line_filters(self) -> Sequence[LineFilter]:
        filters = list(super().get_line_filters())
        if self.no_color and not any(isinstance(item, NoColor) for item in filters):
            filters.append(NoColor())
        return [*filters, Ascii()] if self.ascii else filters

    # -- what is shown on every screen ------------------------------------------------------------------------------

    def opened(self) -> None:
        super().opened()
        if self.engine is not None:
            self.pulse = pulse.begun(self.pulse, self.engine)
        self.take_pulse()

    def heard(self, news: News) -> None:
        super().heard(news)
        self.take_pulse()

    def take_pulse(self) -> None:
        """Count anew what waits and runs."""
        self.run_worker(self._count(), group="pulse", exclusive=True, exit_on_error=False)

    async def _count(self) -> None:
        statuses: Sequence[SyncStatus] = await self.ask(lambda engine: engine.reconcile.overview())
        self.pulse = pulse.counted(self.pulse, statuses)
        self.beat()

    def beat(self) -> None:
        """Bring the header of the screen in front up to date."""
        clock = f"{self.engine.clock.now().astimezone():%H:%M:%S}" if self.engine is not None else ""
        crumbs = tuple(screen.crumb for screen in self.screen_stack if isinstance(screen, SyncdeckScreen))
        self.pulse = replace(self.pulse, crumbs=crumbs, clock=clock)
        if isinstance(self.screen, SyncdeckScreen):
            self.screen.show_pulse(self.pulse)

    # -- what every screen may ask ----------------------------------------------------------------------------------

    def on_open(self, message: Open) -> None:
        self.push_screen(screens.load(screens.DETAILS[message.kind])(message.name))

    def on_failure(self, failure: Failure) -> None:
        self.show_failure(failure.what, failure.error, failure.again)

    def show_failure(self, what: str, error: Exception, again: Callable[[], None] | None = None) -> None:
        """Show what failed and what to do, over whatever is there."""
        from console.dialogs.failure import FailureDialog

        self.push_screen(FailureDialog(what, error, again))

    def back(self) -> None:
        """Go one crumb up; at the first nothing happens."""
        if len(self.screen_stack) > 1:
            self.pop_screen()

    def action_switch(self, mode: str) -> None:
        self.switch_mode(mode)

    def action_toggle_theme(self) -> None:
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name


def run_console(outside: Outside, folder: Path, *, read_only: bool, ascii_only: bool, no_colour: bool) -> int:
    """Open the console on the workspace of a folder; return the process's exit code once it was left."""
    app = SyncdeckApp(
        partial(outside.open, folder, read_only=read_only),
        read_only=read_only,
        ascii=ascii_only,
        no_color=no_colour,
        keep_secret=outside.keep_secret,
    )
    app.run()
    return app.return_code or 0
