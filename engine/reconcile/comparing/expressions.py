"""JMESPath expressions over records: checked before any record is read, then evaluated batch by batch.

Values keep their types here: a CSV file holds only text, so its `active == 'yes'` compares text with text, while a
database column of numbers needs ``level == `3` `` (JMESPath compares strictly; `to_string` and `to_number` convert).
What is true is JMESPath's affair too: everything but null, false, '', [] and {}.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import repeat
from operator import and_, eq, ne, not_, or_
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError, ParseError
from jmespath.functions import Functions
from jmespath.visitor import TreeInterpreter

from engine.errors import SettingsError
from engine.reconcile.records import Value

Node = Mapping[str, Any]
Columns = Mapping[str, Sequence[Value]]
"""The columns of a batch by name, each as long as the batch."""

KEY = "key"
"""What an expression calls the record's own spelling, where no column has that name."""


class Unusable:
    """What an expression gave for one record instead of a value; `reason` is a sentence."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Expression:
    """One compiled expression. `where` names its setting in messages: `syncs.engineering.where`."""

    def __init__(self, text: str, where: str) -> None:
        """Parse. Raises `SettingsError` with the position of the fault."""
        self.text = text
        self.where = where
        self._node: Node = _parsed(text, where)
        self._interpreter = TreeInterpreter()
        for problem in _unknown_functions(self._node):
            raise SettingsError(f"{where}: {problem} The expression is: {text}")
        self.fields = frozenset(_fields(self._node))
        self.bare_field: str = self._node["value"] if self._node["type"] == "field" else ""

    def check(self, names: Sequence[str], source: str) -> None:
        """Raise `SettingsError` for a field that the source does not have: it would be null for every record, and a
        misspelt name would quietly empty the target."""
        known = {*names, KEY}
        for field in sorted(self.fields - known):
            near = difflib.get_close_matches(field, sorted(known), 1)
            hint = f" Did you mean {near[0]!r}?" if near else f" Its fields are: {', '.join(sorted(known))}."
            if f'"{field}"' in self.text:
                hint += f" (Text stands in single quotes: '{field}'.)"
            raise SettingsError(f"{self.where}: {source} has no field {field!r}.{hint}")

    def holds(self, columns: Columns) -> list[bool | Unusable]:
        """Say for each record whether the expression is true of it."""
        quick = _quick(self._node, columns)
        if quick is not None:
            return quick  # type: ignore[return-value]
        return [
            value if isinstance(value, Unusable) else _true(value)
            for value in (self._value(record) for record in _records(columns))
        ]

    def values(self, columns: Columns, count: int) -> Sequence[object]:
        """Return the expression's value for each record, `Unusable` where it has none."""
        if self.bare_field:
            return columns[self.bare_field]
        if self._node["type"] == "literal":
            return [self._node["value"]] * count
        return [self._value(record) for record in _records(columns)]

    def _value(self, record: Mapping[str, Value]) -> object:
        try:
            return self._interpreter.visit(self._node, record)
        except JMESPathError as error:
            told = str(error).partition("\n")[0].removesuffix(".")
        except TypeError:
            told = "it compares values of different kinds"
        except (ValueError, ArithmeticError, AttributeError, KeyError) as error:
            told = f"{type(error).__name__}: {error}"
        return Unusable(f"{self.where} cannot be worked out for it: {told}.")


def _parsed(text: str, where: str) -> Node:
    try:
        node: Node = jmespath.compile(text).parsed
    except ParseError as error:
        place = min(error.lex_position, len(text)) + 1
        rest = text[place - 1 :].split(maxsplit=1)
        found = f"unexpected {rest[0]!r}" if rest else "the expression ends too early"
        hint = " Comparisons are written ==." if rest and rest[0].startswith("=") else ""
        raise SettingsError(f"{where}: {found} at character {place} of: {text}.{hint}") from error
    except JMESPathError as error:
        raise SettingsError(f"{where}: {str(error).partition(chr(10))[0]} in: {text}") from error
    return node


def _children(node: Node) -> list[Node]:
    return [child for child in node.get("children", ()) if isinstance(child, dict)]


_FIRST_ONLY = frozenset(
    {"subexpression", "index_expression", "pipe", "projection", "filter_projection", "value_projection"}
)
"""Kinds of node whose first part looks at the record and whose other parts look at what the first one gave."""


def _fields(node: Node) -> Iterator[str]:
    """Yield the fields of the record itself that an expression looks at."""
    match node["type"]:
        case "field":
            yield node["value"]
        case "expref":
            return
        case kind if kind in _FIRST_ONLY:
            first, *others = _children(node)
            yield from _fields(first)
            for other in others if first["type"] in {"current", "identity"} else ():
                yield from _fields(other)
        case _:
            for child in _children(node):
                yield from _fields(child)


def _unknown_functions(node: Node) -> Iterator[str]:
    if node["type"] == "function_expression":
        known = Functions.FUNCTION_TABLE
        name = node["value"]
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            yield f"there is no function {name}()." + (f" Did you mean {near[0]}()?" if near else "")
        else:
            signature = known[name]["signature"]
            given = len(_children(node))
            open_ended = bool(signature) and bool(signature[-1].get("variadic"))
            if given < len(signature) or (given > len(signature) and not open_ended):
                yield f"{name}() takes {len(signature)} arguments and is given {given}."
    for child in _children(node):
        yield from _unknown_functions(child)


def _records(columns: Columns) -> Iterator[Mapping[str, Value]]:
    """Yield each record as the object the interpreter works on: whole, since @ and keys(@) may look at all of it."""
    names = tuple(columns)
    return (dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True))


def _true(value: object) -> bool:
    return not (value is None or value is False or value in ("", [], {}))


_COMBINED: Mapping[str, Callable[[bool, bool], bool]] = {"and_expression": and_, "or_expression": or_}
_COMPARED: Mapping[str, Callable[[object, object], bool]] = {"eq": eq, "ne": ne}


def _quick(node: Node, columns: Columns) -> list[bool] | None:
    """Return the answers for comparisons of a field with a text, and their combinations by &&, || and !, a column at a
    time; None for anything else, which the interpreter does (the same answers at a hundredth of the speed).

    Only texts: JMESPath has rules of its own for comparing numbers with true and false.
    """
    kind = node["type"]
    if kind == "comparator" and node["value"] in _COMPARED:
        left, right = node["children"]
        if left["type"] == "literal":
            left, right = right, left
        if left["type"] == "field" and right["type"] == "literal" and isinstance(right["value"], str):
            return list(map(_COMPARED[node["value"]], columns[left["value"]], repeat(right["value"])))
    if kind in _COMBINED:
        sides = [_quick(child, columns) for child in node["children"]]
        if sides[0] is not None and sides[1] is not None:
            return list(map(_COMBINED[kind], sides[0], sides[1]))
    if kind == "not_expression":
        inner = _quick(node["children"][0], columns)
        return None if inner is None else list(map(not_, inner))
    return None
