"""What console parts tell one another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from engine.notices import Notice


class Answer(Message):
    """The engine's answer to a question of this screen; `deliver` hands it to whoever asked."""

    def __init__(self, deliver: Callable[[], None]) -> None:
        super().__init__()
        self.deliver = deliver


class Failure(Message):
    """A question or an order failed. `what` says what was tried, `again` tries it once more (None: pointless)."""

    def __init__(self, what: str, error: Exception, again: Callable[[], None] | None = None) -> None:
        super().__init__()
        self.what = what
        self.error = error
        self.again = again


class NewsWaiting(Message):
    """The engine published something; posted at most once until it is fetched."""


class EngineShut(Message):
    """The workspace could not be opened; a dialog says why."""


class EngineOpened(Message):
    """The engine is ready to be asked, for the first time or again after new settings."""


class News(Message):
    """The newest notice of each topic and subject since the last news; at most ten of these a second."""

    def __init__(self, notices: Sequence[Notice]) -> None:
        super().__init__()
        self.notices = notices


class Open(Message):
    """Open the screen of one thing on top of this one: `kind` is a row of `console.screens.DETAILS`."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__()
        self.kind = kind
        self.name = name


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One line of the message log: what was told, when, and how serious it was."""

    at: datetime | None
    text: str
    severity: str
