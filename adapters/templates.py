"""Requests from templates: placeholders in paths, queries and bodies, filled so that no value can break out. Pure.

A path segment is percent-encoded, a body is a structure that is encoded as JSON after its placeholders were filled:
no value is ever pasted into JSON text. A placeholder that is the whole of a text keeps the value's own kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from engine.reconcile.records import Value, text_of

PLACEHOLDER = re.compile(r"\{([A-Za-z_][\w.-]*)\}")
EACH = "$each"
"""`{"$each": template}` in a body stands for a list: the template once for every change of the batch."""
PLURALS = {"keys": "key", "ids": "id"}
"""`"{keys}"` alone stands for the list of all keys of the batch."""


class Unfit(Exception):
    """A value may not stand where the template puts it; the text is a sentence for the item's outcome."""


class _Left:
    """An attribute that the sync does not map: its entry is left out of the body."""


LEFT_OUT = _Left()


def placeholders(template: Any) -> Iterator[str]:
    """Yield the names of all placeholders in a path, query or body."""
    match template:
        case str():
            yield from PLACEHOLDER.findall(template)
        case Mapping():
            for value in template.values():
                yield from placeholders(value)
        case list() | tuple():
            for value in template:
                yield from placeholders(value)


def has_each(template: Any) -> bool:
    """Return whether a body repeats a part of itself for every change of a batch."""
    match template:
        case Mapping():
            return EACH in template or any(has_each(value) for value in template.values())
        case list() | tuple():
            return any(has_each(value) for value in template)
    return False


def fill_path(template: str, values: Mapping[str, Value]) -> str:
    """Return the path with each value percent-encoded (RFC 3986 §2.1). Raises `Unfit`.

    An empty value or a dot segment would name another resource (the whole collection, say) and is refused.
    """

    def encoded(found: re.Match[str]) -> str:
        text = text_of(values.get(found[1]))
        if text.strip(". ") == "":
            raise Unfit(
                f"{found[1]} is {text!r}, which cannot stand in an address: the call would name something else."
            )
        return quote(text, safe="")

    return PLACEHOLDER.sub(encoded, template)


def fill_query(template: Mapping[str, str], values: Mapping[str, Value]) -> dict[str, str]:
    """Return the query's parameters; whoever sends them encodes them."""
    return {name: PLACEHOLDER.sub(lambda found: _text(values, found[1]), text) for name, text in template.items()}


def fill_body(template: Any, batch: Sequence[Mapping[str, Value]]) -> Any:
    """Return the body for one change or a batch of them; None stays None. Raises `Unfit`."""
    filled = _filled(template, batch)
    return None if filled is LEFT_OUT else filled


def _filled(template: Any, batch: Sequence[Mapping[str, Value]]) -> Any:
    match template:
        case str():
            whole = PLACEHOLDER.fullmatch(template)
            if whole and whole[1] in PLURALS:
                return [values.get(PLURALS[whole[1]]) for values in batch]
            if whole:
                return batch[0].get(whole[1], LEFT_OUT)
            return PLACEHOLDER.sub(lambda found: _text(batch[0], found[1]), template)
        case {"$each": inner}:
            return [_filled(inner, [values]) for values in batch]
        case Mapping():
            filled = {name: _filled(value, batch) for name, value in template.items()}
            return {name: value for name, value in filled.items() if value is not LEFT_OUT}
        case list() | tuple():
            return [value for each in template if (value := _filled(each, batch)) is not LEFT_OUT]
        case _:
            return template


def _text(values: Mapping[str, Value], name: str) -> str:
    if name not in values:
        raise Unfit(f"{name} is not known for this record; map it in the sync, or take it out of the template.")
    return text_of(values[name])
