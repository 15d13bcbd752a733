"""The App: modes, themes, the engine's thread, and what every screen may ask of it."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from textual.app import App
from textual.binding import BindingType
from textual.filter import LineFilter, NoColor
from textual.screen import Screen

from console import screens
from console.bridge import EngineThread, Opening
from console.deck import Deck
from console.keymap import bindings
from console.messages import EngineOpened, Failure, News, NewsWaiting, Open
from console.screens.frame import SyncdeckScreen
from console.styles.ascii import Ascii
from console.styles.themes import DARK, LIGHT, THEMES

if TYPE_CHECKING:
    from engine.assembly import Engine
