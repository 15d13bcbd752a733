"""Leaders as text: one line a group, the chosen one with its terms, and what is asked before one goes. Pure."""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from console.presentation.ages import count, duration, in_one_unit
from console.presentation.leases import (
    ENDINGS,
    Hold,
    Moment,
    axis,
    gauge,
    lane,
    left_words,
    waiter_lines,
    who_short,
    who_words,
)
from console.presentation.locks import SINCE, TOKEN, WAIT, Columns
from console.presentation.plan_words import Deed, Matter
from console.presentation.spans import Line, Span, cell, clean, fit, joined, wrap

if TYPE_CHECKING:
    from engine.coordination.overview import LeaderStanding, Term
    from engine.coordination.standing import SessionId

DAY = timedelta(days=1)
MOST_LISTED = 20


def leader_line(group: LeaderStanding, columns: Columns, moment: Moment, own: Set[SessionId]) -> Line:
    """Return a group's line: a sign, its name, who leads, the bar, the term, how many would like to, since when."""
    holder, waiters = group.claim.holder, group.claim.waiters
    name = cell(clean(group.group), columns.name - 1, "strong")
    waiting = cell(f"{len(waiters)}" if waiters else "·", WAIT, "dim", right=True)
    if holder is None:
        last = next(iter(terms_of(group)), None)
        ended = last.until if last is not None else None
        since = cell(in_one_unit(moment.now - ended) if ended is not None else "", SINCE, "dim")
        token = cell(f"{last.token:,}" if last else "·", TOKEN, "dim", right=True)
        role = "warn" if waiters else "dim"
        nobody = cell("nobody leads", columns.holder, role)
        return (
            Span("○ ", role),
            name,
            Span(" "),
            nobody,
            cell("vacant", columns.gauge, role),
            token,
            waiting,
            Span("  "),
            since,
        )
    here = holder.session in own
    who = cell(f"{who_short(holder.who)}{' here' if here else ''}", columns.holder - 1, "accent" if here else "")
    return (
        Span("▲ ", "ok"),
        name,
        Span(" "),
        who,
        Span(" "),
        *gauge(group.claim.left, group.claim.ttl, columns.gauge, moment),
        cell(f"{holder.token:,}", TOKEN, right=True),
        waiting,
        Span("  "),
        cell(in_one_unit(moment.now - holder.since), SINCE, "dim"),
    )


def empty() -> tuple[Line, ...]:
    """Return what stands where nobody leads anything."""
    return (
        (Span("No group has a leader or candidates now.", "strong"),),
        (),
        (Span("A leader is the one process among many that does what must be done once."),),
        (
            Span("  syncdeck serve ", "accent"),
            Span("on any node stands for the group cron: its leader starts automatic syncs."),
        ),
        (Span("  syncdeck elect GROUP -- COMMAND ", "accent"), Span("runs a command where it leads.")),
    )


def detail(group: LeaderStanding, moment: Moment, own: Set[SessionId], width: int) -> list[Line]:
    """Return a group in full: its leader, the candidates in order, its terms with how each ended."""
    lines: list[Line] = [fit((Span(clean(group.group), "strong"),), width)]
    holder = group.claim.holder
    if holder is None:
        lines += wrap("Nobody leads now. The first candidate that is alive takes over at once.", width, "warn")
    else:
        here = " (this process)" if holder.session in own else ""
        since = f"for {duration(moment.now - holder.since)}, since {holder.since.astimezone():%d %b %H:%M:%S}"
        facts: list[Line] = [(Span(since),), (Span("term "), Span(f"{holder.token:,}", "strong"))]
        lines.append(fit((Span("▲ led by ", "ok"), Span(who_words(holder.who)), Span(here, "accent")), width))
        lines.append(fit(joined(facts), width))
        if group.claim.left is not None and group.claim.ttl is not None:
            meter = gauge(group.claim.left, group.claim.ttl, min(width - 26, 40), moment)
            lines.append((*meter, Span(f" of {left_words(group.claim.ttl)} unless renewed", "dim")))
        if holder.value:
            proclaimed = clean(holder.value.decode(errors="replace"), 400)
            lines += wrap(f"proclaims “{proclaimed}”", width, "dim")
    waiters = [(each.who, each.since) for each in group.claim.waiters]
    lines += [(), (Span(f"CANDIDATES  {len(waiters)}" if waiters else "NO OTHER CANDIDATE", "dim"),)]
    lines += waiter_lines(waiters, moment.now, width)
    return [*lines, (), *_history(group, moment.now, width)]


def terms_of(group: LeaderStanding) -> list[Term]:
    """Return the terms, newest first, with the ends that the leaders themselves could not write but the claim knows."""
    past = {each.token: each for each in group.claim.past}
    return [
        replace(term, until=known.until, ending=known.ending)
        if term.until is None and (known := past.get(term.token)) is not None
        else term
        for term in group.terms
    ]


def _history(group: LeaderStanding, now: datetime, width: int) -> list[Line]:
    terms = terms_of(group)
    if not terms:
        return [(Span("No term is remembered.", "dim"),)]
    recent = sum(1 for term in terms if now - term.since <= DAY)
    head = (Span("TERMS", "dim"), Span(f"  {count(recent, 'change')} of leader in 24 h", "dim"))
    lines: list[Line] = [head]
    leading = group.claim.holder.token if group.claim.holder is not None else None
    lines += [_term(term, now, width, leading=term.token == leading) for term in terms[:MOST_LISTED]]
    holds = [
        Hold(f"{term.token:,}", term.since, term.until or (None if term.token == leading else now)) for term in terms
    ]
    start = max(min(hold.since for hold in holds), now - DAY)
    room = min(width, 120)
    if start < now:
        lines += [(), lane(holds, start, now, room), axis(start, now, room)]
    return lines


def _term(term: Term, now: datetime, width: int, *, leading: bool) -> Line:
    if leading:
        ended = Span("leads", "ok")
    elif term.ending is not None:
        ended = Span(*ENDINGS[term.ending.value])
    else:
        ended = Span("no end was noted", "dim")
    length = duration((term.until or now) - term.since) if leading or term.until is not None else "?"
    return fit(
        (
            cell(f"{term.token:,}", 7, "strong", right=True),
            Span("  "),
            cell(who_short(term.who), 17),
            cell(f"{term.since.astimezone():%d %b %H:%M}", 14, "dim"),
            cell(length, 10),
            ended,
        ),
        width,
    )


def resign_matter(group: LeaderStanding, moment: Moment, width: int, *, own: bool) -> Matter:
    """Return what is asked by X: whose leadership ends, who comes next."""
    holder = group.claim.holder
    if holder is None:
        raise ValueError(f"nobody leads {group.group}")
    name = clean(group.group)
    led = f"leads for {duration(moment.now - holder.since)}, term {holder.token:,}"
    lines: list[Line] = [*wrap(f"{who_words(holder.who)} {led}.", width, "strong"), ()]
    lines += wrap("The leader is told and stops what it does as leader; it may stand again, behind the others.", width)
    if group.claim.waiters:
        lines += wrap(f"Next: {who_words(group.claim.waiters[0].who)}, at once.", width)
    else:
        lines += wrap("There is no other candidate: nobody leads until one stands.", width, "warn")
    lines += wrap(f"If term {holder.token:,} is over by then, nothing happens.", width, "dim")
    return Matter(
        title=f"Let {who_short(holder.who)} resign from {name}?",
        lines=tuple(lines),
        deed=Deed.GO_ON,
        button="Resign",
        typed="" if own else name,
        comment="Reason",
        comment_needed=True,
    )
