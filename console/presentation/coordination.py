"""The coordination screen as a whole: how the backend stands, the tabs, what is said where nothing can be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from console.presentation.ages import age, count, duration
from console.presentation.spans import Line, Span, clean, fit, joined, spread, width_of, wrap
from engine.coordination.promises import Feature

if TYPE_CHECKING:
    from engine.coordination.overview import BackendStanding
    from engine.coordination.working.task import TaskCounts


class Tab(NamedTuple):
    """A tab: its title, and the key that leads there, which is one of its letters."""

    title: str
    key: str


TABS: dict[str, Tab] = {
    "locks": Tab("Locks", "l"),
    "leaders": Tab("Leaders", "d"),
    "tasks": Tab("Tasks", "t"),
    "cron": Tab("Cron", "c"),
    "keys": Tab("Keys", "s"),
    "clock": Tab("Clock", "o"),
    "streams": Tab("Streams", "m"),
}
"""In their order; a test compares the keys with the keymap."""

NEEDED = {
    "locks": Feature.LOCK,
    "leaders": Feature.ELECTION,
    "tasks": Feature.TASKS,
    "cron": Feature.CRON,
    "keys": Feature.LIST,
    "streams": Feature.STREAM,
}
"""What the backend must be able to do for a tab."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What the tabs say of what is behind them; None: not known."""

    locks: int | None = None
    waiters: int = 0
    leaders: int | None = None
    vacant: int = 0
    tasks: TaskCounts | None = None
    schedules: int | None = None
    synchronised: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """How the screen itself stands to the backend."""

    following: bool
    """Changes are told as they happen."""
    as_of: datetime | None
    gone_since: datetime | None = None
    fault: str = ""


def state_lines(standing: BackendStanding | None, link: Link, now: datetime, width: int) -> list[Line]:
    """Return what stands on top: whether the backend is there, what it is, and how fresh all this is."""
    if link.gone_since is not None:
        return _gone(standing, link, now, width)
    if standing is None or link.as_of is None:
        return [(Span("○ asking the backend …", "dim"),)]
    live = Span("● live", "ok") if link.following else Span("○ connecting", "warn")
    parts: list[Line] = [(live,), (Span(clean(standing.promises.backend), "strong"),)]
    if width >= WIDE:
        parts.append((Span(clean(standing.promises.reach), "dim"),))
    if standing.latency is not None:
        parts.append((Span(_milliseconds(standing.latency), "dim"),))
    parts.append((Span(count(len(standing.sessions), "session"), "dim"),))
    fresh = (Span("changes as they happen" if link.following else f"as of {age(link.as_of, now)}", "dim"),)
    return [spread(joined(parts, "   "), fresh, width)]


WIDE = 110


def _gone(standing: BackendStanding | None, link: Link, now: datetime, width: int) -> list[Line]:
    since = link.gone_since or now
    backend = clean(standing.promises.backend) if standing is not None else "The backend"
    head = (Span(f"✗ {backend} is gone", "error"), Span(f" for {duration(now - since)}", "warn"))
    as_of = f"as of {link.as_of.astimezone():%H:%M:%S}" if link.as_of is not None else "nothing was read yet"
    lines: list[Line] = [spread(head, (Span(as_of, "warn"),), width)]
    lines += [(Span("  "), *line) for line in wrap(clean(link.fault), width - 2)[:3]]
    kept = "Below is how it was then. " if link.as_of is not None else ""
    lines += [(Span("  "), *line) for line in wrap(f"{kept}{NEXT}", width - 2, "dim")]
    return lines


NEXT = "It is tried again by itself; R tries now."


def _milliseconds(length: timedelta) -> str:
    milliseconds = length.total_seconds() * 1_000
    return f"{milliseconds:.1f} ms" if milliseconds < 100 else f"{milliseconds:,.0f} ms"


def nothing_read(width: int) -> list[Line]:
    """Return what stands in an empty list while the backend is gone."""
    return [
        (Span("Nothing is known: the backend was not reached yet.", "strong"),),
        (),
        *wrap("What is wrong stands on top. All is read as soon as it is there.", width),
    ]


def refused_lines(what: str, sentence: str, backend: str, width: int) -> list[Line]:
    """Return what stands in a tab that the backend has nothing for: its own sentence."""
    return [
        (Span(f"{what}: not with {clean(backend)}", "strong"),),
        (),
        *wrap(clean(sentence), width, "dim"),
    ]


def crumb(tab: str) -> str:
    """Return the words in the header: the screen and the tab in front."""
    return f"Coordination, {TABS[tab].title.lower()}"


# -- tabs --------------------------------------------------------------------------------------------------------------


def tab_line(current: str, glance: Glance, refused: Sequence[str], width: int) -> Line:
    """Return the tabs: each with its key, what is behind it in short, the current one marked by more than colour."""
    for short in (False, True):
        line = tuple(span for _, spans in tabs(current, glance, refused, short=short) for span in spans)
        if width_of(line) <= width:
            return line
    return fit(line, width)


def tabs(current: str, glance: Glance, refused: Sequence[str], *, short: bool) -> list[tuple[str, Line]]:
    """Return each tab's name and spans."""
    return [(name, _tab(tab, name == current, "" if short else _badge(name, glance), name in refused))
            for name, tab in TABS.items()]  # fmt: skip


def _tab(tab: Tab, here: bool, badge: str, refused: bool) -> Line:
    alarm = "error" if "✗" in badge or "!" in badge else "dim"
    words = Span(badge, alarm)
    if here:
        return (Span("[", "accent"), Span(tab.title, "strong"), words, Span("] ", "accent"))
    if refused:
        return (Span(f"{tab.key} {tab.title}  ", "dim"),)
    return (Span(f"{tab.key} ", "accent"), Span(tab.title), words, Span("  "))


def tab_at(current: str, glance: Glance, refused: Sequence[str], width: int, column: int) -> str | None:
    """Return the tab that is drawn at a column."""
    line = tab_line(current, glance, refused, width)
    for short in (False, True):
        drawn = tabs(current, glance, refused, short=short)
        if tuple(span for _, spans in drawn for span in spans) != line:
            continue
        end = 0
        for name, spans in drawn:
            end += width_of(spans)
            if column < end:
                return name
    return None


def _badge(name: str, glance: Glance) -> str:
    match name:
        case "locks" if glance.locks is not None:
            return f" {glance.locks}" + (f"+{glance.waiters}" if glance.waiters else "")
        case "leaders" if glance.leaders is not None:
            return f" {glance.leaders}" + (f" !{glance.vacant}" if glance.vacant else "")
        case "tasks" if glance.tasks is not None:
            open_ = glance.tasks.waiting + glance.tasks.running
            return (f" {open_:,}" if open_ else "") + (f" ✗{glance.tasks.dead:,}" if glance.tasks.dead else "")
        case "cron" if glance.schedules is not None:
            return f" {glance.schedules}"
        case "clock" if glance.synchronised is not None:
            return "" if glance.synchronised else " !"
    return ""


# -- elsewhere ---------------------------------------------------------------------------------------------------------


def overview_line(standing: BackendStanding, leader: str, now: datetime, width: int) -> Line:
    """Return the overview's line about coordination: the backend, whether it is there, who leads the schedules."""
    backend = clean(standing.promises.backend)
    if not standing.reachable:
        gone = (Span("coordination  ", "dim"), Span(f"✗ {backend} is gone", "error"))
        fault = (Span(f" for {duration(now - standing.since)}: {clean(standing.fault)}", "dim"),)
        return fit((*gone, *fault), width)
    led = (
        Span(f"syncs led by {clean(leader)}", "dim")
        if leader
        else Span("○ nobody leads automatic syncs: start syncdeck serve", "dim")
    )
    parts = [
        (Span("coordination  ", "dim"), Span("● ", "ok"), Span(backend)),
        (Span(count(len(standing.sessions), "session"), "dim"),),
        (led,),
    ]
    return fit(joined(parts), width)
