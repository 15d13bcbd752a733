"""Events as lines of a list, and one event in full."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from console.presentation.ages import TimeStyle, duration, stamp
from console.presentation.event_sentences import told
from console.presentation.spans import Line, Span, cell, clean, fit, joined, wrap
from engine.events.event import Dot, Event, node_of
from engine.events.own import is_own

LONGEST_VALUE = 4_000
LONGEST_LIST = 200
"""What the detail view shows of one text and of one list; the rest is counted. The export has everything."""

_ROLES = {
    "failed": "error", "refused": "error", "drifted": "error", "rejected": "error", "quarantined": "error",
    "interrupted": "warn", "cancelled": "warn", "parked": "warn", "partial": "warn", "reincarnated": "warn",
    "reopened": "warn", "redacted": "warn", "resolved": "ok",
    "approved": "ok", "done": "ok", "verified": "ok", "released": "ok",
}  # fmt: skip

_JSON = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*")(?=: )|(?P<text>"(?:[^"\\]|\\.)*")|(?P<word>\b(?:true|false|null)\b|-?\d[\d.eE+-]*)'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLine:
    """What a list keeps of an event, however large the event is."""

    position: int
    milliseconds: int
    type: str
    aggregate: str
    actor: str
    summary: str
    node: str = ""
    """Who wrote it; a node keeps its name when it goes on under another origin."""


def line_of(event: Event) -> EventLine:
    """Return what the list shows of an event."""
    return EventLine(
        position=event.position,
        milliseconds=event.milliseconds,
        type=clean(event.type, 80),
        aggregate=clean(event.aggregate_id, 120),
        actor=clean(str(event.metadata.get("actor", "")), 40),
        summary=told(event),
        node=clean(node_of(event.origin), 64),
    )


def role_of(event_type: str) -> str:
    """Return the role of an event's type: what failed and what went well stand out, the rest stays quiet."""
    return _ROLES.get(event_type.rpartition(".")[2], "")


def time_cell(milliseconds: int, style: TimeStyle, now: datetime) -> str:
    """Return an event's time: 12 cells of today, with the date for other days, or its age."""
    at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    if style is TimeStyle.AGE:
        return f"{duration(now - at)} ago" if now - at >= timedelta(0) else "just now"
    zone = UTC if style is TimeStyle.UTC else None
    local, today = at.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        return f"{local:%H:%M:%S}.{milliseconds % 1000:03d}"
    return f"{local:%d %b %H:%M}" if local.year == today.year else f"{local:%Y-%m-%d}"


@dataclass(frozen=True, slots=True)
class Columns:
    """How wide each part of a line is; time has 12 cells, and the rest is the summary's."""

    type: int
    aggregate: int
    actor: int
    node: int

    @classmethod
    def of(cls, width: int, *, nodes: bool) -> Columns:
        """Return the columns for a width. `nodes`: several wrote; where it is narrow, the node stands for who."""
        if width < 70:
            return cls(12, 12, 0, 8) if nodes else cls(18, 14, 0, 0)
        if width < 100:
            return cls(16, 14, 0, 10) if nodes else cls(18, 14, 8, 0)
        return cls(min(34, 22 + (width - 100) // 8), min(40, 20 + (width - 100) // 6), 14, 12 if nodes else 0)


def heading(width: int, *, nodes: bool = False) -> Line:
    """Return the titles above the list."""
    room = Columns.of(width, nodes=nodes)
    titles = [cell("time", 12), cell("node", room.node), cell("type", room.type), cell("about", room.aggregate)]
    titles += [cell("who", room.actor), Span("what")]
    return (Span("  "), *(Span(title.text + " ", "dim") for title in titles if title.text))


def event_line(event: EventLine, width: int, style: TimeStyle, now: datetime, *, nodes: bool = False) -> Line:
    """Return one event as a line of the list."""
    room = Columns.of(width, nodes=nodes)
    cells = [
        cell(time_cell(event.milliseconds, style, now), 12, "dim"),
        cell(event.node, room.node),
        cell(event.type, room.type, role_of(event.type)),
        cell(event.aggregate, room.aggregate, "accent"),
        cell(event.actor, room.actor),
    ]
    spaced = [part for each in cells if each.text for part in (each, Span(" "))]
    return (*spaced, Span(event.summary, "dim"))


def speaks_of(event: Event) -> tuple[str, str] | None:
    """Return the run, plan or conflict that an event speaks of, as (kind, name)."""
    for kind in ("conflict", "run", "plan"):
        if name := event.metadata.get(kind):
            return kind, str(name)
    kind, _, name = event.aggregate_id.partition(":")
    return (kind, name) if kind in {"conflict", "run", "plan"} and name else None


def leads_to(event: Event, node: str) -> tuple[str, str] | None:
    """Return what an event leads to on this node: conflicts are everybody's, runs and plans only of who wrote them."""
    link = speaks_of(event)
    return link if link is not None and (link[0] == "conflict" or node_of(event.origin) == node) else None


def no_lead(event: Event | None) -> str:
    """Return why an event leads nowhere."""
    link = speaks_of(event) if event is not None else None
    if event is None or link is None:
        return "This event speaks of no run, no plan and no conflict."
    return f"{link[0].capitalize()} {clean(link[1], 20)} is one of {clean(node_of(event.origin))}: look there."


def event_detail(
    event: Event, width: int, *, node: str = "", heads: Collection[Dot] | None = None, here: bool = False
) -> list[Line]:
    """Return one event in full: where it stands, what it says, what it leads to, what it knew.

    `heads` are those of its aggregate, once they are known; `here`: its aggregate's history is on the screen.
    """
    kind = (Span(clean(event.type), role_of(event.type) or "strong"),)
    about = (Span(clean(event.aggregate_id), "accent"),)
    actor = clean(str(event.metadata.get("actor", "")))
    lines: list[Line] = [
        fit(joined((kind, about, (Span(f"by {actor}"),) if actor else ()), "   "), width),
        (
            Span(f"{event.written_at:%Y-%m-%d %H:%M:%S}.{event.milliseconds % 1000:03d} UTC", "dim"),
            Span(f"   {stamp(event.written_at)}", "dim"),
        ),
        *_ways(event, node, width, here=here),
        (),
    ]
    if event.redacted:
        lines += wrap(
            "Its payload was redacted: data and metadata are gone for good. Their hashes still hold the chain.",
            width,
            "warn",
        )
    else:
        lines += json_lines(event.data, width)
    extra = {name: value for name, value in event.metadata.items() if name != "actor"}
    if extra:
        lines += [(), (Span("metadata", "dim"),), *json_lines(extra, width)]
    return [*lines, (), *_place(event, width, heads)]


def _ways(event: Event, node: str, width: int, *, here: bool) -> list[Line]:
    """Return the keys that lead on from here."""
    ways: list[Line] = []
    link = leads_to(event, node or node_of(event.origin))
    if link is not None:
        ways.append((Span("o", "accent"), Span(f" opens {link[0]} {clean(link[1], 20)}", "dim")))
    elif speaks_of(event) is not None:
        ways.append(fit((Span(no_lead(event), "dim"),), width))
    if not here and not is_own(event.aggregate_id):
        ways.append(
            (Span("a", "accent"), Span(" opens its aggregate's history, with the state as of each event", "dim"))
        )
    return ways


def _place(event: Event, width: int, heads: Collection[Dot] | None) -> list[Line]:
    """Return where an event stands among all: its dot, what it knew, whether anything came after it, its chain."""
    knew = ", ".join(f"{clean(origin, 60)}#{seq:,}" for origin, seq in sorted(event.context.items()))
    lines = wrap(f"{clean(event.origin, 60)}#{event.seq:,}, number {event.position:,} here", width, "dim")
    lines += wrap(f"knew {knew}" if knew else "knew nothing of this aggregate: its first", width, "dim")
    if heads is not None:
        count = f"one of {len(heads)} heads" if len(heads) > 1 else "the head"
        here = f"{count}: nobody who wrote later knew of it" if event.dot in heads else "no head: later events know it"
        lines += wrap(here, width, "warn" if event.dot in heads and len(heads) > 1 else "dim")
    return [*lines, (Span(f"chain {event.chain[:24]}…", "dim"),)]


def json_lines(value: object, width: int) -> list[Line]:
    """Return a JSON value, indented, in at most some thousand lines however large it is."""
    text = msgspec.json.format(msgspec.json.encode(_shortened(value)), indent=2).decode()
    lines: list[Line] = []
    for row in text.split("\n")[:2_000]:
        indent = len(row) - len(row.lstrip())
        for number, (span,) in enumerate(wrap(row, max(20, width))):
            pad = "" if number == 0 else " " * min(indent + 2, 20)
            lines.append((Span(pad), *_coloured(span.text)))
    return lines


def _coloured(text: str) -> Line:
    spans: list[Span] = []
    last = 0
    for match in _JSON.finditer(text):
        spans.append(Span(text[last : match.start()], "dim"))
        role = "accent" if match["key"] else "ok" if match["text"] else "warn"
        spans.append(Span(match.group(), role))
        last = match.end()
    spans.append(Span(text[last:], "dim" if spans else ""))
    return tuple(span for span in spans if span.text)


def _shortened(value: object, depth: int = 0) -> object:
    match value:
        case str() if len(value) > LONGEST_VALUE:
            return f"{value[:LONGEST_VALUE]}… ({len(value):,} characters in all)"
        case dict() if depth < 12:
            kept = {str(name)[:200]: _shortened(one, depth + 1) for name, one in list(value.items())[:LONGEST_LIST]}
            return kept if len(value) <= LONGEST_LIST else {**kept, "…": f"{len(value):,} entries in all"}
        case list() if depth < 12:
            kept_items = [_shortened(one, depth + 1) for one in value[:LONGEST_LIST]]
            return kept_items if len(value) <= LONGEST_LIST else [*kept_items, f"… {len(value):,} in all"]
        case dict() | list():
            return "…"
        case _:
            return value
