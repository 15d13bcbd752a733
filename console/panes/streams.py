"""Streams: what there is, and the last messages of the one under the cursor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from textual import on

from console.panes.pane import Pane
from console.presentation import streams as shown
from console.presentation.spans import Line, Span
from console.presentation.streams import StreamRow
from console.widgets.record_list import RecordList, Rows
from console.widgets.summary_rows import SummaryRows
from engine.coordination.promises import Feature

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.coordination.stream import Message

SHOWN = 50
"""Messages of a stream that are read, the newest."""
FRESH_SECONDS = 2
"""Streams are not in the feed of changes: look again this often while the tab is in front."""


class StreamsPane(Pane):
    """Streams by name."""

    title = "Streams"
    about = "the streams"
    feature = Feature.STREAM
    hint = "part of a stream's name"

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.streams: Sequence[StreamRow] = ()
        self.messages: tuple[str, Sequence[Message]] = ("", ())

    def question(self) -> Callable[[Engine], Awaitable[Sequence[StreamRow]]]:
        return _read

    def took(self, found: Sequence[StreamRow]) -> None:
        self.streams = found
        self.call_after_refresh(self.read_messages)

    def overdue(self) -> bool:
        return self.moment.elapsed.total_seconds() >= FRESH_SECONDS

    # -- showing ----------------------------------------------------------------------------------------------------

    def head(self, width: int) -> Sequence[Line]:  # noqa: ARG002  as wide as the list
        return (shown.titles(self.row_width),) if self.streams else ()

    def rows(self) -> Rows:
        needle = self.wanted.casefold()
        found = [each for each in self.streams if needle in each.name.casefold()]
        return SummaryRows(found, lambda each: each.name, shown.stream_line)

    def empty(self) -> Iterable[Line]:
        return shown.empty()

    def detail(self, width: int) -> Sequence[Line]:
        stream = self.stream
        if stream is None:
            return ()
        name, messages = self.messages
        if name != stream.name:
            return [(Span("…", "dim"),)]
        return shown.message_lines(name, messages, self.moment.now, width)

    @property
    def stream(self) -> StreamRow | None:
        """The stream under the cursor."""
        return next((each for each in self.streams if each.name == self.records.key), None)

    @on(RecordList.Moved)
    def read_messages(self) -> None:
        """Read the end of the stream under the cursor."""
        stream = self.stream
        if stream is not None and self.lost_at is None and self.there:
            self.place.ask("read the stream", partial(_messages, stream), self._took, failed=self._failed)

    def _took(self, found: tuple[str, Sequence[Message]]) -> None:
        self.messages = found
        self.panel.draw_afresh()

    def command(self) -> str:
        return "syncdeck streams"


async def _read(engine: Engine) -> Sequence[StreamRow]:
    return [StreamRow(name, last, held) for name, last, held in await engine.coordination.streams()]


async def _messages(stream: StreamRow, engine: Engine) -> tuple[str, Sequence[Message]]:
    from engine.coordination.stream import Offset

    after = Offset(max(stream.last - SHOWN, 0))
    return stream.name, await engine.coordination.stream(stream.name).read(after, limit=SHOWN)
