"""Store what a peer sent: checked by `admit`, then one transaction for the events and how far each origin is known."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from engine.errors import ReplicationRefused
from engine.events.chain import BEFORE_FIRST
from engine.events.event import Dot, Origin
from engine.events.merging.resolutions import parse_dot
from engine.events.own import REDACTED, REOPENED
from engine.events.replicating.admission import Admission, AdmissionLimits, Gap, Known, Standing, admit
from engine.events.replicating.messages import Batch, Item, Receipt, Skip, Span
from engine.events.vector import MOST_ORIGINS
from engine.storage.aggregate_heads import AggregateHeads, Head, after
from engine.storage.event_ids import KEEP_ID, is_found_by_time
from engine.storage.event_redaction import GONE, payload_hashes, redact_in
from engine.storage.log_tip import ELSEWHERE, Tip, count_types

_INSERT = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

FILTERED = "filtered"

_CHAIN = "SELECT chain FROM event WHERE origin = ? AND seq = ?"
_CHAIN_OF_SKIP = "SELECT chain FROM event_skip WHERE origin = ? AND last = ?"
_SKIP_AROUND = """
    SELECT first, last, chain FROM event_skip WHERE origin = ? AND first <= ? ORDER BY first DESC LIMIT 1
"""
_NOTE_GAPS = "INSERT INTO meta VALUES ('gaps', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
_DROP_SKIP = "DELETE FROM event_skip WHERE origin = ? AND first = ? RETURNING why"
_LENGTHEN_SKIP = "UPDATE event_skip SET last = ?, chain = ? WHERE origin = ? AND last = ? AND why = ?"
_KEEP_SKIP = "INSERT INTO event_skip VALUES (?, ?, ?, ?, ?)"


class KnownHere(Known):
    """The log under the write lock, as admission asks for it."""

    def __init__(self, connection: sqlite3.Connection, tip: Tip, own: Origin) -> None:
        self._connection = connection
        self._tip = tip
        self._own = own

    @property
    def origin(self) -> Origin:
        return self._own

    def standing(self, origin: Origin) -> Standing | None:
        known = self._tip.origins.get(origin)
        return Standing(known.seq, known.chain, known.stamp) if known else None

    def chain(self, dot: Dot) -> bytes:
        known = self._tip.origins.get(dot.origin)
        if known is None:
            return b""
        for sql in (_CHAIN, _CHAIN_OF_SKIP):
            row = self._connection.execute(sql, (known.number, dot.seq)).fetchone()
            if row is not None:
                return bytes(row[0])
        return b""

    def gap(self, dot: Dot) -> Gap | None:
        known = self._tip.origins.get(dot.origin)
        row = known and self._connection.execute(_SKIP_AROUND, (known.number, dot.seq)).fetchone()
        if not row or row[1] < dot.seq:
            return None
        first, last, chain = row
        before = BEFORE_FIRST if first == 1 else self.chain(Dot(dot.origin, first - 1))
        return Gap(first, last, before, chain) if before else None


class Receiving:
    """One batch on its way into the log, in the writer's thread."""

    def __init__(self, connection: sqlite3.Connection, tip: Tip, own: Origin) -> None:
        self._connection = connection
        self._tip = tip
        self._own = own

    def receive(self, batch: Batch, now_ms: int, limits: AdmissionLimits) -> Receipt:
        """Check and store. Raises `ReplicationRefused`, before anything is stored."""
        admission = admit(batch, KnownHere(self._connection, self._tip, self._own), now_ms, limits)
        self._number(admission)
        was = {span: self._drop(span) for span in admission.closed}
        items = [part for part in admission.taken if isinstance(part, Item)]
        self._keep_items(items)
        skips = [part for part in admission.taken if isinstance(part, Skip)]
        self._keep_skips(skips, was)
        if skips or was:
            self._connection.execute(_NOTE_GAPS, (os.urandom(8).hex(),))  # another digest than any before
        for origin, standing in admission.heads.items():
            known = self._tip.origins[origin]
            known.seq, known.chain, known.stamp = standing.seq, standing.chain, standing.hlc
        self._heed(items)
        conflicts = self._tip.aggregates.save(self._connection)
        return Receipt(
            vector={known.name: known.seq for known in self._tip.origins.values() if known.seq},
            taken=admission.events,
            conflicts=conflicts,
            refusals=admission.refusals,
        )

    def _number(self, admission: Admission) -> None:
        """Give the origins that are new here their numbers."""
        new = [origin for origin in admission.heads if origin not in self._tip.origins]
        if new and len(self._tip.origins) + len(new) > MOST_ORIGINS:
            raise ReplicationRefused(
                f"The peer sends events of {len(new):,} origins that are new here, besides {len(self._tip.origins):,} "
                f"known ones; at most {MOST_ORIGINS:,} are taken. Ask who runs the peer why there are so many.",
                kind="too_large",
            )
        for origin in new:
            self._tip.add_origin(self._connection, origin, ELSEWHERE)

    def _keep_items(self, items: Sequence[Item]) -> None:
        if not items:
            return
        tip = self._tip
        types = count_types(self._connection, [item.type for item in items])
        numbers = {origin: known.number for origin, known in tip.origins.items()}
        rows = [
            (position, item.id, types[item.type], item.aggregate, item.data, item.metadata,
             numbers[item.origin], item.seq, item.context, item.hlc, item.chain, None)
            if not item.hashes
            else (position, item.id, types[item.type], item.aggregate, GONE, GONE,
                  numbers[item.origin], item.seq, item.context, item.hlc, item.chain, item.hashes)
            for position, item in enumerate(items, start=tip.position + 1)
        ]  # fmt: skip
        note_heads(self._connection, tip.aggregates, items, tip.position + 1)
        self._connection.executemany(_INSERT, self._without_redacted(rows, items))
        given = [(item.id, row[0]) for item, row in zip(items, rows, strict=True)
                 if not is_found_by_time(item.id, item.hlc)]  # fmt: skip
        if given:
            self._connection.executemany(KEEP_ID, given)
        tip.position += len(rows)
        tip.stamp = max(tip.stamp, *[item.hlc for item in items])

    def _without_redacted(self, rows: list[tuple[Any, ...]], items: Sequence[Item]) -> list[tuple[Any, ...]]:
        """Take out payloads that were redacted before they came."""
        (some,) = self._connection.execute("SELECT EXISTS (SELECT 1 FROM redaction)").fetchone()
        if not some:
            return rows
        for place, item in enumerate(items):
            redacted = self._connection.execute(
                "SELECT 1 FROM redaction WHERE origin = ? AND seq = ?", (item.origin, item.seq)
            ).fetchone()
            if redacted and not item.hashes:
                hashes = payload_hashes(item.data, item.metadata)
                rows[place] = (*rows[place][:4], GONE, GONE, *rows[place][6:11], hashes)
        return rows

    def _heed(self, items: Iterable[Item]) -> None:
        """Do what redactions and undone resolutions among these events say."""
        for item in items:
            if item.type == REOPENED:
                self._tip.aggregates.touch(self._connection, [item.aggregate])
            elif item.type == REDACTED and (dot := parse_dot(item.aggregate.removeprefix("event:"))):
                position = redact_in(self._connection, dot)
                if position is not None:
                    sql = "SELECT aggregate FROM event WHERE position = ?"
                    aggregate = self._connection.execute(sql, (position,)).fetchone()
                    self._tip.aggregates.touch(self._connection, aggregate)

    def _drop(self, span: Span) -> str:
        """Forget a gap; return why there was one."""
        values = (self._tip.origins[span.origin].number, span.first)
        ((why,),) = self._connection.execute(_DROP_SKIP, values).fetchall()
        return str(why)

    def _keep_skips(self, skips: Iterable[Skip], was: Mapping[Span, str]) -> None:
        """Keep what was left out; what goes on where an earlier one ended becomes one with it. What is left of a
        compacted span stays so."""
        others = [(span, why) for span, why in was.items() if why != FILTERED]
        for skip in skips:
            number = self._tip.origins[skip.origin].number
            whys = (why for span, why in others if span.origin == skip.origin and span.first <= skip.first <= span.last)
            why = next(whys, FILTERED)
            values = (skip.last, skip.chain, number, skip.first - 1, why)
            if not self._connection.execute(_LENGTHEN_SKIP, values).rowcount:
                self._connection.execute(_KEEP_SKIP, (number, skip.first, skip.last, skip.chain, why))


def note_heads(connection: sqlite3.Connection, aggregates: AggregateHeads, items: Sequence[Item], first: int) -> None:
    """Note what is known of each aggregate after these events, which get positions from `first` on."""
    contexts, heads = aggregates.contexts, aggregates.heads
    newest: dict[str, int] = {}
    for place, item in enumerate(items):
        about = item.aggregate
        known = contexts.get(about) or aggregates.known(connection, about)
        if item.context == known and about not in heads:
            contexts[about] = after(known, item.origin, item.seq)
        else:
            before = newest.get(about)
            aggregates.arrived(
                connection,
                about,
                Head(first + place, item.origin, item.seq),
                item.context,
                None if before is None else Head(first + before, items[before].origin, items[before].seq),
            )
        newest[about] = place
