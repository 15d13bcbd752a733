"""What every reading must keep to: equal names, equal lengths, nothing after the proof, and a proof. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from engine.errors import IncompleteRead
from engine.reconcile.records import Batch, Carried


class Reading:
    """Checks the batches of one read as they come. `adapter` is named in the errors."""

    def __init__(self, adapter: str) -> None:
        self.adapter = adapter
        self.names: tuple[str, ...] = ()
        self.carried: list[Carried] = []
        self.proof = ""
        self._any = False

    def take(self, batch: Batch) -> None:
        """Check one batch and keep its carried members. Raises `IncompleteRead`."""
        if self.proof:
            raise IncompleteRead(f"{self.adapter} sent more records after it said that it was complete ({self.proof}).")
        count = len(batch.spellings)
        if (batch.names and len(batch.rows) != count) or (batch.native_ids and len(batch.native_ids) != count):
            raise IncompleteRead(
                f"{self.adapter} sent {count} keys with {len(batch.rows)} rows and {len(batch.native_ids)} native ids; "
                "which belongs to which cannot be told."
            )
        if count and self._any and batch.names != self.names:
            raise IncompleteRead(
                f"{self.adapter} changed its fields while it was read, from ({', '.join(self.names)}) to "
                f"({', '.join(batch.names)}). Read again."
            )
        if count and not self._any:
            self.names, self._any = batch.names, True
        self.carried.extend(batch.carried)
        self.proof = batch.proof

    def complete(self) -> str:
        """Return the proof. Raises `IncompleteRead` when there is none."""
        if not self.proof:
            raise IncompleteRead(
                f"Reading {self.adapter} ended without proof that nothing was left out; nothing is concluded from it."
            )
        return self.proof

    def carried_in_order(self, others: Iterable[Carried] = ()) -> tuple[Carried, ...]:
        """Return who is carried, and these others, in canonical order."""
        return tuple(sorted([*self.carried, *others], key=lambda one: (one.kind, one.label, one.native_id)))
