"""Export and import: the same exchange as with a peer, with a file in between.

An export is what somebody would pull who has nothing yet; an import pushes it in, through the same admission. So it may
be repeated, stopped and begun again, and what was changed in the file is refused.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping

import msgspec

from engine.errors import EventRefused, ReplicationRefused
from engine.events.event import Origin
from engine.events.replicating.messages import Batch, Item, Limits, Receipt, Refusal, Selection, Skip
from engine.events.replicating.ndjson import from_line, to_line
from engine.events.replicating.ports import Replica

BATCH = 2_000
"""Lines that are kept in one transaction."""

MOST_BATCH_BYTES = 8 * 1024 * 1024


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did."""

    lines: int = 0
    """That were looked at; of the last batch of a refused import also those after the refused line."""
    events: int = 0
    """That were new."""
    conflicts: int = 0
    """Aggregates that became contested."""


async def export(replica: Replica, wanted: Selection) -> AsyncIterator[bytes]:
    """Yield lines of all that is held, causes before effects; marks stand for what is not wanted."""
    vector: dict[Origin, int] = {}
    more = True
    while more:
        batch = await replica.lacking(vector, Limits(), wanted)
        for part in batch.items:
            yield to_line(part)
            vector[part.origin] = part.seq if isinstance(part, Item) else part.last
        more = batch.more and bool(batch.items)


async def import_lines(replica: Replica, lines: Iterable[bytes], first: int = 1) -> AsyncIterator[Imported]:
    """Store what the lines say, batch by batch; yield what was done so far after each.

    `first` is the number of the first line in its file. Raises `EventRefused` with the number of the line that cannot
    be taken: all before it in the file is stored, and nothing that comes more than a batch after it.
    """
    done = Imported()
    numbered = ((number, line) for number, line in enumerate(lines, start=first) if line.strip())
    while True:
        batch, fault = _next_batch(numbered)
        if batch:
            receipt, refused = await _receive(replica, batch)
            fault = refused or fault
            done = Imported(
                lines=done.lines + len(batch),
                events=done.events + receipt.taken,
                conflicts=done.conflicts + receipt.conflicts,
            )
            yield done
        if fault:
            raise EventRefused(fault)
        if not batch:
            return


def _next_batch(numbered: Iterator[tuple[int, bytes]]) -> tuple[dict[int, Item | Skip], str]:
    """Return the next lines by their numbers, and why the one after them cannot be read."""
    batch: dict[int, Item | Skip] = {}
    size = 0
    for number, line in numbered:
        try:
            batch[number] = from_line(line)
        except EventRefused as error:
            return batch, f"Line {number} cannot be read: {error}"
        size += len(line)
        if len(batch) == BATCH or size > MOST_BATCH_BYTES:
            break
    return batch, ""


async def _receive(replica: Replica, batch: Mapping[int, Item | Skip]) -> tuple[Receipt, str]:
    """Return what was taken, and why a line was not."""
    try:
        receipt = await replica.receive(Batch(items=tuple(batch.values())))
    except ReplicationRefused as error:
        if len(batch) > 1:
            return await _receive_one_by_one(replica, batch)
        return Receipt(vector={}), f"Line {min(batch)} was not taken: {error}"
    for refusal in receipt.refusals:
        return receipt, f"Line {_line_of(refusal, batch)} was not taken: {refusal.sentence}"
    return receipt, ""


async def _receive_one_by_one(replica: Replica, batch: Mapping[int, Item | Skip]) -> tuple[Receipt, str]:
    """Find the line for which a whole batch was refused."""
    taken = conflicts = 0
    fault = ""
    for number, part in batch.items():
        receipt, fault = await _receive(replica, {number: part})
        taken, conflicts = taken + receipt.taken, conflicts + receipt.conflicts
        if fault:
            break
    return Receipt(vector={}, taken=taken, conflicts=conflicts), fault


def _line_of(refusal: Refusal, batch: Mapping[int, Item | Skip]) -> int:
    for number, part in batch.items():
        first, last = (part.seq, part.seq) if isinstance(part, Item) else (part.first, part.last)
        if part.origin == refusal.origin and first <= refusal.seq <= last:
            return number
    return min(batch)
