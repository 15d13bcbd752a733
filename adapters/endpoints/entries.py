"""Lists of entries, as JSON, YAML and memory hold them: an entry is a plain text, or a mapping with a key field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from adapters.endpoints.document import BATCH_ROWS, Document, label_of
from adapters.endpoints.values import as_value, nearest
from engine.errors import RemoteRefused
from engine.reconcile.records import Batch, Carried, Value, text_of


class Form(StrEnum):
    """How new members are written."""

    AUTO = "auto"
    """As the list's last entry; in an empty list as a mapping if there is a key field, else as a text."""
    TEXT = "text"
    MAPPING = "mapping"


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What the entries of one list look like."""

    where: str
    """The list's name in messages: `lists/eng.yaml, members`."""
    key: str = ""
    form: Form = Form.AUTO

    def spelling(self, entry: object, number: int) -> str | None:
        """Return an entry's key as the list spells it; None when it has none. Raises `RemoteRefused`."""
        if isinstance(entry, Mapping):
            if not self.key:
                raise RemoteRefused(f"{self.where}: entry {number} is a mapping. Name its field in `key`.")
            entry = entry.get(self.key)
        if isinstance(entry, list):
            raise RemoteRefused(f"{self.where}: entry {number} is a list; it should be a text or a mapping.")
        spelling = text_of(as_value(entry, where=f"{self.where}: entry {number}"))
        return spelling if spelling.strip() else None


def batches_of(entries: Sequence[object], shape: Shape, proof: str) -> Iterator[Batch]:
    """Return the entries as columns: every field that any entry has, in order of appearance; None where one lacks it.

    Raises `RemoteRefused` for entries that are neither text nor mapping, and when no entry has the key field.
    """
    names = _names(entries, shape)
    for start in range(0, len(entries) or 1, BATCH_ROWS):
        chunk = entries[start : start + BATCH_ROWS]
        spellings: list[str] = []
        rows: list[tuple[Value, ...]] = []
        carried: list[Carried] = []
        for number, entry in enumerate(chunk, start=start + 1):
            spelling = shape.spelling(entry, number)
            values = fields_of(entry, shape)
            if spelling is None:
                carried.append(Carried(label=label_of(f"entry {number}", values.items()), kind="unresolved"))
                continue
            spellings.append(spelling)
            if names:
                rows.append(tuple(map(values.get, names)))
        last = start + BATCH_ROWS >= len(entries)
        yield Batch(spellings=spellings, names=names, rows=rows, carried=carried, proof=proof if last else "")


def fields_of(entry: object, shape: Shape) -> dict[str, Value]:
    """Return an entry's fields as attributes; a plain text has only its key."""
    if isinstance(entry, Mapping):
        return {str(name): as_value(value, where=f"{shape.where}: field {name}") for name, value in entry.items()}
    return {shape.key: text_of(as_value(entry, where=shape.where))} if shape.key else {}


def _names(entries: Sequence[object], shape: Shape) -> tuple[str, ...]:
    mappings = [entry for entry in entries if isinstance(entry, Mapping)]
    names = dict.fromkeys(str(name) for entry in mappings for name in entry)
    if mappings and shape.key and shape.key not in names:
        raise RemoteRefused(f"{shape.where}: no entry has the key field {shape.key!r}. {nearest(shape.key, names)}")
    if shape.key:
        names.setdefault(shape.key)
    return tuple(names)


class Entries(Document):
    """A list of entries as it is edited: `items` as they should be, and what became of which place."""

    def __init__(self, items: Sequence[Any], shape: Shape) -> None:
        self.items: list[Any] = list(items)
        self.shape = shape
        self.before = len(self.items)
        """Places from here on are new."""
        self.dropped: set[int] = set()
        self.changed: dict[int, dict[str, Value] | None] = {}
        """Places whose entry differs from before, with the fields that do; None when a plain text gave way."""

    def spellings(self) -> Iterable[str | None]:
        _names(self.items, self.shape)
        return [self.shape.spelling(item, place + 1) for place, item in enumerate(self.items)]

    def values(self, place: int) -> Mapping[str, Value]:
        return fields_of(self.items[place], self.shape)

    def objection(self, spelling: str, attributes: Mapping[str, Value]) -> str:
        if "\0" in spelling or any("\0" in text_of(value) for value in attributes.values()):
            return f"{spelling}: a NUL character cannot be written."
        if attributes and (not self.shape.key or self.shape.form is Form.TEXT):
            return f"{self.shape.where} holds plain texts without {', '.join(attributes)}. Give its entries a `key`."
        return ""

    def add(self, spelling: str, attributes: Mapping[str, Value]) -> None:
        plain = not attributes and self._form() is Form.TEXT
        self.items.append(spelling if plain else self._mapping(spelling, attributes))

    def alter(self, place: int, spelling: str, attributes: Mapping[str, Value]) -> None:
        item = self.items[place]
        if not isinstance(item, dict):
            self.items[place] = self._mapping(spelling, attributes) if attributes else spelling
            self.changed[place] = None
            return
        wanted = self._mapping(spelling, attributes)
        held = fields_of(item, self.shape)
        differing = {name: value for name, value in wanted.items() if text_of(held.get(name)) != text_of(value)}
        self.items[place] = {**item, **differing}
        if (known := self.changed.setdefault(place, {})) is not None:
            known.update(differing)

    def drop(self, place: int) -> None:
        self.dropped.add(place)

    def kept(self) -> list[int]:
        """Return the places that are still there, in order."""
        return [place for place in range(len(self.items)) if place not in self.dropped]

    def _mapping(self, spelling: str, attributes: Mapping[str, Value]) -> dict[str, Value]:
        return {self.shape.key: spelling, **attributes}

    def _form(self) -> Form:
        if self.shape.form is not Form.AUTO:
            return self.shape.form
        if self.items:
            return Form.MAPPING if isinstance(self.items[-1], Mapping) else Form.TEXT
        return Form.MAPPING if self.shape.key else Form.TEXT
