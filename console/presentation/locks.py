"""Locks as text: one line each, the one under the cursor in full, and what is asked before one is taken away. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from console.presentation.ages import count, duration, in_one_unit
from console.presentation.leases import (
    Hold,
    Moment,
    axis,
    gauge,
    lane,
    left_now,
    left_words,
    past_lines,
    waiter_lines,
    who_short,
    who_words,
)
from console.presentation.plan_words import Deed, Matter
from console.presentation.spans import Line, Span, cell, clean, fit, joined, wrap

if TYPE_CHECKING:
    from collections.abc import Set

    from engine.coordination.standing import ClaimStanding, SessionId

NAME, HOLDER, TOKEN, WAIT, SINCE = (14, 40), (12, 26), 9, 6, 7
GAUGE = (15, 22, 28)
LANE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Columns:
    """How wide each part of a line is, from the width there is."""

    name: int
    holder: int
    gauge: int

    @classmethod
    def of(cls, width: int, longest: int = 0) -> Columns:
        """Return the columns for a width and the longest name, which takes what is left."""
        meter = GAUGE[2] if width >= 110 else GAUGE[1] if width >= 90 else GAUGE[0]
        room = width - 2 - meter - TOKEN - WAIT - SINCE - 2
        holder = max(HOLDER[0], min(HOLDER[1], room // 2))
        name = max(NAME[0], min(room - holder, NAME[1], longest + 1))
        return cls(name=name, holder=holder, gauge=meter)


def titles(columns: Columns, *, name: str = "LOCK", holder: str = "HOLDER", number: str = "TOKEN") -> Line:
    """Return the line above the list."""
    return (
        cell("", 2),
        cell(name, columns.name, "dim"),
        cell(holder, columns.holder, "dim"),
        cell("TIME LEFT", columns.gauge, "dim"),
        cell(number, TOKEN, "dim", right=True),
        cell("WAIT", WAIT, "dim", right=True),
        Span("  "),
        cell("SINCE", SINCE, "dim"),
    )


def lock_line(claim: ClaimStanding, columns: Columns, moment: Moment, own: Set[SessionId]) -> Line:
    """Return a lock's line: a sign, its name, who holds it, the bar, the token, how many wait, since when."""
    holder = claim.holder
    name = cell(clean(claim.name), columns.name - 1, "strong")
    waiting = cell(
        f"{len(claim.waiters)}" if claim.waiters else "·", WAIT, "warn" if claim.waiters else "dim", right=True
    )
    if holder is None:
        last = claim.past[0] if claim.past else None
        token = cell(f"{last.token:,}" if last else "·", TOKEN, "dim", right=True)
        free = cell("free", columns.gauge, "dim")
        since = cell(in_one_unit(moment.now - last.until) if last else "", SINCE, "dim")
        return (
            Span("○ ", "dim"),
            name,
            Span(" "),
            cell("nobody", columns.holder, "dim"),
            free,
            token,
            waiting,
            Span("  "),
            since,
        )
    here = holder.session in own
    who = cell(f"{who_short(holder.who)}{' here' if here else ''}", columns.holder - 1, "accent" if here else "")
    return (
        Span("● ", "ok"),
        name,
        Span(" "),
        who,
        Span(" "),
        *gauge(claim.left, claim.ttl, columns.gauge, moment),
        cell(f"{holder.token:,}", TOKEN, right=True),
        waiting,
        Span("  "),
        cell(in_one_unit(moment.now - holder.since), SINCE, "dim"),
    )


def empty(*, filtered: bool) -> tuple[Line, ...]:
    """Return what stands where there is no lock."""
    if filtered:
        return ((Span("No lock has that in its name. ", "strong"), Span("esc", "accent"), Span(" shows all.")),)
    return (
        (Span("Nobody holds or waits for a lock now.", "strong"),),
        (),
        (Span("A lock lets one at a time work on something, on all nodes. Any script gets one:"),),
        (Span("  syncdeck lock NAME -- COMMAND", "accent"),),
        (Span("Syncdeck itself takes the target's lock before it applies a plan."),),
    )


def detail(claim: ClaimStanding, moment: Moment, own: Set[SessionId], width: int) -> list[Line]:
    """Return a lock in full: its holder and time, the note, who waits in order, the last hand-overs."""
    lines: list[Line] = [fit((Span(clean(claim.name), "strong"),), width)]
    lines += _held(claim, moment, own, width)
    waiters = [(each.who, each.since) for each in claim.waiters]
    lines += [(), (Span(f"WAITING  {len(waiters)}" if waiters else "NOBODY WAITS", "dim"),)]
    lines += waiter_lines(waiters, moment.now, width)
    lines += [(), (Span("LAST HAND-OVERS", "dim"),), *past_lines(claim.past, held_since(claim), width)]
    if claim.past:
        lines += [(), *timeline(claim, moment.now, width)]
    return lines


def held_since(claim: ClaimStanding) -> datetime | None:
    """Return since when somebody holds it."""
    return claim.holder.since if claim.holder is not None else None


def _held(claim: ClaimStanding, moment: Moment, own: Set[SessionId], width: int) -> list[Line]:
    holder = claim.holder
    if holder is None:
        return [(Span("free", "ok"), Span(": whoever asks next gets it at once", "dim"))]
    here = " (this process)" if holder.session in own else ""
    first = (Span("● held by ", "ok"), Span(who_words(holder.who)), Span(here, "accent"))
    since = f"for {duration(moment.now - holder.since)}, since {holder.since.astimezone():%H:%M:%S}"
    facts: list[Line] = [(Span(since),), (Span("token "), Span(f"{holder.token:,}", "strong"))]
    lines = [fit(first, width), fit(joined(facts), width), *_time_left(claim, moment, width)]
    if holder.value:
        lines += wrap(f"“{clean(holder.value.decode(errors='replace'), 400)}”", width, "dim")
    return lines


def _time_left(claim: ClaimStanding, moment: Moment, width: int) -> list[Line]:
    left = left_now(claim.left, moment)
    if left is None or claim.ttl is None:
        return wrap("It is kept for as long as its process shows that it lives; no end is known here.", width, "dim")
    meter = gauge(claim.left, claim.ttl, min(width - 26, 40), moment)
    return [(*meter, Span(f" of {left_words(claim.ttl)} unless renewed", "dim"))]


def timeline(claim: ClaimStanding, now: datetime, width: int) -> list[Line]:
    """Return who held it when, in the last quarter of an hour or for as long as is known."""
    room = min(width, 120)
    holds = [Hold(f"{each.token:,}", each.since, each.until) for each in claim.past]
    if claim.holder is not None:
        holds.append(Hold(f"{claim.holder.token:,}", claim.holder.since, None))
    start = max(min(each.since for each in holds), now - LANE)
    if start >= now:
        return []
    return [lane(holds, start, now, room), axis(start, now, room)]


def release_matter(claim: ClaimStanding, moment: Moment, width: int) -> Matter:
    """Return what is asked by X: who loses it, whether he lives, who gets it, what becomes of his writes."""
    holder = claim.holder
    if holder is None:
        raise ValueError(f"{claim.name} is free")
    held = f"held for {duration(moment.now - holder.since)} with token {holder.token:,}"
    lines: list[Line] = [*wrap(f"{who_words(holder.who)}: {held}.", width, "strong"), ()]
    left = left_now(claim.left, moment)
    if left is not None and claim.ttl and left >= claim.ttl / 2:
        renewed = left_words(max(claim.ttl - left, timedelta()))
        lines += wrap(f"It renewed {renewed} ago, so it lives: to stop it where it runs is gentler.", width, "warn")
    lines += wrap(
        "The holder is told, and stopped at its next renewal at the latest. Writes that check the token are refused "
        "from now on; others may still be made until then.",
        width,
    )
    lines += wrap(_following(claim), width)
    lines += wrap(f"If token {holder.token:,} is over by then, nothing happens.", width, "dim")
    return Matter(
        title=f"Take {clean(claim.name)} away from {who_short(holder.who)}?",
        lines=tuple(lines),
        deed=Deed.GO_ON,
        button="Force-release",
        typed=clean(claim.name),
        comment="Reason",
        comment_needed=True,
    )


def _following(claim: ClaimStanding) -> str:
    if not claim.waiters:
        return "Nobody waits: it is free then."
    others = f" {count(len(claim.waiters) - 1, 'other')} behind it." if len(claim.waiters) > 1 else ""
    return f"Next: {who_words(claim.waiters[0].who)}, at once.{others}"
