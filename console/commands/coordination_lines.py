"""How locks, leaders and the clock read on the command line. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from console.commands.coordination_rows import text
from console.commands.table import moment, safe, span, table
from console.presentation.ages import count
from engine.coordination.clocks.timing import ClockStanding, PeerSkew
from engine.coordination.overview import LeaderStanding
from engine.coordination.standing import ClaimStanding, Who

MOST_WAITERS = 10


def locks(standing: Sequence[ClaimStanding], now: datetime) -> Iterator[str]:
    """Yield the table of locks."""
    held = [each for each in standing if each.holder or each.waiters]
    if not held:
        yield "Nobody holds a lock or waits for one."
        return
    yield from table(
        ["LOCK", "HOLDER", "FOR", "TOKEN", "LEFT", "WAITERS", "NOTE"],
        [_claim_row(each.name, each, now) for each in held],
    )


def lock(standing: ClaimStanding, now: datetime) -> Iterator[str]:
    """Yield everything known of one lock."""
    yield from table(
        ["LOCK", "HOLDER", "FOR", "TOKEN", "LEFT", "WAITERS", "NOTE"], [_claim_row(standing.name, standing, now)]
    )
    yield from _queue(standing, now)
    if standing.past:
        yield ""
        rows = [
            [str(each.token), person(each.who), moment(each.since), span(each.until - each.since), each.ending.value]
            for each in standing.past
        ]
        yield from table(["TOKEN", "HELD BY", "SINCE", "FOR", "ENDED"], rows)


def leaders(standing: Sequence[LeaderStanding], now: datetime) -> Iterator[str]:
    """Yield the table of groups."""
    if not standing:
        yield "No group has, or had, a leader."
        return
    yield from table(
        ["GROUP", "LEADER", "FOR", "TERM", "LEFT", "CANDIDATES", "VALUE"],
        [_claim_row(each.group, each.claim, now) for each in standing],
    )


def leader(standing: LeaderStanding, now: datetime) -> Iterator[str]:
    """Yield everything known of one group."""
    yield from leaders([standing], now)
    yield from _queue(standing.claim, now)
    if standing.terms:
        yield ""
        rows = [
            [
                str(term.token),
                person(term.who),
                moment(term.since),
                span(term.until - term.since) if term.until else "goes on",
                term.ending.value if term.ending else "-",
            ]
            for term in standing.terms
        ]
        yield from table(["TERM", "LED BY", "SINCE", "FOR", "ENDED"], rows)


def _claim_row(name: str, standing: ClaimStanding, now: datetime) -> list[str]:
    holder = standing.holder
    waiters = f"{len(standing.waiters):,}"
    if holder is None:
        return [safe(name), "nobody", "-", "-", "-", waiters, ""]
    return [
        safe(name),
        person(holder.who),
        span(max(now - holder.since, timedelta())),
        str(holder.token),
        f"{standing.left.total_seconds():.1f}s" if standing.left is not None else "-",
        waiters,
        safe(text(holder.value)),
    ]


def _queue(standing: ClaimStanding, now: datetime) -> Iterator[str]:
    if not standing.waiters:
        return
    yield ""
    rows = [
        [str(place), person(each.who), span(max(now - each.since, timedelta()))]
        for place, each in enumerate(standing.waiters[:MOST_WAITERS], 1)
    ]
    yield from table(["NEXT", "WAITS", "FOR"], rows)
    if len(standing.waiters) > MOST_WAITERS:
        yield f"and {count(len(standing.waiters) - MOST_WAITERS, 'more')[:-1]}"


def person(who: Who) -> str:
    """Return who somebody is, with what is needed to find the process."""
    purpose = f" ({safe(who.purpose)})" if who.purpose else ""
    return f"{safe(who.actor)} pid {who.pid}{purpose}"


def clock(standing: ClockStanding, skews: Sequence[PeerSkew]) -> Iterator[str]:
    """Yield how this host's clock stands, by source, and how far peers' are from it."""
    yield safe(standing.said)
    if standing.stepped is not None and standing.step is not None:
        yield f"The wall clock jumped by {standing.step.total_seconds():+.3f} s at {moment(standing.stepped)}."
    if standing.readings:
        yield ""
        rows = [
            [
                safe(each.source),
                offset(each.offset),
                f"±{milliseconds(each.error)}" if each.error is not None else "-",
                milliseconds(each.delay) if each.delay is not None else "-",
                str(each.stratum or "-"),
                safe(each.fault) or "agrees",
            ]
            for each in standing.readings
        ]
        yield from table(["SOURCE", "OFFSET", "ERROR", "DELAY", "STRATUM", ""], rows)
    if skews:
        yield ""
        rows = [
            [
                safe(each.peer),
                offset(each.skew),
                f"±{milliseconds(each.error)}" if each.error else "-",
                safe(each.fault),
            ]
            for each in skews
        ]
        yield from table(["PEER", "AHEAD BY", "ERROR", ""], rows)


def offset(length: timedelta | None) -> str:
    """Return an offset with its sign: "+0.42 ms"."""
    return f"{length.total_seconds() * 1000:+,.2f} ms" if length is not None else "-"


def milliseconds(length: timedelta) -> str:
    """Return a length in milliseconds."""
    return f"{length.total_seconds() * 1000:,.2f} ms"
