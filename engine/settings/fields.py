"""A settings class as a list of fields: what forms, the schema and the documentation are made from."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import Enum, StrEnum
from functools import cache
from pathlib import PurePath
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Meta

from engine.settings.durations import duration_text


class FieldType(StrEnum):
    """What a field holds, in the words of a form."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    CHOICE = "choice"
    SECRET = "secret"  # noqa: S105  the word for a kind of field
    PATH = "path"
    DURATION = "duration"
    LIST = "list"
    MAPPING = "mapping"
    NESTED = "nested"
    ANY = "any"
    """Free YAML: a body template, values of several types."""


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One setting. `default` is as a file would write it: durations as text, choices as their word."""

    name: str
    type: FieldType
    description: str = ""
    required: bool = False
    optional: bool = False
    """It may be null: a limit that is switched off."""
    default: object = None
    choices: tuple[str, ...] = ()
    examples: tuple[object, ...] = ()
    group: str = ""
    format: str = ""
    """A name in `engine.settings.formats`: how the text is checked beyond its type."""
    whole: bool = False
    """A number without fraction."""
    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    shortest: int = 0
    """Characters of a text, items of a list."""
    longest: int | None = None
    pattern: str = ""
    item: Field | None = None
    """What a list or a mapping holds."""
    fields: tuple[Field, ...] = ()
    """The fields of a nested group."""


@cache
def fields_of(settings_class: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """Return a class's fields with their annotations resolved, which is the slow part of reading a small file."""
    return msgspec.structs.fields(settings_class)


def describe(settings_class: type[msgspec.Struct]) -> tuple[Field, ...]:
    """Return every setting of a settings class, in the order of the class."""
    return tuple(_field_of(info) for info in fields_of(settings_class))


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """A type annotation taken apart: the bare type, whether null is allowed, and all that its `Meta`s say."""

    bare: Any
    optional: bool = False
    metas: tuple[Meta, ...] = ()

    def said(self, name: str) -> Any:
        """Return what the outermost `Meta` that speaks of `name` says; None if none does."""
        return next((value for meta in reversed(self.metas) if (value := getattr(meta, name)) is not None), None)

    def note(self, name: str) -> Any:
        """Return the outermost `extra` of that name; None if there is none."""
        return next((meta.extra[name] for meta in reversed(self.metas) if meta.extra and name in meta.extra), None)


def shape_of(annotation: Any) -> Shape:
    """Take an annotation apart, through `Annotated` and `| None` in any nesting."""
    metas: tuple[Meta, ...] = ()
    optional = False
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *around = get_args(annotation)
            metas = (*(meta for meta in around if isinstance(meta, Meta)), *metas)
            continue
        if get_origin(annotation) in (Union, types.UnionType):
            members = [member for member in get_args(annotation) if member is not type(None)]
            optional = optional or len(members) < len(get_args(annotation))
            if len(members) == 1:
                annotation = members[0]
                continue
        return Shape(bare=annotation, optional=optional, metas=metas)


def is_struct(bare: Any) -> bool:
    """Tell whether a bare type is a settings class of its own."""
    return isinstance(bare, type) and issubclass(bare, msgspec.Struct)


def item_of(bare: Any) -> Any:
    """Return the annotation of a list's or a mapping's values; None for anything else."""
    match get_origin(bare), get_args(bare):
        case origin, (_, value) if isinstance(origin, type) and issubclass(origin, Mapping):
            return value
        case origin, (value, *_) if isinstance(origin, type) and issubclass(origin, Sequence | frozenset | set):
            return value
    return None


def words_of(bare: Any) -> tuple[str, ...]:
    """Return the words of an enumeration or a `Literal`; empty for any other type."""
    if isinstance(bare, type) and issubclass(bare, Enum):
        return tuple(str(member.value) for member in bare)
    return tuple(str(word) for word in get_args(bare)) if get_origin(bare) is Literal else ()


def type_of(shape: Shape) -> FieldType:
    """Return the word that a form knows this shape by."""
    bare, origin = shape.bare, get_origin(shape.bare)
    rules = (
        (bool(shape.note("secret")), FieldType.SECRET),
        (bool(shape.note("path")), FieldType.PATH),
        (bool(words_of(bare)), FieldType.CHOICE),
        (is_struct(bare), FieldType.NESTED),
        (bare is bool, FieldType.FLAG),
        (bare in (int, float, int | float), FieldType.NUMBER),
        (bare is timedelta, FieldType.DURATION),
        (isinstance(origin, type) and issubclass(origin, Mapping), FieldType.MAPPING),
        (item_of(bare) is not None, FieldType.LIST),
        (bare is str, FieldType.TEXT),
    )
    return next((word for fits, word in rules if fits), FieldType.ANY)


def file_value(value: object) -> object:
    """Return a value as the file writes it."""
    match value:
        case timedelta():
            return duration_text(value)
        case Enum():
            return value.value
        case PurePath():
            return str(value)
        case msgspec.Struct():
            return {info.encode_name: file_value(getattr(value, info.name)) for info in fields_of(type(value))}
        case Mapping():
            return {key: file_value(each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [file_value(each) for each in value]
        case _:
            return value


def default_of(info: msgspec.structs.FieldInfo) -> object:
    """Return a field's default as the file writes it; None where there is none."""
    if info.default is not msgspec.NODEFAULT:
        return file_value(info.default)
    if info.default_factory is not msgspec.NODEFAULT:
        return file_value(info.default_factory())
    return None


def _field_of(info: msgspec.structs.FieldInfo) -> Field:
    shape = shape_of(info.type)
    field = _bare_field(info.encode_name, shape)
    return msgspec.structs.replace(field, required=info.required, default=default_of(info))


def _bare_field(name: str, shape: Shape) -> Field:
    inner = item_of(shape.bare)
    nested = is_struct(shape.bare)
    return Field(
        name=name,
        type=type_of(shape),
        description=shape.said("description") or "",
        optional=shape.optional,
        choices=words_of(shape.bare),
        examples=tuple(shape.said("examples") or ()),
        group=shape.note("group") or "",
        format=shape.note("format") or "",
        whole=shape.bare is int,
        least=shape.said("ge"),
        most=shape.said("le"),
        above=shape.said("gt"),
        below=shape.said("lt"),
        shortest=shape.said("min_length") or 0,
        longest=shape.said("max_length"),
        pattern=shape.said("pattern") or "",
        item=_bare_field(name, shape_of(inner)) if inner is not None else None,
        fields=describe(shape.bare) if nested else (),
    )
