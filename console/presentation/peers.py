"""Peers as text: this node's own lines, and one line a peer with what is wrong under it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from console.presentation.ages import age, count, duration, in_one_unit, roughly
from console.presentation.peer_words import advice, got
from console.presentation.spans import Line, Span, cell, clean, fit, joined, wrap
from engine.events.event import node_of

if TYPE_CHECKING:
    from engine.events.replicating.messages import Identity
    from engine.events.replicating.standing import PeerStatus, SyncResult
    from engine.events.vector import Vector
    from engine.settings.replication import PeerSettings

STALE = timedelta(seconds=30)
STATE, WAY, NUMBER, LAG = 12, 5, 9, 6
NAME = (10, 28)
WIDE = 110
MOST_PROBLEM_LINES = 3

CONNECTION: dict[str, Span] = {
    "connected": Span("● connected", "ok"),
    "never": Span("○ never met", "dim"),
    "paused": Span("‖ paused", "dim"),
    "lost": Span("✗ lost", "warn"),
    "refused": Span("⊘ refused", "error"),
}
"""Glyph, word and role of every `Connection`, from the best to the worst; the word alone says it all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ourselves:
    """This node among the others."""

    identity: Identity
    vector: Vector
    """Of every origin, how many events are known here."""
    as_of: datetime


def own_lines(
    ourselves: Ourselves, peers: Sequence[PeerStatus], settings: Mapping[str, PeerSettings], now: datetime, width: int
) -> list[Line]:
    """Return who this node is, what it knows, and whether anybody syncs by himself on this workspace."""
    nodes = {node_of(origin) for origin in ourselves.vector} | {ourselves.identity.node}
    stale = now - ourselves.as_of > STALE
    known = f"knows {count(sum(ourselves.vector.values()), 'event')} of {count(len(nodes), 'node')}"
    first = joined(
        [
            (Span(clean(ourselves.identity.node), "strong"), Span(f"  {clean(ourselves.identity.origin)}", "dim")),
            (Span(known),),
            (Span(f"as of {age(ourselves.as_of, now)}", "warn" if stale else "dim"),),
        ],
        "   ",
    )
    return [fit(first, width), fit(_automatic(peers, settings, now), width)]


def _automatic(peers: Sequence[PeerStatus], settings: Mapping[str, PeerSettings], now: datetime) -> Line:
    """Tell from what all processes share whether somebody keeps at it: rounds no older than they should be."""
    due = [each for each in peers if each.name in settings and settings[each.name].every and not each.memory.paused]
    if not due:
        return (Span("○ no peer is synced by itself: ", "dim"), Span("s", "accent"), Span(" syncs one now", "dim"))
    tried = [each.memory.tried_at for each in due if each.memory.tried_at is not None]
    latest = max(tried, default=None)
    if any(each.next_at is not None for each in due):
        return (Span("▶ automatic sync runs in this process", "ok"),)
    if latest is None:
        return (Span("‖ nobody syncs by itself yet: start ", "warn"), Span("syncdeck serve", "accent"))
    longest = max(each.every or timedelta() for each in settings.values())
    if now - latest <= 2 * longest + timedelta(seconds=10):
        return (Span("✓ in time", "ok"), Span(f", last sync of any peer {age(latest, now)}", "dim"))
    return (
        Span(f"‖ no sync for {duration(now - latest)}, although every {duration(longest)}", "warn"),
        Span(": start ", "dim"),
        Span("syncdeck serve", "accent"),
    )


@dataclass(frozen=True, slots=True)
class Columns:
    """How wide each part of a line is, from the width there is."""

    name: int
    last: int
    wide: bool

    @classmethod
    def of(cls, width: int, names: Sequence[str]) -> Columns:
        """Return the columns for a width; the last sync takes what is left."""
        name = max(NAME[0], min(max((len(each) for each in names), default=0) + 2, NAME[1], width // 4))
        return cls(name=name, last=max(width - name - STATE - WAY - 2 * NUMBER - LAG, 8), wide=width >= WIDE)


def titles(columns: Columns) -> Line:
    """Return the line above the list."""
    return (
        cell("PEER", columns.name, "dim"),
        cell("STATE", STATE, "dim"),
        cell("WAY", WAY, "dim"),
        cell("TO PUSH ", NUMBER, "dim", right=True),
        cell("TO PULL ", NUMBER, "dim", right=True),
        cell("LAG", LAG, "dim"),
        cell("LAST SYNC", columns.last, "dim"),
    )


def peer_line(peer: PeerStatus, columns: Columns, now: datetime, *, busy: bool = False) -> Line:
    """Return a peer's line; `busy`: a sync with it is under way here."""
    state = CONNECTION[peer.connection]
    met = peer.memory.met_at is not None
    lag = in_one_unit(timedelta(seconds=peer.lag_seconds)) if peer.lag_seconds is not None else "none" if met else "?"
    return (
        cell(clean(peer.name), columns.name, "strong"),
        cell(state.text, STATE, state.role),
        cell(peer.direction.value, WAY, "dim"),
        _amount(peer.to_push, known=met),
        _amount(peer.to_pull, known=met),
        cell(lag, LAG, "warn" if peer.lag_seconds else "dim"),
        *fit((Span("… syncing", "accent"),) if busy else last_line(peer.memory.last, columns, now), columns.last),
    )


def _amount(events: int, *, known: bool) -> Span:
    if not known:
        return cell("? ", NUMBER, "dim", right=True)
    short = f"{events:,}" if events < 1_000_000 else f"{events / 1_000_000:,.1f} M"
    return cell(f"{short} ", NUMBER, "warn" if events else "dim", right=True)


def last_line(last: SyncResult | None, columns: Columns, now: datetime) -> Line:
    """Return how the last sync went, and when."""
    if last is None:
        return (Span("never", "dim"),)
    sign = verdict(last)
    when = (age if columns.wide else roughly)(last.ended_at, now)
    if last.error and not (last.pulled or last.pushed):
        return (sign, Span(f" {when}", "dim"), Span("  failed", "error"))
    return (sign, Span(f" {when}", "dim"), Span(f"  {got(last, short=not columns.wide)}"))


def verdict(result: SyncResult) -> Span:
    """Return the sign of a sync: all done, part of it, nothing."""
    if result.complete:
        return Span("✓", "ok")
    return Span("✗", "error") if result.error else Span("◐", "warn")


def problem_lines(peer: PeerStatus, width: int) -> list[Line]:
    """Return what is wrong with a peer and the way out, in at most three lines: its own screen has it all."""
    lines: list[Line] = []
    for role, sentence in advice(peer):
        sign = {"error": "✗ ", "warn": "! "}.get(role, "  ")
        first, *rest = wrap(sentence, width - 4, "" if role == "error" else "dim")
        lines += [(Span("  "), Span(sign, role), *first), *((Span("    "), *line) for line in rest)]
    if len(lines) <= MOST_PROBLEM_LINES:
        return lines
    return [*lines[: MOST_PROBLEM_LINES - 1], (Span("    … "), Span("enter", "accent"), Span(" shows it all", "dim"))]


def lag_words(peer: PeerStatus) -> str:
    """Return what has still to go over the wire, as a clause."""
    if peer.memory.met_at is None:
        return "not met yet: what each side lacks is not known"
    parts = []
    if peer.to_push:
        oldest = f" (the oldest {duration(timedelta(seconds=peer.lag_seconds))} old)" if peer.lag_seconds else ""
        parts.append(f"{peer.to_push:,} to push{oldest}")
    if peer.to_pull:
        parts.append(f"{peer.to_pull:,} to pull")
    return ", ".join(parts) or "nothing lacks on either side"
