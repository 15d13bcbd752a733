"""Streams: what there is, and the last messages of the one under the cursor, which is followed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.message import Message as Posted

from console.bridge import begin
from console.following import GROUP, Tail
from console.messages import Answer
from console.panes.pace import Pace
from console.panes.pane import Pane
from console.presentation import streams as shown
from console.presentation.spans import Line, Span
from console.presentation.streams import StreamRow
from console.widgets.record_list import RecordList, Rows
from console.widgets.summary_rows import SummaryRows
from engine.coordination.promises import Feature
from engine.coordination.stream import Offset
from engine.errors import CoordinationError

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.coordination.stream import Message

SHOWN = 50
"""Messages of a stream that are shown, the newest."""
FRESH_SECONDS = 2
"""Streams are not in the feed of changes: those that the cursor is not on are looked at this often while the tab is in
front. To follow one costs a connection on some backends."""
FOLLOWING = "follow the stream"


class StreamsPane(Pane):
    """Streams by name."""

    class Grew(Posted):
        """The stream that is followed has new messages."""

    title = "Streams"
    about = "the streams"
    feature = Feature.STREAM
    hint = "part of a stream's name"

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.streams: Sequence[StreamRow] = ()
        self.messages: tuple[str, Sequence[Message]] = ("", ())
        self._tail: Tail | None = None
        self._tail_pace = Pace()

    def question(self) -> Callable[[Engine], Awaitable[Sequence[StreamRow]]]:
        return _read

    def took(self, found: Sequence[StreamRow]) -> None:
        self.streams = found
        self.call_after_refresh(self.follow)

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

    # -- following --------------------------------------------------------------------------------------------------

    def look(self) -> None:
        self._tail = None  # what was followed ended with the screen, or with the backend
        super().look()

    @on(RecordList.Moved)
    def follow(self) -> None:
        """Follow the stream under the cursor."""
        stream = self.stream
        if stream is None or self.lost_at is not None or not self.there or not self.place.is_current:
            return
        if self._tail is None or self._tail.stream != stream.name:
            tail = self._tail = Tail(stream.name, SHOWN, lambda: self.post_message(self.Grew()))
            question = partial(tail.follow, after=Offset(max(stream.last - SHOWN, 0)))
            begin(self, partial(self._stay, tail, question), name=FOLLOWING, group=GROUP, exclusive=True)

    def leave(self) -> None:
        self._tail = None
        self.workers.cancel_group(self, GROUP)

    async def _stay(self, tail: Tail, question: Callable[[Engine], Awaitable[None]]) -> None:
        try:
            await self.deck.ask(question)
        except CoordinationError as error:
            complaint = error
            self.place.post_message(Answer(lambda: self._not_followed(tail, complaint)))

    def _not_followed(self, tail: Tail, error: CoordinationError) -> None:
        if tail is self._tail:
            self._tail = None
            self.place.missed_by(self, error)

    @on(Grew)
    def grew(self) -> None:
        """Show what was appended; in a storm not all of it."""
        if wait := self._tail_pace.wait(self.elapsed):
            self.set_timer(wait, self._show_tail)
        else:
            self._show_tail()

    def _show_tail(self) -> None:
        tail, begun = self._tail, self.elapsed
        if tail is None or self.lost_at is not None:
            return
        messages = tail.fetch()
        self.messages = tail.stream, messages
        if messages:
            last = messages[-1].offset
            self.streams = [each.grown(last) if each.name == tail.stream else each for each in self.streams]
        self.draw()
        self._tail_pace.did(self.elapsed, self.elapsed - begun)

    def command(self) -> str:
        return f"syncdeck streams read {self.stream.name} --follow" if self.stream is not None else "syncdeck streams"


async def _read(engine: Engine) -> Sequence[StreamRow]:
    return [StreamRow(name, last, held) for name, last, held in await engine.coordination.streams()]
