"""Items of a REST list as records: where the key, the id and the attributes stand, and what has no key. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adapters.endpoints.rest_calls import ListCall
from adapters.endpoints.values import as_value
from adapters.paging import PageStyle, found
from engine.errors import IncompleteRead
from engine.reconcile.records import Batch, Carried, RecordKey, Value, fold, text_of

KINDS = {"bot", "guest", "group"}


class ItemReader:
    """Turns the pages of one read into batches, and remembers who is only invited so far."""

    def __init__(self, name: str, listing: ListCall) -> None:
        self.invited: set[RecordKey] = set()
        self._name = name
        self._listing = listing
        self._names = tuple(listing.attributes)
        self._numbered = listing.page.style in {PageStyle.PAGE, PageStyle.OFFSET}
        self._seen: set[str] = set()

    def batch(self, items: Sequence[Any], proof: str) -> Batch:
        """Return a page as a batch. Raises `IncompleteRead` when numbered pages shifted while they were read."""
        spellings: list[str] = []
        rows: list[tuple[Value, ...]] = []
        ids: list[str] = []
        carried: list[Carried] = []
        before = frozenset(self._seen)
        for item in items:
            spelling = self._text(self._listing.key, item)
            native_id = self._text(self._listing.id, item) if self._listing.id else ""
            self._note(native_id or spelling, before)
            pending = bool(self._listing.pending and found(self._listing.pending, item))
            if pending or not spelling.strip():
                carried.append(self._carried(item, spelling, native_id, pending=pending))
                continue
            spellings.append(spelling)
            ids.append(native_id)
            if self._names:
                rows.append(tuple(self._value(name, item) for name in self._names))
        return Batch(
            spellings=spellings,
            names=self._names,
            rows=rows,
            native_ids=ids if self._listing.id else (),
            carried=carried,
            proof=proof,
        )

    def _note(self, identity: str, before: frozenset[str]) -> None:
        if self._numbered and identity and identity in before:
            raise IncompleteRead(
                f"{self._name}: {identity} stands on two pages: the list moved while it was read, and somebody may be "
                "missing from it. Nothing may be concluded from this read; try again."
            )
        self._seen.add(identity)

    def _carried(self, item: Any, spelling: str, native_id: str, *, pending: bool) -> Carried:
        if pending and spelling:
            self.invited.add(fold(spelling))
        kind = self._text(self._listing.kind, item).lower() if self._listing.kind else ""
        label = self._text(self._listing.label, item) if self._listing.label else ""
        return Carried(
            label=label or spelling or native_id or text_of(as_value(item, where=self._name)),
            kind="pending" if pending else kind if kind in KINDS else "unresolved",
            native_id=native_id,
        )

    def _value(self, name: str, item: Any) -> Value:
        return as_value(found(self._listing.attributes[name], item), where=f"{self._name}: {name}")

    def _text(self, expression: str, item: Any) -> str:
        value = found(expression, item)
        return text_of(value) if isinstance(value, str | int | float | bool | None) else ""
