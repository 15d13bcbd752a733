"""What is held for a time: the bar that runs down, whose it is, and who held it when. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from console.presentation.ages import duration, in_one_unit
from console.presentation.spans import Line, Span, cell, clean, fit

if TYPE_CHECKING:
    from engine.coordination.standing import PastHolder, Who

EXPIRING = 0.2
"""Below this share of its TTL a lease is about to lapse: its owner should have renewed it at two thirds."""
UNRENEWED = 0.55
"""Below this share a renewal is overdue (it is tried from two thirds on): worth looking again."""
LEAST_AGE = timedelta(seconds=1)
"""Nothing is read again sooner than this for an overdue renewal."""

EIGHTHS = "▏▎▍▌▋▊▉█"
LEFT = 8
"""Cells of the words behind a bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When something is drawn, and how long ago it was read. A backend that is gone stops the bars: nobody knows how
    they run on."""

    now: datetime
    elapsed: timedelta = timedelta()
    gone: bool = False


def left_now(left: timedelta | None, moment: Moment) -> timedelta | None:
    """Return what is left by now of what was left when it was read; None: not known, or for ever."""
    return None if left is None else max(left - moment.elapsed, timedelta())


def left_words(left: timedelta) -> str:
    """Return a time that is left: "6.6 s", "48 s", "12 m"."""
    seconds = left.total_seconds()
    return f"{seconds:.1f} s" if seconds < 10 else in_one_unit(left)


def gauge(left: timedelta | None, ttl: timedelta | None, width: int, moment: Moment) -> Line:
    """Return exactly `width` cells: a bar of what is left, and the words; `!` when it is about to lapse."""
    if left is None or not ttl:
        return (cell("held", width, "dim"),)
    rest = left_now(left, moment) or timedelta()
    share = min(rest / ttl, 1.0)
    sign = "!" if share < EXPIRING else " "
    role = "error" if share < EXPIRING else "warn" if share < UNRENEWED else "ok"
    room = width - LEFT if width >= LEFT + 2 else 0
    words = cell(f"{sign}{left_words(rest)}", width - room, role if sign == "!" else "", right=True)
    if not room:
        return (words,)
    full, part = bar(share, room)
    return (Span(full, role), Span(part, "dim"), words)


def bar(share: float, width: int) -> tuple[str, str]:
    """Return the full and the empty part of a bar of `width` cells, to an eighth of a cell."""
    eighths = round(max(0.0, min(share, 1.0)) * width * 8)
    if share > 0:
        eighths = max(eighths, 1)
    whole, rest = divmod(eighths, 8)
    full = "█" * whole + (EIGHTHS[rest - 1] if rest else "")
    return full, "·" * (width - len(full))


def overdue(left: timedelta | None, ttl: timedelta | None, moment: Moment) -> bool:
    """Tell whether a lease should have been renewed since it was read, so that it is worth looking again."""
    if left is None or not ttl or moment.gone or moment.elapsed < LEAST_AGE:
        return False
    return (left_now(left, moment) or timedelta()) < UNRENEWED * ttl


def who_short(who: Who) -> str:
    """Return a process in one word: "berlin-1/4711"."""
    return f"{clean(who.node, 40)}/{who.pid}"


def who_words(who: Who) -> str:
    """Return a process in full: "ann@desk on berlin-1, process 4711 (serve)"."""
    purpose = f" ({clean(who.purpose, 60)})" if who.purpose else ""
    return f"{clean(who.actor, 60)} on {clean(who.node, 40)}, process {who.pid}{purpose}"


# -- who held it when --------------------------------------------------------------------------------------------------


class Hold(NamedTuple):
    """A stretch of time in which somebody held something; `until` is None while it lasts."""

    name: str
    since: datetime
    until: datetime | None


FILLS = ("█", "▓")
NOBODY = "·"


def lane(holds: Sequence[Hold], start: datetime, end: datetime, width: int) -> Line:
    """Return a time line of holds, oldest first: each a stretch of its own, gaps visible, names where they fit."""
    length = (end - start) / width if width > 0 else timedelta()
    if not length:
        return ()
    cells = [NOBODY] * width
    roles = ["dim"] * width
    for number, hold in enumerate(sorted(holds, key=lambda each: each.since)):
        first = max(int((hold.since - start) / length), 0)
        last = min(max(ceil(((hold.until or end) - start) / length) - 1, first), width - 1)
        if (hold.until or end) < start or first >= width:
            continue
        fill = FILLS[number % 2]
        for place in range(first, last + 1):
            cells[place], roles[place] = fill, "ok" if hold.until is None else "accent"
        label = f" {clean(hold.name, 20)} "
        if len(label) + 2 <= last - first + 1:
            for place, letter in enumerate(label, start=first + 1):
                cells[place], roles[place] = letter, "strong"
    return merged(cells, roles)


def merged(cells: Sequence[str], roles: Sequence[str]) -> Line:
    """Return single cells as spans, neighbours of one role together."""
    spans: list[Span] = []
    for text, role in zip(cells, roles, strict=True):
        if spans and spans[-1].role == role:
            spans[-1] = Span(spans[-1].text + text, role)
        else:
            spans.append(Span(text, role))
    return tuple(spans)


def axis(start: datetime, end: datetime, width: int) -> Line:
    """Return the moments at both ends and in the middle of a time line, as local times."""
    middle = start + (end - start) / 2
    pattern = "%H:%M:%S" if end - start < timedelta(minutes=30) else "%H:%M"
    if end - start > timedelta(days=1):
        pattern = "%d %b %H:%M"
    left, centre = (f"{each.astimezone():{pattern}}" for each in (start, middle))
    room = width - len(left) - len("now")
    return fit((Span(f"{left}{centre.center(max(room, 0))}now", "dim"),), width)


ENDINGS = {"released": ("released", "dim"), "lapsed": ("lapsed", "error"), "revoked": ("taken away", "warn")}
AT_ONCE = timedelta(seconds=1)


def past_lines(past: Sequence[PastHolder], holder_since: datetime | None, width: int) -> list[Line]:
    """Return the last holds, newest first: token, who, how long, how it ended and how soon the next one had it."""
    if not past:
        return [(Span("None is remembered.", "dim"),)]
    lines = []
    follower = holder_since
    for each in past:
        ending, role = ENDINGS[each.ending.value]
        gap = (
            ""
            if follower is None
            else ", next at once"
            if follower - each.until < AT_ONCE
            else f", then free for {duration(follower - each.until)}"
        )
        when = f"{each.until.astimezone():%H:%M:%S}"
        line = (
            cell(f"{each.token:,}", 7, "strong", right=True),
            Span("  "),
            cell(who_short(each.who), 17),
            cell(f"{duration(each.until - each.since)}, to {when}", 22, "dim"),
            Span(ending, role),
            Span(gap, "dim"),
        )
        lines.append(fit(line, width))
        follower = each.since
    head = (
        cell("TOKEN", 7, "dim", right=True),
        Span("  "),
        cell("HOLDER", 17, "dim"),
        cell("HELD FOR", 22, "dim"),
    )
    return [fit((*head, Span("ENDED", "dim")), width), *lines]


def waiter_lines(waiters: Sequence[tuple[Who, datetime]], now: datetime, width: int, most: int = 20) -> list[Line]:
    """Return who waits, in the order in which they are served."""
    lines = [
        fit(
            (
                cell(f"{place}", 4, "strong", right=True),
                Span("  "),
                Span(who_words(who)),
                Span(f"  for {duration(now - since)}", "dim"),
            ),
            width,
        )
        for place, (who, since) in enumerate(waiters[:most], start=1)
    ]
    if len(waiters) > most:
        lines.append((Span(f"      … and {len(waiters) - most:,} more", "dim"),))
    return lines
