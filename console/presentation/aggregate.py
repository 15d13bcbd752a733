"""An aggregate's history: its events one under the other, and its state as of any of them with what changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from console.presentation.ages import TimeStyle, count
from console.presentation.event_sentences import told
from console.presentation.events import role_of, time_cell
from console.presentation.patches import brief, field_name, leaves
from console.presentation.spans import Line, Span, cell, clean, fit, joined, wrap
from engine.events.event import node_of
from engine.events.merging.patches import same
from engine.events.merging.values import ABSENT, Path

if TYPE_CHECKING:
    from engine.events.event import Dot, Event
    from engine.events.merging.values import Verdict, View

MARK = 2
MOST_FIELDS = 2_000
"""Fields of one state that are shown; the rest is counted."""
LONGEST_VALUE = 400


@dataclass(frozen=True, slots=True)
class Columns:
    """How wide each part of a step is, from the width there is."""

    time: int
    node: int
    type: int
    actor: int

    @classmethod
    def of(cls, width: int) -> Columns:
        """Return the columns for a width."""
        if width < 70:
            return cls(12, 8, 16, 0)
        return cls(12, 10, 18, 10) if width < 100 else cls(12, 14, 22, 14)


def titles(width: int) -> Line:
    """Return the line above the steps, with what the marks mean."""
    room = Columns.of(width)
    names = (("time", room.time), ("node", room.node), ("type", room.type), ("who", room.actor))
    spaced = [part for name, size in names if size for part in (cell(name, size, "dim"), Span(" "))]
    return (Span(" " * MARK), *spaced, Span("what   ", "dim"), Span("◆ head", "accent"))


def step_line(event: Event, heads: Collection[Dot], width: int, style: TimeStyle, now: datetime) -> Line:
    """Return one event of the aggregate; a head is one that no other event knows of."""
    room = Columns.of(width)
    cells = [
        cell(time_cell(event.milliseconds, style, now), room.time, "dim"),
        cell(clean(node_of(event.origin)), room.node),
        cell(clean(event.type, 80), room.type, role_of(event.type)),
        cell(clean(str(event.metadata.get("actor", "")), 40), room.actor, "dim"),
    ]
    spaced = [part for each in cells if each.text for part in (each, Span(" "))]
    deletes = event.data is None and not event.redacted
    what = Span(told(event), "remove" if deletes else "warn" if event.redacted else "")
    return (Span("◆ " if event.dot in heads else "  ", "accent"), *spaced, what)


def facts(aggregate: str, events: Sequence[Event], now: View | None, width: int) -> list[Line]:
    """Return what stands on top: whose aggregate it is, how it stands now, what is contested."""
    nodes = {node_of(event.origin) for event in events}
    first = joined(
        [
            (Span(clean(aggregate), "strong"),),
            (Span(f"{count(len(events), 'event')} of {count(len(nodes), 'node')}"),),
            _standing(now),
        ],
        "   ",
    )
    lines = [fit(first, width)]
    if now is not None and now.missing:
        gone = f"{count(len(now.missing), 'event')} that others here build on are not here: filtered out or compacted."
        lines += wrap(gone, width, "warn")
    if now is not None and now.redacted:
        lines += wrap("Some payload was redacted: what it held can no longer be taken into account.", width, "warn")
    return lines


def _standing(view: View | None) -> Line:
    if view is None:
        return ()
    if view.open:
        names = ", ".join(field_name(verdict.contest.path) for verdict in view.open)
        return (Span(f"≠ contested: {names}", "warn"), Span("  c", "accent"), Span(" opens the conflict", "dim"))
    if view.value is ABSENT:
        return (Span("✗ deleted", "remove"),)
    if len(view.heads) > 1:
        return (Span(f"◆ {len(view.heads)} heads, no contest", "accent"),)
    return (Span("✓ one head, no contest", "ok"),)


def state_lines(before: View | None, after: View, width: int) -> list[Line]:
    """Return the state after an event, field by field: first what the event changed, with what was before, and what is
    contested with its sides; then the rest.

    `before` is the view without the event; None: there was nothing.
    """
    was = before.value if before is not None else ABSENT
    changes = list(differences(was, after.value))
    contested = {verdict.contest.path: verdict for verdict in after.open}
    room = min(max((len(field_name(path)) for _, path, _, _ in changes), default=0) + 2, max(width // 3, 10))
    news = [each for each in changes if each[0] != " " or each[1] in contested]
    rest = [each for each in changes if each[0] == " " and each[1] not in contested]
    lines: list[Line] = [fit(_changed(changes, before, after), width), (), *_fields(news, contested, room, width)]
    for path, verdict in contested.items():
        lines += _contest(path, verdict, width)
    if news and rest:
        lines += [(), (Span("as before", "dim"),)]
    return [*lines, *_fields(rest, contested, room, width)]


Change = tuple[str, Path, Any, Any]
"""("+", "-", "~" or " ", path, before, after)."""


def differences(before: object, after: object) -> Iterator[Change]:
    """Yield every field of two states: added, removed, changed or as it was, in the order of the later state.

    That an empty object got fields, or lost its last one, is told by those fields alone.
    """
    old = {} if before is ABSENT else dict(leaves(before))
    new = {} if after is ABSENT else dict(leaves(after))
    above_old, above_new = _above(old), _above(new)
    for path, value in new.items():
        if path in old:
            yield " " if same(old[path], value) else "~", path, old[path], value
        elif path not in above_old:
            yield "+", path, ABSENT, value
    for path, value in old.items():
        if path not in new and path not in above_new:
            yield "-", path, value, ABSENT


def _above(paths: Iterable[Path]) -> set[Path]:
    """Return every object that holds one of these fields."""
    return {path[:length] for path in paths for length in range(len(path))}


def _changed(changes: Sequence[Change], before: View | None, after: View) -> Line:
    """Return what the event did, in one line."""
    if after.value is ABSENT:
        was_there = before is not None and before.value is not ABSENT
        return (Span("✗ Deleted by this event" if was_there else "There is nothing here: deleted", "remove"),)
    touched = sum(sign != " " for sign, *_ in changes)
    new_contests = {each.contest.path for each in after.open} - (
        {each.contest.path for each in before.open} if before is not None else set()
    )
    settled = len(before.open) - len(after.open) if before is not None else 0
    how = f"{count(touched, 'field')} changed" if touched else "as before"
    parts: list[Line] = [(Span(f"State after it: {how}", "strong"),)]
    if new_contests:
        parts.append((Span(f"≠ {count(len(new_contests), 'contest')} began", "warn"),))
    elif settled > 0:
        parts.append((Span(f"✓ {count(settled, 'contest')} ended", "ok"),))
    return joined(parts)


SIGNS = {"+": "add", "-": "remove", "~": "update", " ": ""}


def _fields(changes: Sequence[Change], contested: Collection[Path], room: int, width: int) -> list[Line]:
    lines: list[Line] = []
    for sign, path, old, new in changes[:MOST_FIELDS]:
        head = (Span(f"{'≠' if path in contested else sign} ", SIGNS[sign]), cell(field_name(path), room, "accent"))
        lines += _value(head, sign, old, new, width - room - 2)
    if len(changes) > MOST_FIELDS:
        lines.append((Span(f"… and {len(changes) - MOST_FIELDS:,} more fields", "dim"),))
    return lines


def _value(head: Line, sign: str, old: object, new: object, width: int) -> list[Line]:
    """Return a field with its value, the old one before it where it changed; long ones on lines of their own."""
    pad = Span(" " * sum(len(span.text) for span in head))
    texts = [] if old is ABSENT or sign == " " else [(brief(old, LONGEST_VALUE), "old")]
    texts += [] if new is ABSENT else [(brief(new, LONGEST_VALUE), "new" if sign in "+~" else "")]
    if sum(len(text) for text, _ in texts) + 3 <= width:
        spans = [part for text, role in texts for part in (Span(" → ", "dim"), Span(text, role))][1:]
        return [(*head, *spans)]
    lines: list[Line] = []
    for number, (text, role) in enumerate(texts):
        wrapped = wrap(text, max(width, 12), role)
        lines += [(*(head if number == 0 and place == 0 else (pad,)), *line) for place, line in enumerate(wrapped)]
    return lines


def _contest(path: Path, verdict: Verdict, width: int) -> list[Line]:
    """Return a contested field: what it shows until somebody settles it, and each side."""
    contest = verdict.contest
    shows = "nothing" if verdict.value is ABSENT else brief(verdict.value)
    first = (
        Span("≠ ", "warn"),
        Span(field_name(path), "strong"),
        Span(f" is contested; until settled it shows {shows}"),
    )
    lines: list[Line] = [(), fit(first, width)]
    for side in contest.candidates:
        value = Span("removed", "remove") if side.value is ABSENT else Span(brief(side.value))
        whose = f"  {clean(node_of(side.event.origin))}"
        actor = clean(str(side.event.metadata.get("actor", "")), 40)
        lines.append(fit((Span("    "), value, Span(f"{whose}{', ' + actor if actor else ''}", "dim")), width))
    return lines
