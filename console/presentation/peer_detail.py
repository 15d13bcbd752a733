"""One peer as text: facts on top, both vectors side by side, what happened with it, a test of the way to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from console.presentation.ages import TimeStyle, age, duration
from console.presentation.event_sentences import told
from console.presentation.events import time_cell
from console.presentation.peer_words import advice, got
from console.presentation.peers import CONNECTION, lag_words, verdict
from console.presentation.spans import Line, Span, cell, clean, fit, joined, wrap
from engine.events.event import node_of

if TYPE_CHECKING:
    from engine.events.event import Event, Origin
    from engine.events.replicating.standing import PeerStatus
    from engine.events.vector import Vector
    from engine.settings.replication import PeerSettings

WAYS = {"both": "events go both ways", "push": "events only go there", "pull": "events only come here"}
NUMBER = 11
DIFFERENCE = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginRow:
    """How far one origin is known here and there; `there` is None for a peer that was never met."""

    origin: str
    here: int
    there: int | None
    note: str = ""
    """Who it is: this node, the peer, or one of the two in an earlier incarnation."""
    direction: str = "both"


def rows_of(own: Origin, vector: Vector, peer: PeerStatus) -> list[OriginRow]:
    """Return a row for every origin that either side knows: this node's first, the peer's next, then the others."""
    met = peer.memory.met_at is not None
    theirs = peer.memory.origin
    notes = {own: "this node", theirs: clean(peer.name)}

    def place(origin: Origin) -> tuple[int, str]:
        return (0 if origin == own else 1 if origin == theirs else 2), origin

    origins = sorted({own, *vector, *peer.memory.vector}, key=place)
    return [
        OriginRow(
            origin=origin,
            here=vector.get(origin, 0),
            there=peer.memory.vector.get(origin, 0) if met else None,
            note=notes.get(origin) or _earlier(origin, own, theirs),
            direction=peer.direction.value,
        )
        for origin in origins
    ]


def _earlier(origin: str, own: str, theirs: str) -> str:
    known = {node_of(own), node_of(theirs)} - {""}
    return "earlier incarnation" if node_of(origin) in known else ""


def row_titles(width: int) -> Line:
    """Return the line above the vectors."""
    return (
        cell("ORIGIN", _origin_room(width), "dim"),
        cell("HERE", NUMBER, "dim", right=True),
        cell("THERE", NUMBER, "dim", right=True),
        cell("  DIFFERENCE", DIFFERENCE, "dim"),
    )


def origin_line(row: OriginRow, width: int) -> Line:
    """Return one origin on both sides."""
    room = _origin_room(width)
    name = (Span(clean(row.origin), "strong"), Span(f"  {row.note}" if row.note else "", "dim"))
    shown = fit(name, room - 1)
    there = "?" if row.there is None else f"{row.there:,}"
    return (
        *shown,
        cell("", room - sum(len(span.text) for span in shown)),
        cell(f"{row.here:,}", NUMBER, right=True),
        cell(there, NUMBER, "dim" if row.there is None else "", right=True),
        Span("  "),
        *_difference(row),
    )


def _origin_room(width: int) -> int:
    return max(width - 2 * NUMBER - DIFFERENCE, 16)


def _difference(row: OriginRow) -> Line:
    if row.there is None:
        return (Span("not known", "dim"),)
    more = abs(row.here - row.there)
    if row.here > row.there:
        return (Span(f"{more:,} stay here", "dim") if row.direction == "pull" else Span(f"{more:,} to push", "warn"),)
    if row.there > row.here:
        return (Span(f"{more:,} stay there", "dim") if row.direction == "push" else Span(f"{more:,} to pull", "warn"),)
    return (Span("✓ equal", "ok"),)


def facts(peer: PeerStatus, settings: PeerSettings | None, now: datetime, width: int, *, busy: str = "") -> list[Line]:
    """Return what stands on top of a peer's screen: its state, the way, what lacks, and what to do."""
    state = (Span("… " + busy, "accent"),) if busy else (CONNECTION[peer.connection],)
    lines = [
        fit(joined([state, (Span(WAYS[peer.direction.value]),), (Span(clean(peer.url), "dim"),)], "   "), width),
        fit(joined([(Span(lag_words(peer)),), _met(peer, now), _rhythm(peer, settings, now)]), width),
    ]
    for role, sentence in advice(peer):
        sign = {"error": "✗ ", "warn": "! "}.get(role, "  ")
        first, *rest = wrap(sentence, width - 2, "" if role == "error" else "dim")
        lines += [(Span(sign, role), *first), *((Span("  "), *line) for line in rest)]
    return lines


def _met(peer: PeerStatus, now: datetime) -> Line:
    met = peer.memory.met_at
    return (Span(f"met {age(met, now)}", "dim"),) if met is not None else ()


def _rhythm(peer: PeerStatus, settings: PeerSettings | None, now: datetime) -> Line:
    if settings is None or settings.every is None:
        return (Span("by hand", "dim"),)
    if peer.next_at is not None:
        return (Span("due now" if peer.next_at <= now else f"next {age(peer.next_at, now)}", "dim"),)
    return (Span(f"every {duration(settings.every)}", "dim"),)


def history_lines(peer: PeerStatus, events: Sequence[Event], now: datetime, width: int) -> list[Line]:
    """Return what happened with this peer, newest first: the last result in full, then what the log kept."""
    lines: list[Line] = [(Span("LAST SYNC", "dim"),), *_last(peer, now, width), ()]
    lines.append((Span("BEFORE" if events else "Nothing else is kept of it.", "dim"),))
    return [*lines, *(_happened(event, now, width) for event in events)]


def _last(peer: PeerStatus, now: datetime, width: int) -> list[Line]:
    last = peer.memory.last
    if last is None:
        return [(Span("There was none yet.", "dim"),)]
    took = last.ended_at - last.started_at
    milliseconds = took.total_seconds() * 1_000
    length = f"{milliseconds:,.0f} ms" if milliseconds < 10_000 else duration(took)
    repeated = f", {last.attempts:,} calls" if last.attempts > 1 else ""
    head = (verdict(last), Span(f" {age(last.ended_at, now)}"), Span(f"  took {length}{repeated}", "dim"))
    lines: list[Line] = [fit(head, width), (Span(f"  {got(last)}"),)]
    return lines + [(Span("  "), *line) for line in (wrap(last.error, width - 2, "error") if last.error else ())]


def _happened(event: Event, now: datetime, width: int) -> Line:
    when = time_cell(event.milliseconds, TimeStyle.LOCAL, now)
    return fit((cell(when, 13, "dim"), Span(told(event))), width)


Step = tuple[str, bool, str]
"""Of a connection test: what was tried, whether it went well, and the sentence."""


def step_lines(steps: Sequence[Step], width: int) -> list[Line]:
    """Return a connection test: the verdict, then its steps."""
    passed = bool(steps) and all(ok for _, ok, _ in steps)
    lines: list[Line] = [(), (Span("✓ The way is open", "ok") if passed else Span("✗ The way is not open", "error"),)]
    for name, ok, sentence in steps:
        head = (Span("✓ " if ok else "✗ ", "ok" if ok else "error"), cell(clean(name), 11), Span(" "))
        first, *rest = wrap(sentence, max(width - 14, 20), "" if ok else "error")
        lines += [(*head, *first), *((Span(" " * 14), *line) for line in rest)]
    return lines


def testing_lines() -> list[Line]:
    """Return what is shown while a test is under way."""
    return [
        (),
        (Span("… testing: address, encryption, token, protocol, histories", "accent"),),
        (Span("esc", "accent"), Span(" stops it; nothing is exchanged", "dim")),
    ]


def invitation(width: int) -> list[Line]:
    """Return what a test would do, before there was one."""
    return [(), *wrap("t tests the way to the peer step by step. No event is exchanged.", width, "dim")]


def known_lines(peer: PeerStatus | None, now: datetime, width: int) -> list[Line]:
    """Return what stands beside the form of a peer."""
    if peer is None:
        return []
    state = CONNECTION[peer.connection]
    met = f"   met {age(peer.memory.met_at, now)}" if peer.memory.met_at is not None else ""
    return [fit((state, Span(met, "dim")), width), *wrap(lag_words(peer), width, "dim")]
