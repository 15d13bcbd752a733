"""What somebody would wait for once is done ahead, while nobody waits: screens are imported, styles are parsed.

Textual parses a widget's CSS when the first of its kind is mounted, and a screen's file of styles when it is first
shown; then it parses everything there is again. Given the sources beforehand, one kind at a time, it finds nothing new.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from inspect import getfile
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.css.stylesheet import Stylesheet
    from textual.dom import DOMNode

    from console.app import SyncdeckApp

HERE = Path(__file__).resolve().parent
GROUP = "warmth"
PACKAGES = ("screens", "panes", "dialogs", "widgets")
MODULES = ("console.palette", "console.crash", "console.file_edits")
FOREIGN = (
    "textual.containers:Container",
    "textual.containers:Horizontal",
    "textual.containers:Vertical",
    "textual.containers:VerticalScroll",
    "textual.screen:ModalScreen",
    "textual.command:CommandPalette",
    "textual.command:CommandInput",
    "textual.command:CommandList",
    "textual.command:SearchIcon",
    "textual.widgets._loading_indicator:LoadingIndicator",
    "textual.widgets._toast:Toast",
    "textual.widgets._toast:ToastHolder",
    "textual.widgets._toast:ToastRack",
    "textual.widgets._button:Button",
    "textual.widgets._input:Input",
    "textual.widgets._option_list:OptionList",
    "textual.widgets._select:Select",
    "textual.widgets._select:SelectCurrent",
    "textual.widgets._select:SelectOverlay",
    "textual.widgets._text_area:TextArea",
)
"""Textual's own kinds that appear after the first screen."""
PAUSE_SECONDS = 0.005
"""Between two steps, so that a key pressed meanwhile is answered before the next one."""


async def warm_up(app: SyncdeckApp) -> None:
    """Import in a thread, then hand Textual the styles step by step; a step takes some milliseconds."""
    kinds = await asyncio.to_thread(preload)
    for step in _steps(app.stylesheet, kinds):
        step()
        await asyncio.sleep(PAUSE_SECONDS)
    # What is here now stays to the end: the collector need not go through it again and again, 100 ms at a time.
    gc.freeze()


def preload() -> list[type[DOMNode]]:
    """Import every screen, dialog and widget; return the kinds that have styles."""
    for package in PACKAGES:
        for module in iter_modules([str(HERE / package)]):
            import_module(f"console.{package}.{module.name}")
    for name in MODULES:
        import_module(name)
    from textual.widget import Widget

    own = [kind for kind in _kinds_below(Widget) if kind.__module__.startswith("console.")]
    return [*(_found(path) for path in FOREIGN), *own]


def _found(path: str) -> type[DOMNode]:
    module, _, name = path.partition(":")
    kind: type[DOMNode] = getattr(import_module(module), name)
    return kind


def _kinds_below(kind: type[DOMNode]) -> Iterator[type[DOMNode]]:
    for each in kind.__subclasses__():
        yield each
        yield from _kinds_below(each)


def _steps(stylesheet: Stylesheet, kinds: list[type[DOMNode]]) -> Iterator[Callable[[], None]]:
    for kind in kinds:
        yield partial(_know_kind, stylesheet, kind)
    for file in sorted((HERE / "styles").glob("*.tcss")):
        yield partial(_know_file, stylesheet, file)
    yield partial(_index, stylesheet)


def _know_kind(stylesheet: Stylesheet, kind: type[DOMNode]) -> None:
    """Add a kind's default styles under the names that Textual gives them when it mounts one, and parse them."""
    for place, base in enumerate(kind._css_bases(kind)):  # noqa: SLF001  Textual tells only instances
        css = base.__dict__.get("DEFAULT_CSS", "")
        where = (getfile(base), f"{base.__name__}.DEFAULT_CSS")
        if css and not stylesheet.has_source(*where):
            scope = base._css_type_name if base.__dict__.get("SCOPED_CSS", True) else ""  # noqa: SLF001
            stylesheet.add_source(css, read_from=where, is_default_css=True, tie_breaker=-place, scope=scope)
            stylesheet.parse()


def _know_file(stylesheet: Stylesheet, file: Path) -> None:
    if not stylesheet.has_source(str(file)):
        stylesheet.read(file)
        stylesheet.parse()


def _index(stylesheet: Stylesheet) -> None:
    """Have Textual sort what it parsed by selector, which it does on first use."""
    _ = stylesheet.rules_map
