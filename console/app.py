"""The App: modes, themes, crumbs, header, and what is left when something unforeseen happens."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.dom import DOMNode
from textual.filter import LineFilter, NoColor
from textual.screen import Screen

from console import pulse, screens
from console.amenities import Amenities
from console.bridge import Opening, begin
from console.keymap import bindings
from console.messages import News, Open
from console.preferences import Preferences, load_preferences
from console.presentation.header import Pulse
from console.screens.frame import SyncdeckScreen
from console.styles.ascii import Ascii
from console.styles.parsed import ParsedOnce
from console.styles.themes import DARK, LIGHT, THEMES
from console.terminal_end import terminal_gone

if TYPE_CHECKING:
    from console.outside import Outside

KeepSecret = Callable[[str, str], None]
"""(name, secret) into the keyring; raises `SecretUnavailable` where there is none."""

STYLES: list[str | PurePath] = [Path(__file__).parent / "styles" / name for name in ("app.tcss", "forms.tcss")]
WIDTHS = [(0, "-tiny"), (40, "-narrow"), (100, "-normal"), (160, "-wide")]
HEIGHTS = [(0, "-flat"), (10, "-low"), (20, "-medium"), (40, "-high")]
"""Classes of every screen by the columns and rows there are; below 40x10 only a request for more room is shown."""


class SyncdeckApp(Amenities):
    """The console on one workspace. `opening` opens the engine; the first frame is painted before it is called."""

    TITLE = "syncdeck"
    CSS_PATH = STYLES
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("app")]
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        name: partial(screens.show, mode.path) for name, mode in screens.MODES.items()
    }
    DEFAULT_MODE = "overview"
    COMMANDS: ClassVar[set[Any]] = {screens.commands}
    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS

    def __init__(
        self,
        opening: Opening,
        *,
        read_only: bool = False,
        ascii: bool = False,  # noqa: A002
        no_color: bool = False,
        keep_secret: KeepSecret | None = None,
        preferences: Preferences | None = None,
    ) -> None:
        colourless = no_color or bool(os.environ.get("NO_COLOR"))
        # Textual picks the filter that removes all colours in App.__init__, and only for ANSI apps; chosen later,
        # NO_COLOR leaves eleven greys.
        super().__init__(opening, preferences or Preferences(), ansi_color=True if colourless else None)
        self.stylesheet = ParsedOnce(self.get_css_variables())
        self.no_color = colourless
        self.animation_level = "none"
        self.read_only = read_only
        self.ascii = ascii
        self.keep_secret = keep_secret
        self.pulse = Pulse(read_only=read_only)
        self.warmed = False
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = self.preferences.theme
        self.set_keymap(self.preferences.keys)

    def on_mount(self) -> None:
        self.call_after_refresh(self.open_engine)
        self.set_interval(1, self.beat)
        self.set_interval(1, self.watch_log)
        for problem in self.preferences.problems:
            self.say(problem, severity="warning")

    def get_line_filters(self) -> Sequence[LineFilter]:
        filters = list(super().get_line_filters())
        if self.no_color and not any(isinstance(item, NoColor) for item in filters):
            filters.append(NoColor())
        return [*filters, Ascii()] if self.ascii else filters

    # -- the header -------------------------------------------------------------------------------------------------

    def opened(self) -> None:
        super().opened()
        if self.engine is not None:
            self.pulse = pulse.begun(self.pulse, self.engine)
            self.read_only = self.pulse.read_only
        self.take_pulse()
        self.call_after_refresh(self._warm_up)

    def _warm_up(self) -> None:
        from console.warmth import GROUP, warm_up

        if not self.warmed:
            self.warmed = True
            begin(self, partial(warm_up, self), name="warm up", group=GROUP)

    def heard(self, news: News) -> None:
        self.pulse = pulse.told(self.pulse, news.notices)
        super().heard(news)
        self.take_pulse()

    def take_pulse(self) -> None:
        """Count anew what waits and runs."""
        begin(self, self._count, name="count", group="pulse", exclusive=True)

    async def _count(self) -> None:
        self.pulse = pulse.counted(self.pulse, await self.ask(pulse.take))
        self.beat()

    def beat(self) -> None:
        """Bring the header of the screen in front up to date; the clock may beat once more while the app ends."""
        if not self.screen_stack:
            return
        if not self.is_headless and terminal_gone():
            self.exit(return_code=1)
        clock = f"{self.engine.clock.now().astimezone():%H:%M:%S}" if self.engine is not None else ""
        crumbs = tuple(screen.crumb for screen in self.screen_stack if isinstance(screen, SyncdeckScreen))
        self.pulse = replace(self.pulse, crumbs=crumbs, clock=clock)
        if isinstance(self.screen, SyncdeckScreen):
            self.screen.show_pulse(self.pulse)

    # -- from screen to screen --------------------------------------------------------------------------------------

    def action_switch(self, mode: str) -> None:
        self.switch_mode(mode)

    def on_open(self, message: Open) -> None:
        self.open_detail(message.kind, message.name)

    def open_detail(self, kind: str, name: str) -> None:
        """Open the screen of one thing on top of the one in front."""
        self.push_screen(screens.load(screens.DETAILS[kind])(name))

    def back(self) -> None:
        """Go one crumb up; at the first nothing happens."""
        if len(self.screen_stack) > 1:
            self.pop_screen()

    def action_toggle_theme(self) -> None:
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name
        self.prefer("theme", self.theme)

    async def run_action(
        self,
        action: Any,
        default_namespace: DOMNode | None = None,
        namespaces: Any = None,
    ) -> bool:
        """Run an action, or say why it is refused: a grey key that stays silent teaches nothing."""
        screen = self.screen
        if isinstance(screen, SyncdeckScreen) and isinstance(action, str):
            refusal = screen.refusal(action)
            if refusal:
                self.say(refusal, severity="warning")
                return True
        return await super().run_action(action, default_namespace, namespaces)

    # -- the unforeseen ---------------------------------------------------------------------------------------------

    def _fatal_error(self) -> None:
        """End without a traceback: Textual's own shows every local variable, and with them secrets."""
        from rich.text import Text

        from console.crash import last_words, write_report

        error = self._exception or RuntimeError("unknown")
        self._exit_renderables.append(Text(last_words(error, write_report(error))))
        self._close_messages_no_wait()

    def panic(self, *_: Any) -> None:
        """End by an error that can draw itself (a style sheet's): the same words, and nothing of its values."""
        self._return_code = 1
        self._fatal_error()


def run_console(outside: Outside, folder: Path, *, read_only: bool, ascii_only: bool, no_colour: bool) -> int:
    """Open the console on the workspace of a folder; return the process's exit code once it was left."""
    app = SyncdeckApp(
        partial(outside.open, folder, purpose="console", read_only=read_only),
        read_only=read_only,
        ascii=ascii_only,
        no_color=no_colour,
        keep_secret=outside.keep_secret,
        preferences=load_preferences(),
    )
    app.run()
    return app.return_code or 0
