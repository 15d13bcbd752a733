"""Pages of the log for clients of go-sync-kit: after an integer or a vector cursor, bounded by count and bytes.

A page reads what it sends and a little more, never the whole backlog, and an event is read once for each reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.transports.kit_wire import HIGHEST_LIMIT, PAGE_BYTES, entry_of
from engine.events.cursor import Cursor, IntegerCursor, VectorCursor
from engine.events.event import Dot, Position
from engine.events.log import EventLog
from engine.events.replicating.messages import Item, Limits, Pull, Skip
from engine.events.replicating.responder import Responder
from engine.events.vector import merge

READ_AT_ONCE = 500
BEYOND = Position(2**62)
"""After every position there will be; what a kit may send as a cursor goes further than a log does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Events as JSON, the cursor after them, and whether there is more already."""

    entries: Sequence[bytes]
    cursor: Cursor
    more: bool = False


class KitPages:
    """Reads pages for the kit."""

    def __init__(self, log: EventLog, responder: Responder, page_bytes: int = PAGE_BYTES) -> None:
        self._log = log
        self._responder = responder
        self._page_bytes = page_bytes

    async def after(self, cursor: Cursor, limit: int | None) -> Page:
        """Return the events after a cursor, at most `limit` (None: as many as the bytes allow), at least one."""
        match cursor:
            case IntegerCursor(position):
                return await self._after_position(position, limit)
            case VectorCursor():
                return await self._after_vector(cursor, min(limit or HIGHEST_LIMIT, HIGHEST_LIMIT))

    async def _after_position(self, after: int, limit: int | None) -> Page:
        entries: list[bytes] = []
        size = 0
        while limit is None or len(entries) < limit:
            wanted = READ_AT_ONCE if limit is None else min(READ_AT_ONCE, limit - len(entries))
            events = await self._log.page(Position(min(after, BEYOND)), wanted)
            for event in events:
                entry = entry_of(event)
                size += len(entry)
                if entries and size > self._page_bytes:
                    return Page(entries=entries, cursor=IntegerCursor(after), more=True)
                entries.append(entry)
                after = event.position
            if len(events) < wanted:
                return Page(entries=entries, cursor=IntegerCursor(after))
        return Page(entries=entries, cursor=IntegerCursor(after), more=True)

    async def _after_vector(self, cursor: VectorCursor, limit: int) -> Page:
        """Return what whoever has this vector lacks, causes before effects."""
        limits = Limits(items=limit, bytes=self._page_bytes // 2)
        batch = await self._responder.pull(Pull(vector=dict(cursor.vector), limits=limits))
        entries: list[bytes] = []
        for each in batch.items:
            event = await self._log.at_dot(Dot(each.origin, each.seq)) if isinstance(each, Item) else None
            if event is not None:
                entries.append(entry_of(event))
        known = merge(cursor.vector, *({each.origin: _last(each)} for each in batch.items))
        return Page(entries=entries, cursor=VectorCursor(known), more=batch.more)


def _last(part: Item | Skip) -> int:
    return part.seq if isinstance(part, Item) else part.last
