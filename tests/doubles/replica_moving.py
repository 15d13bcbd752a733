"""What moves to another incarnation of a node in memory: everything that names a moved event names its new dot."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from engine.events.chain import canonical
from engine.events.event import Dot, Origin
from engine.events.merging.resolutions import parse_dot
from engine.events.own import REDACTED, REOPENED, RESOLVED
from engine.events.replicating.messages import Item


@dataclass(frozen=True, slots=True)
class Moving:
    """The move of these seqs, ascending, from one origin to the beginning of another."""

    old: Origin
    new: Origin
    seqs: Sequence[int]

    def dot(self, dot: Dot) -> Dot:
        """Return where an event stands after the move."""
        if dot.origin != self.old or not self.seqs or dot.seq < self.seqs[0]:
            return dot
        return Dot(self.new, bisect_right(self.seqs, dot.seq))

    def item(self, item: Item, kept: Iterable[int]) -> Item:
        """Return an event as it is after the move, its own dot and chain left out; `kept` are the seqs of its
        aggregate that stay with the old origin."""
        if item.type == REDACTED:
            item = msgspec.structs.replace(item, aggregate=self._text(item.aggregate, "event:"))
        if item.type in (RESOLVED, REOPENED) and not item.hashes:
            links = msgspec.json.decode(item.metadata)
            if isinstance(links.get("undoes"), str):
                links["undoes"] = self._text(links["undoes"])
            if isinstance(links.get("settles"), list):
                links["settles"] = [self._text(each) for each in links["settles"]]
            item = msgspec.structs.replace(item, metadata=canonical(links).decode())
        return msgspec.structs.replace(item, origin=self.new, context=self._context(item.context, kept))

    def _context(self, context: str, kept: Iterable[int]) -> str:
        known: dict[Origin, int] = msgspec.json.decode(context)
        moved = self.dot(Dot(self.old, known.get(self.old, 0)))
        if moved.origin == self.old:
            return context
        del known[self.old]
        known[self.new] = moved.seq
        if staying := [seq for seq in kept if seq < self.seqs[0]]:
            known[self.old] = max(staying)
        return canonical(known).decode()

    def _text(self, text: str, prefix: str = "") -> str:
        dot = parse_dot(text.removeprefix(prefix))
        return text if dot is None else f"{prefix}{self.dot(dot)}"
