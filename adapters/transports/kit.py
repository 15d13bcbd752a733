"""What clients of go-sync-kit v0.16 ask, at the root and below `/sync`. An integer cursor is a position in this log.

POST /push            all events of a request or none; sent again, they are known by their ids
GET  /pull?since=     ascending, as many as the kit's client can take; the next pull goes on
GET  /latest-version  the last position. 0 of an empty log is the truth, which the kit's own parser takes for a fault
POST /pull-cursor     a page after an integer or a vector cursor, and the next cursor
GET  /sse             pages as they come to be, for as long as the line is open
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.transports.bodies import JSON, answer, decoded, read_body
from adapters.transports.following import HEARTBEAT, Followers
from adapters.transports.kit_pages import KitPages
from adapters.transports.kit_wire import HIGHEST_LIMIT, LIMIT, MOST_EVENTS, KitEntry, KitEvent, new_event, same
from adapters.transports.refusals import Refusal
from engine.events.cursor import START, Cursor, WireCursor, from_wire, parse, text_of, to_wire
from engine.events.event import NewEvent
from engine.events.log import EventLog
from engine.events.vector import Vector
from engine.redaction import REDACTOR, Redactor
from engine.settings.replication import ServerSettings


class PullCursor(msgspec.Struct, frozen=True, kw_only=True):
    """The question of `POST /pull-cursor`."""

    since: WireCursor | None = None
    limit: int = 0


class Kit:
    """The kit's five addresses."""

    def __init__(
        self,
        log: EventLog,
        pages: KitPages,
        followers: Followers,
        settings: ServerSettings,
        *,
        heartbeat: float,
        redactor: Redactor = REDACTOR,
    ) -> None:
        self._log = log
        self._pages = pages
        self._followers = followers
        self._settings = settings
        self._heartbeat = heartbeat
        self._redactor = redactor

    def routes(self) -> list[Route]:
        """Return the addresses, at the root and below /sync."""
        return [
            Route(f"{prefix}{path}", call, methods=[method])
            for prefix in ("", "/sync")
            for path, method, call in (
                ("/push", "POST", self.push),
                ("/pull", "GET", self.pull),
                ("/latest-version", "GET", self.latest_version),
                ("/pull-cursor", "POST", self.pull_cursor),
                ("/sse", "GET", self.sse),
            )
        ]

    async def push(self, request: Request) -> Response:
        """Append what is new of a request's events, all or none."""
        entries = decoded(await read_body(request, self._settings, media=(JSON, "")), list[KitEntry])
        if len(entries) > MOST_EVENTS:
            raise Refusal(413, "too_large", f"{len(entries):,} events at once; at most {MOST_EVENTS:,} are taken.")
        told = self._once([entry.event for entry in entries])
        held = await self._log.by_ids(list(told))
        for event in told.values():
            if event.id in held and not same(event, held[event.id], self._redactor):
                raise _another(event)
        fresh: list[NewEvent] = [new_event(event) for event in told.values() if event.id not in held]
        if fresh:
            try:
                await self._log.append(fresh)
            except (TypeError, ValueError, OverflowError) as error:
                raise Refusal(
                    422, "refused", f"An event cannot be kept as JSON: {error}. Nothing was stored."
                ) from error
        report = {"status": "ok", "stored": len(fresh), "known": len(held)}
        return answer(request, msgspec.json.encode(report), JSON)

    async def pull(self, request: Request) -> Response:
        """Return the events after a cursor, as many as one answer may hold."""
        since = parse(request.query_params.get("since", ""))
        page = await self._pages.after(since, None)
        return answer(request, b"[" + b",".join(page.entries) + b"]", JSON)

    async def latest_version(self, request: Request) -> Response:
        """Return the last position as a JSON string."""
        _, last = await self._log.bounds()
        return answer(request, msgspec.json.encode(str(last)), JSON)

    async def pull_cursor(self, request: Request) -> Response:
        """Return a page and the cursor that the next one starts from."""
        question = decoded(await read_body(request, self._settings, media=(JSON, "")), PullCursor)
        limit = question.limit if 0 < question.limit <= HIGHEST_LIMIT else LIMIT
        since = from_wire(question.since)
        page = await self._pages.after(since, limit)
        following = b"" if page.cursor == START else b',"next":' + msgspec.json.encode(to_wire(page.cursor))
        return answer(request, b'{"events":[' + b",".join(page.entries) + b"]" + following + b"}", JSON)

    async def sse(self, request: Request) -> Response:
        """Go on from a cursor: the query's, else that of the last event seen (a browser's or the kit's reconnect)."""
        since = parse(request.query_params.get("cursor") or request.headers.get("last-event-id", ""))
        return self._followers.line(self._stream(since))

    async def _stream(self, cursor: Cursor) -> AsyncIterator[bytes]:
        seen: Vector | None = None
        while not self._followers.closing:
            page = await self._pages.after(cursor, LIMIT)
            if page.entries:
                cursor = page.cursor
                identity = f"id: {text_of(cursor)}\n".encode()
                told = b",".join(page.entries)
                following = msgspec.json.encode(to_wire(cursor))
                yield identity + b'data: {"events":[' + told + b'],"next_cursor":' + following + b"}\n\n"
            if page.more:
                continue
            moved = await self._followers.advanced(seen, self._heartbeat)
            if moved is None:
                yield HEARTBEAT
            else:
                seen = moved

    def _once(self, events: Sequence[KitEvent]) -> dict[str, KitEvent]:
        """Return the events by their ids; the same one twice is one."""
        told: dict[str, KitEvent] = {}
        for event in events:
            if not event.id:
                raise Refusal(400, "malformed", "An event has no id. Nothing was stored.")
            if told.setdefault(event.id, event) != event:
                raise _another(event)
        return told


def _another(event: KitEvent) -> Refusal:
    return Refusal(
        409,
        "conflict",
        f"An event with the id {event.id[:128]} and another content is here already. Nothing of this request was "
        "stored. Give every event an id of its own.",
    )
