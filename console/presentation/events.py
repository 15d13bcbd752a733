"""Events as lines of a list, and one event in full."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from console.presentation.ages import TimeStyle, duration, stamp
from console.presentation.event_sentences import sentence
from console.presentation.spans import Line, Span, cell, clean, fit, joined, wrap
from engine.events.event import Event

SUMMARY = 300
"""Characters kept of an event's data for its line in a list."""

LONGEST_VALUE = 4_000
LONGEST_LIST = 200
"""What the detail view shows of one text and of one list; the rest is counted. The export has everything."""

_ROLES = {
    "failed": "error", "refused": "error", "drifted": "error", "rejected": "error", "quarantined": "error",
    "interrupted": "warn", "cancelled": "warn", "parked": "warn", "partial": "warn",
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


def line_of(event: Event) -> EventLine:
    """Return what the list shows of an event."""
    return EventLine(
        position=event.position,
        milliseconds=event.milliseconds,
        type=clean(event.type, 80),
        aggregate=clean(event.aggregate_id, 120),
        actor=clean(str(event.metadata.get("actor", "")), 40),
        summary=clean(sentence(event.type, event.data), SUMMARY) or summary(event.data),
    )


def summary(data: Mapping[str, Any]) -> str:
    """Return the data of an event in a few words: its plain values first to last, larger ones by their size."""
    parts: list[str] = []
    length = 0
    for name, value in data.items():
        parts.append(f"{clean(name, 40)}={_brief(value)}")
        length += len(parts[-1])
        if length > SUMMARY:
            break
    return " ".join(parts)


def _brief(value: object) -> str:
    match value:
        case str():
            return clean(value, 120)
        case dict():
            return f"{{{len(value)}}}"
        case list():
            return f"[{len(value)}]"
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)[:40]


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


def columns(width: int) -> tuple[int, int, int]:
    """Return the cells for type, aggregate and actor; time has 12, and the rest is the summary's."""
    if width < 70:
        return 18, 14, 0
    if width < 100:
        return 18, 14, 8
    return min(34, 22 + (width - 100) // 8), min(40, 20 + (width - 100) // 6), 14


def heading(width: int) -> Line:
    """Return the titles above the list."""
    kind, aggregate, actor = columns(width)
    titles = [cell("time", 12), cell("type", kind), cell("about", aggregate), cell("who", actor), Span("what")]
    return (Span("  "), *(Span(title.text + " ", "dim") for title in titles if title.text))


def event_line(event: EventLine, width: int, style: TimeStyle, now: datetime) -> Line:
    """Return one event as a line of the list."""
    kind, aggregate, actor = columns(width)
    line = [
        cell(time_cell(event.milliseconds, style, now), 12, "dim"),
        Span(" "),
        cell(event.type, kind, role_of(event.type)),
        Span(" "),
        cell(event.aggregate, aggregate, "accent"),
        Span(" "),
    ]
    if actor:
        line += [cell(event.actor, actor), Span(" ")]
    line.append(Span(event.summary, "dim"))
    return tuple(line)


def speaks_of(event: Event) -> tuple[str, str] | None:
    """Return the run or plan that an event speaks of, as (kind, name)."""
    for kind in ("run", "plan"):
        if name := event.metadata.get(kind):
            return kind, str(name)
    kind, _, name = event.aggregate_id.partition(":")
    return (kind, name) if kind in {"run", "plan"} and name else None


def event_detail(event: Event, width: int) -> list[Line]:
    """Return one event in full: where it stands, what it says, and what it leads to."""
    at = datetime.fromtimestamp(event.milliseconds / 1000, UTC)
    kind = (Span(clean(event.type), role_of(event.type) or "strong"),)
    about = (Span(clean(event.aggregate_id), "accent"),)
    actor = clean(str(event.metadata.get("actor", "")))
    lines: list[Line] = [
        fit(joined((kind, about, (Span(f"by {actor}"),) if actor else ()), "   "), width),
        (Span(f"{at:%Y-%m-%d %H:%M:%S}.{event.milliseconds % 1000:03d} UTC", "dim"), Span(f"   {stamp(at)}", "dim")),
    ]
    if link := speaks_of(event):
        lines.append((Span("o", "accent"), Span(f" opens {link[0]} {clean(link[1], 20)}", "dim")))
    lines += [(), *json_lines(event.data, width)]
    extra = {name: value for name, value in event.metadata.items() if name != "actor"}
    if extra:
        lines += [(), (Span("metadata", "dim"),), *json_lines(extra, width)]
    place = f"number {event.position:,} here, {event.seq:,} of {clean(event.origin, 60)}"
    return [*lines, (), (Span(place, "dim"),), (Span(f"chain {event.chain[:24]}…", "dim"),)]


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
