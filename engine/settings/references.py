"""Which secrets a settings value refers to, wherever they stand in it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from engine.settings.fields import FieldType, describe


def secret_references(settings: msgspec.Struct, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (path of the field, reference) for every secret that is set, in the order of the class."""
    for field in describe(type(settings)):
        value = getattr(settings, field.name)
        where = f"{path}.{field.name}" if path else field.name
        if field.type is FieldType.SECRET and value:
            yield where, value
        elif isinstance(value, msgspec.Struct):
            yield from secret_references(value, where)
