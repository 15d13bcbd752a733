"""Which secrets a settings value refers to, wherever they stand in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from engine.settings.fields import Field, FieldType, describe


def secret_references(settings: msgspec.Struct, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (path of the field, reference) for every secret that is set, in the order of the class."""
    for field in describe(type(settings)):
        where = f"{path}.{field.name}" if path else field.name
        yield from _within(field, getattr(settings, field.name), where)


def _within(field: Field, value: object, where: str) -> Iterator[tuple[str, str]]:
    if field.type is FieldType.SECRET and isinstance(value, str) and value:
        yield where, value
    elif isinstance(value, msgspec.Struct):
        yield from secret_references(value, where)
    elif isinstance(value, Mapping) and field.item:
        for key, each in value.items():
            yield from _within(field.item, each, f"{where}.{key}")
    elif isinstance(value, list | tuple) and field.item:
        for index, each in enumerate(value):
            yield from _within(field.item, each, f"{where}[{index}]")
