"""Which changes of a plan are taken: one byte each, counted in stretches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from console.presentation.changes import Contents
from engine.reconcile.plan import Change, Plan, item_id


class Ticks:
    """At first everything is taken. Only changes can be; parked and carried records never count."""

    def __init__(self, contents: Contents, taken: bytes = b"") -> None:
        self._contents = contents
        self._changes = bytes(isinstance(entry, Change) for entry in contents.entries)
        self._taken = bytearray(taken or self._changes)
        self.total = self._changes.count(1)

    def kept(self) -> Ticks:
        """Return the ticks as they are now, whatever is done to these later."""
        return Ticks(self._contents, bytes(self._taken))

    def __getitem__(self, item: int) -> bool:
        return bool(self._taken[item])

    def among(self, items: range) -> int:
        """Return how many of a stretch of entries are taken."""
        return self._taken.count(1, items.start, items.stop)

    @property
    def taken(self) -> int:
        return self._taken.count(1)

    @property
    def left_out(self) -> int:
        return self.total - self.taken

    def tick(self, items: Sequence[int], wanted: bool | None = None) -> None:
        """Take items in or out (None: out when all of them are in, else in)."""
        changes, taken = self._changes, self._taken
        now = wanted if wanted is not None else not all(taken[one] for one in items if changes[one])
        for one in items:
            taken[one] = now & changes[one]

    def invert(self, items: Iterable[int]) -> None:
        """Exchange in and out."""
        for one in items:
            self._taken[one] ^= self._changes[one]

    def chosen(self, plan: Plan) -> list[str]:
        """Return the item ids of what is taken."""
        entries = self._contents.entries
        return [
            item_id(target.target, change)
            for number, target in enumerate(plan.targets)
            for one in self._contents.changes_of[number]
            if self._taken[one] and isinstance(change := entries[one], Change)
        ]
