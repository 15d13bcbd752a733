"""One walk over the tree that turns nodes into typed settings and notes every problem it meets, not just the first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, get_origin

import msgspec
import yaml

from engine.redaction import is_secret_name
from engine.settings.document import Document, entries, found, joined, plain
from engine.settings.durations import parse_duration
from engine.settings.fields import FieldType, Shape, fields_of, item_of, shape_of, type_of, words_of
from engine.settings.formats import FORMATS
from engine.settings.spelling import allowed, did_you_mean, nearest

_REFERENCE = re.compile(r"^(?:keyring|env|file):.")
_URL_PASSWORD = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s]*:[^/?#\s]+@")

_NO_PLACE = (
    "It must not stand here: use the setting made for it (auth, password, token) with a reference, keyring:NAME."
)


class Fault(Enum):
    """Stands for a value that could not be had; its problem is already noted."""

    NOTED = auto()


NOTED = Fault.NOTED


@dataclass(frozen=True, slots=True)
class Walker:
    """Reads values of a document. What it returns is either right or `NOTED`."""

    document: Document

    def struct(
        self, settings_class: type[msgspec.Struct], node: yaml.Node, path: str, given: Mapping[str, Any] | None = None
    ) -> Any:
        """Read a mapping into a settings class. `given` are fields that the file does not write in this place."""
        given = given or {}
        if not isinstance(node, yaml.MappingNode):
            return self._wrong(node, path, f"found {found(node)}; expected a mapping of settings.")
        fields = {f.encode_name: f for f in fields_of(settings_class) if f.name not in given}
        values: dict[str, Any] = dict(given)
        written = set()
        for key, key_node, value_node in entries(node):
            written.add(key)
            if key in fields:
                values[fields[key].name] = self.value(fields[key].type, value_node, joined(path, key))
            else:
                self.unknown(key_node, joined(path, key), fields)
                values[key] = NOTED
        for name, info in fields.items():
            if info.required and name not in written:
                values[name] = self._wrong(
                    node, joined(path, name), f"is missing. {_purpose(shape_of(info.type))}".strip()
                )
        if NOTED in values.values():
            return NOTED
        try:
            return settings_class(**values)
        except (ValueError, TypeError) as error:
            return self._wrong(node, path, str(error))

    def unknown(self, node: yaml.Node, path: str, known: Mapping[str, Any]) -> None:
        """Note a setting that does not exist."""
        name = path.rpartition(".")[2]
        self.document.problem(node, path, f"unknown setting. {did_you_mean(name, known)}")

    def value(self, annotation: Any, node: yaml.Node, path: str) -> Any:
        """Read a value of any annotation."""
        shape = shape_of(annotation)
        kind = type_of(shape)
        if kind is not FieldType.SECRET and shape.optional and plain_null(node):
            return None
        match kind:
            case FieldType.SECRET:
                return self._secret(node, path)
            case FieldType.NESTED:
                return self.struct(shape.bare, node, path)
            case FieldType.MAPPING if item_of(shape.bare) is not None:
                return self._mapping(shape, node, path)
            case FieldType.LIST:
                return self._list(shape, node, path)
            case FieldType.CHOICE:
                return self._choice(shape, node, path)
            case FieldType.DURATION:
                return self._duration(node, path)
            case _:
                return self._leaf(annotation, shape, node, path)

    def _wrong(self, node: yaml.Node, path: str, sentence: str) -> Fault:
        self.document.problem(node, path, sentence)
        return NOTED

    def _secret(self, node: yaml.Node, path: str) -> Any:
        value = plain(node)
        if isinstance(value, str) and (not value or _REFERENCE.match(value)):
            return value
        name = "-".join(path.split(".")[1:2]) or "name"
        return self._wrong(
            node,
            path,
            "a secret must not stand in this file. Keep it in the keyring (in the console, or: "
            f"syncdeck secrets {name}) and write keyring:{name} here; or write env:NAME or file:PATH.",
        )

    def _mapping(self, shape: Shape, node: yaml.Node, path: str) -> Any:
        if not isinstance(node, yaml.MappingNode):
            return self._wrong(node, path, f"found {found(node)}; expected a mapping of names to values.")
        item = shape_of(item_of(shape.bare))
        values = {}
        for key, _, value in entries(node):
            if is_secret_name(key) and type_of(item) is FieldType.TEXT and not item.note("format"):
                values[key] = self._wrong(value, joined(path, key), f"{key} holds a secret. {_NO_PLACE}")
            else:
                values[key] = self.value(item_of(shape.bare), value, joined(path, key))
        return NOTED if NOTED in values.values() else values

    def _list(self, shape: Shape, node: yaml.Node, path: str) -> Any:
        if not isinstance(node, yaml.SequenceNode):
            hint = f' Write ["{node.value}"].' if isinstance(plain(node), str) else ""
            return self._wrong(node, path, f"found {found(node)}; expected a list.{hint}")
        least = shape.said("min_length") or 0
        if len(node.value) < least:
            return self._wrong(node, path, f"the list needs at least {least}. {_purpose(shape)}")
        item = item_of(shape.bare)
        values = [self.value(item, each, f"{path}[{index}]") for index, each in enumerate(node.value)]
        return NOTED if NOTED in values else get_origin(shape.bare)(values)

    def _choice(self, shape: Shape, node: yaml.Node, path: str) -> Any:
        words = words_of(shape.bare)
        value = plain(node)
        if value not in words:
            guess = nearest(str(value), words) if isinstance(value, str) else ""
            hint = f"Did you mean {guess}? " if guess else ""
            return self._wrong(node, path, f"found {found(node)}. {hint}{allowed(words)}")
        return msgspec.convert(value, shape.bare)

    def _duration(self, node: yaml.Node, path: str) -> Any:
        value = plain(node)
        if not isinstance(value, str):
            return self._wrong(
                node, path, f"found {found(node)}; expected a duration with its unit: 45s, 15m, 24h, 7d."
            )
        try:
            return parse_duration(value)
        except ValueError as error:
            return self._wrong(node, path, str(error))

    def _leaf(self, annotation: Any, shape: Shape, node: yaml.Node, path: str) -> Any:
        value = plain(node)
        try:
            converted = msgspec.convert(value, annotation)
        except msgspec.ValidationError as error:
            return self._wrong(node, path, _mismatch(shape, node, value, str(error)))
        if isinstance(converted, str):
            if _URL_PASSWORD.match(converted):
                return self._wrong(
                    node,
                    path,
                    "this URL holds a password, and passwords must not stand in this file. Write the URL without it "
                    '(user@host), and the password as a reference beside it: password: "keyring:NAME".',
                )
            try:
                FORMATS.get(shape.note("format"), str)(converted)
            except ValueError as error:
                return self._wrong(node, path, str(error))
        return converted


def plain_null(node: yaml.Node) -> bool:
    """Tell whether nothing, or null, stands at a node."""
    return isinstance(node, yaml.ScalarNode) and plain(node) is None


def _purpose(shape: Shape) -> str:
    """Return what a setting is for, with an example where there is one."""
    description: str = shape.said("description") or ""
    examples = shape.said("examples") or ()
    return f"{description} Example: {examples[0]}." if description and examples else description


def _mismatch(shape: Shape, node: yaml.Node, value: Any, fault: str) -> str:
    """Return the sentence for a value of the wrong type or out of bounds."""
    match type_of(shape):
        case FieldType.FLAG:
            return f"found {found(node)}; expected true or false."
        case FieldType.NUMBER:
            return f"found {found(node)}; expected {_bounds(shape)}."
        case FieldType.TEXT | FieldType.PATH if shape.bare is str and not isinstance(value, str | list | dict):
            return f'found {found(node)}; expected text. Put it in quotes: "{node.value}".'
        case FieldType.TEXT | FieldType.PATH if shape.bare is str and isinstance(value, list | dict):
            return f"found {found(node)}; expected text."
        case _:
            return f"found {found(node)}; {fault[:1].lower()}{fault[1:]}. {_purpose(shape)}".rstrip()


def _bounds(shape: Shape) -> str:
    """Return which numbers are allowed, in words."""
    what = "a whole number" if shape.bare is int else "a number"
    least, most = shape.said("ge"), shape.said("le")
    above, below = shape.said("gt"), shape.said("lt")
    limits = (
        f"{least:g} or more" if least is not None else "",
        f"above {above:g}" if above is not None else "",
        f"at most {most:g}" if most is not None else "",
        f"below {below:g}" if below is not None else "",
    )
    said = ", ".join(limit for limit in limits if limit)
    off = ", or null to switch it off" if shape.optional else ""
    return f"{what}, {said}{off}" if said else f"{what}{off}"
