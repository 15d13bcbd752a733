"""Filling gaps: events that were left out by a filter come later, link by link between two chains that are known."""

from __future__ import annotations

import msgspec

from engine.events.event import Origin
from engine.events.replicating.messages import Item, Skip, Span


class Gap(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Events `first` to `last` of an origin that were left out. `before` is the chain at `first` - 1, `chain` that at
    `last`."""

    first: int
    last: int
    before: bytes
    chain: bytes


class Refill:
    """What came for one gap: contiguous from its first event on."""

    __slots__ = ("_parts", "_spoilt", "chain", "gap", "origin", "seq")

    def __init__(self, origin: Origin, gap: Gap) -> None:
        self.origin = origin
        self.gap = gap
        self.seq = gap.first - 1
        self.chain = gap.before
        self._parts: list[Item | Skip] = []
        self._spoilt = False

    @property
    def span(self) -> Span:
        return Span(self.origin, self.gap.first, self.gap.last)

    @property
    def worthwhile(self) -> bool:
        """Some event came, and all that came fits."""
        return not self._spoilt and any(type(part) is Item for part in self._parts)

    def goes_on_with(self, part: Item | Skip) -> bool:
        """Tell whether this is the next of the gap, and ends within it."""
        first, last = (part.seq, part.seq) if isinstance(part, Item) else (part.first, part.last)
        return first == self.seq + 1 and last <= self.gap.last

    def take(self, part: Item | Skip, chain: bytes) -> str:
        """Keep the next part; `chain` is what its own must be.

        Returns why it does not fit, and then nothing of this gap is taken: `chain_broken` when it does not continue
        what came before it, `fork` when it does, and yet leads to another end than the one known here.
        """
        last = part.seq if isinstance(part, Item) else part.last
        fault = "chain_broken" if part.chain != chain else ""
        if not fault and last == self.gap.last and chain != self.gap.chain:
            fault = "fork"
        self._spoilt = self._spoilt or bool(fault)
        self._parts.append(part)
        self.seq, self.chain = last, chain
        return fault

    def outcome(self) -> list[Item | Skip]:
        """Return what came, and as one `Skip` what is still left out."""
        rest = [Skip(self.origin, self.seq + 1, self.gap.last, self.gap.chain)] if self.seq < self.gap.last else []
        return [*self._parts, *rest]
