"""How peers read on the command line: in 80 columns, trouble in sentences below. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from textwrap import wrap

from console.commands.table import moment, safe, span, table
from console.presentation.ages import count
from engine.events.replicating.standing import Comparison, PeerStatus, SyncResult
from engine.events.vector import Vector

WIDTH = 80
LONGEST_NAME = 16
MOST_DIFFERING = 20


def overview(peers: Sequence[PeerStatus], now: datetime) -> Iterator[str]:
    """Yield the table of peers, then what is wrong with each."""
    titles = ["PEER", "LINK", "TO PUSH", "TO PULL", "LAG", "LAST MET", "LAST SYNC"]
    yield from (line[:WIDTH] for line in table(titles, [_row(peer, now) for peer in peers]))
    for peer in peers:
        yield from indented(trouble(peer), f"  {safe(peer.name)}: ")


def _row(peer: PeerStatus, now: datetime) -> list[str]:
    name = safe(peer.name)
    last = peer.memory.last
    return [
        name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…",
        peer.connection.value,
        f"{peer.to_push:,}",
        f"{peer.to_pull:,}",
        span(timedelta(seconds=peer.lag_seconds)) if peer.lag_seconds is not None else "-",
        ago(peer.memory.met_at, now),
        moved(last) if last else "-",
    ]


def ago(when: datetime | None, now: datetime) -> str:
    """Return how long ago that was."""
    return f"{span(max(now - when, timedelta()))} ago" if when else "never"


def moved(result: SyncResult) -> str:
    """Return what a sync moved, in few words."""
    if result.error and not (result.pulled or result.pushed):
        return "failed"
    parts = [f"{result.pulled:,} in" if result.pulled else "", f"{result.pushed:,} out" if result.pushed else ""]
    return " ".join(part for part in parts if part) or "nothing new"


def trouble(peer: PeerStatus) -> list[str]:
    """Return sentences about everything that keeps a peer from being in step."""
    memory, last = peer.memory, peer.memory.last
    if peer.connection == "paused":
        return [f"Paused. Go on with: syncdeck peers resume {safe(peer.name)}"]
    sentences = [safe(memory.error)] if memory.error else []
    if memory.failures > 1:
        sentences.append(f"That was attempt {memory.failures:,} in a row.")
    if last is not None:
        sentences += [safe(refusal.sentence) for refusal in last.refusals]
        sentences += [safe(last.recovered)] if last.recovered else []
    return sentences


def details(peer: PeerStatus, mine: Vector, now: datetime) -> Iterator[str]:
    """Yield everything known of one peer, its vector beside ours."""
    memory, last = peer.memory, peer.memory.last
    yield f"{safe(peer.name)}  {safe(peer.url)}"
    rows = [
        ("node", safe(memory.node) or "not met yet"),
        ("writes as", safe(memory.origin) or "-"),
        ("direction", peer.direction.value),
        (
            "link",
            f"{peer.connection.value}, last met {ago(memory.met_at, now)}, last tried {ago(memory.tried_at, now)}",
        ),
        (
            "to push",
            f"{peer.to_push:,} events" + (f", the oldest {_age(peer.lag_seconds)} old" if peer.to_push else ""),
        ),
        ("to pull", f"{peer.to_pull:,} events, as far as it said"),
        ("last sync", f"{moment(last.ended_at)}: {outcome(last)}" if last else "-"),
    ]
    for title, words in rows:
        yield from indented([words], f"  {title:<11}", " " * 13)
    yield from indented(trouble(peer), "  trouble    ", " " * 13)
    origins = sorted({*mine, *memory.vector})
    if origins and memory.met_at:
        cells = [[safe(origin), f"{mine.get(origin, 0):,}", f"{memory.vector.get(origin, 0):,}"] for origin in origins]
        yield ""
        yield from (f"  {line}" for line in table(["ORIGIN", "HERE", "THERE"], cells))


def _age(seconds: float | None) -> str:
    return span(timedelta(seconds=seconds or 0))


def outcome(result: SyncResult) -> str:
    """Return what a sync came to, in a sentence without its trouble."""
    parts = [f"{count(result.pulled, 'event')} pulled", f"{result.pushed:,} pushed"]
    if result.conflicts:
        parts.append(f"{count(result.conflicts, 'aggregate')} edited on both sides")
    if result.refusals:
        parts.append(f"{count(len(result.refusals), 'origin')} left out")
    words = ", ".join(parts) if result.pulled or result.pushed or result.refusals else ""
    if result.error:
        return f"ended early; {words}" if words else "nothing was exchanged"
    return words or "nothing new on either side"


def synced(result: SyncResult) -> Iterator[str]:
    """Yield what a sync came to, and what it left undone."""
    took = (result.ended_at - result.started_at).total_seconds()
    yield f"{safe(result.peer)}: {outcome(result)} ({took:.1f} s)."
    sentences = [result.recovered, result.error, *(refusal.sentence for refusal in result.refusals)]
    if result.error_kind in ("unavailable", "refused"):
        sentences.append(f"Step by step: syncdeck peers test {result.peer}")
    yield from indented([safe(sentence) for sentence in sentences if sentence], "  ")


def compared(found: Comparison) -> Iterator[str]:
    """Yield a comparison: vectors, chains, states, in the order in which they were looked at."""
    peer = safe(found.peer)
    if found.order == "equal":
        yield "vectors  equal: both know the same events."
        records = found.records_here + found.records_there
        if records:
            yield from indented([f"(Beside {count(records, 'record')} of what nodes did, for the next sync.)"], " " * 9)
    else:
        words = (
            f"{found.lacking_here:,} events are at {peer} and not here, {found.lacking_there:,} are here and not there."
        )
        yield from indented([words, f"Bring both in step first: syncdeck peers sync {peer}"], "vectors  ", " " * 9)
    if found.forks:
        parts = [f"{safe(origin)} from {seq:,} on" for origin, seq in sorted(found.forks.items())]
        words = f"the histories part: {', '.join(parts)}. One side was restored from a backup, or its file was copied."
        yield from indented([words], "chains   ", " " * 9)
    else:
        yield "chains   equal: as far as both know them, the histories are the same."
    yield from _states(found)


def _states(found: Comparison) -> Iterator[str]:
    if found.states_equal:
        every = "what was looked at" if found.note else "every aggregate"
        yield from indented([f"equal: {every} has the same state on both sides.", found.note], "states   ", " " * 9)
    elif found.states_equal is None:
        yield from indented([found.note or "not compared: vectors or chains differ."], "states   ", " " * 9)
    else:
        yield f"states   {count(len(found.differing), 'aggregate differs', 'aggregates differ')}:"
        for each in found.differing[:MOST_DIFFERING]:
            sides = f"here {each.here[:12] or 'none'}  there {each.there[:12] or 'none'}"
            yield f"         {safe(each.aggregate_id)}  {sides}"
        if len(found.differing) > MOST_DIFFERING:
            yield f"         … and {len(found.differing) - MOST_DIFFERING:,} more (--json lists all)"
        words = (
            "The histories are the same, so what is stored of them is not: run syncdeck events verify on both nodes."
        )
        yield from indented(filter(None, [found.note, words]), " " * 9)


def indented(sentences: Iterable[str], first: str, then: str = "    ") -> Iterator[str]:
    """Yield sentences as one paragraph that fits the width."""
    text = " ".join(sentences)
    if text:
        yield from wrap(text, WIDTH, initial_indent=first, subsequent_indent=then, break_on_hyphens=False)
