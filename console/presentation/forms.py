"""Settings as lines of a form: which there are, how a value is written into a field, and what a field's text means.

Values are as the workspace file writes them (`15m`, `add-remove`, `keyring:staff`); the form never holds typed ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.settings.fields import Field, FieldType

Values = Mapping[str, Any]
ABSENT = object()
"""Stands for a setting that the file does not write."""

REFERENCES = ("keyring:", "env:", "file:")
NOTHING = ("", "none", "null")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a form: a setting at a dotted path, or the heading of a group of them."""

    path: str
    field: Field
    level: int = 0
    heading: bool = False
    switchable: bool = False
    """A whole group that may be absent: a schedule, a login."""

    @property
    def label(self) -> str:
        """The setting's name as people read it."""
        return self.field.name.replace("_", " ")


def entries(fields: Sequence[Field], choices: Mapping[str, Sequence[str]] | None = None) -> tuple[Entry, ...]:
    """Return every line of a form, groups flattened; `choices` offers words for paths that the class leaves open."""
    lines = tuple(_entries(fields, "", 0))
    offered = choices or {}
    return tuple(
        replace(line, field=_offering(line.field, offered[line.path])) if line.path in offered else line
        for line in lines
    )


def value_at(values: Values, path: str) -> Any:
    """Return what stands at a dotted path; `ABSENT` when nothing does."""
    found: Any = values
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return ABSENT
        found = found[name]
    return found


def with_value(values: Values, path: str, value: Any) -> dict[str, Any]:
    """Return the values with another one at a path; `ABSENT` takes it out, and groups left empty with it."""
    name, _, rest = path.partition(".")
    changed = dict(values)
    if rest:
        below = changed.get(name)
        value = with_value(below if isinstance(below, Mapping) else {}, rest, value) or ABSENT
    if value is ABSENT:
        changed.pop(name, None)
    else:
        changed[name] = value
    return changed


def written(field: Field, value: Any) -> str:
    """Return a value as the text that stands in its field."""
    if value is ABSENT:
        value = field.default
    match value:
        case None | [] | ():
            return ""
        case bool():
            return "yes" if value else "no"
        case Mapping() if field.item is not None and field.item.type is not FieldType.NESTED:
            return "\n".join(f"{name}: {written(field.item, each)}" for name, each in value.items())
        case list() | tuple() if _plain_items(field):
            return ", ".join(written(field, each) for each in value)
        case float() if value.is_integer():
            return str(int(value))
        case str() | int() | float():
            return str(value)
        case _:
            return _yaml_text(value)


def meant(field: Field, text: str) -> Any:
    """Return what a field's text means for the file. Raises `ValueError` with a sentence.

    An empty text leaves the setting out, so that its default holds; `none` switches an optional limit off.
    """
    stripped = text.strip()
    if not stripped:
        return ABSENT
    if field.optional and stripped.casefold() in NOTHING:
        return None
    match field.type:
        case FieldType.NUMBER:
            return _number(field, stripped)
        case FieldType.FLAG:
            return stripped.casefold() in {"yes", "true", "on", "1"}
        case FieldType.LIST if _plain_items(field):
            return [meant(field.item, part) for part in stripped.split(",") if part.strip()] if field.item else []
        case FieldType.MAPPING if field.item is not None and field.item.type is not FieldType.NESTED:
            return dict(_pair(field.item, line) for line in stripped.splitlines() if line.strip())
        case FieldType.TEXT | FieldType.PATH | FieldType.SECRET | FieldType.CHOICE | FieldType.DURATION:
            return stripped
        case _:
            return _yaml_value(stripped)


def hint(field: Field) -> str:
    """Return what is said about a setting while its field has the focus."""
    example = f" For example {written(field, field.examples[0])}." if field.examples else ""
    default = written(field, ABSENT).replace("\n", ", ")
    if field.required:
        return f"{field.description}{example} Required."
    if field.type is FieldType.SECRET:
        return (
            f"{field.description} Type the secret: it goes into the keyring, and only its reference into the file. "
            "Or write env:NAME or file:PATH."
        ).strip()
    off = " `none` switches it off." if field.optional and field.type is not FieldType.NESTED else ""
    return f"{field.description}{example} Default: {default or 'nothing'}.{off}".strip()


def is_reference(text: str) -> bool:
    """Tell whether a secret's text is a reference, which may be seen and stand in the file."""
    return text.startswith(REFERENCES)


def by_field(problems: Iterable[tuple[str, str]], paths: Iterable[str]) -> dict[str, str]:
    """Return problems, given as (path, sentence), by the nearest field of the form; what fits none goes to ""."""
    known = set(paths)
    placed: dict[str, list[str]] = {}
    for path, sentence in problems:
        place = path.partition("[")[0]
        while place and place not in known:
            place = place.rpartition(".")[0]
        placed.setdefault(place, []).append(sentence)
    return {place: " ".join(sentences) for place, sentences in placed.items()}


def _entries(fields: Sequence[Field], above: str, level: int) -> Iterable[Entry]:
    group = ""
    for field in fields:
        path = f"{above}.{field.name}" if above else field.name
        if field.group and field.group != group:
            title = Field(name=field.group, type=FieldType.NESTED)
            yield Entry(path=f"{above}#{field.group}", field=title, level=level, heading=True)
        group = field.group
        if field.type is FieldType.NESTED and field.fields:
            yield Entry(path=path, field=field, level=level, heading=True, switchable=field.optional)
            yield from _entries(field.fields, path, level + 1)
        else:
            yield Entry(path=path, field=field, level=level)


def _offering(field: Field, words: Sequence[str]) -> Field:
    kind = field.type if field.type is FieldType.LIST else FieldType.CHOICE
    return _replaced(field, type=kind, choices=tuple(words))


def _replaced(field: Field, **changes: Any) -> Field:
    import msgspec

    return msgspec.structs.replace(field, **changes)


def _plain_items(field: Field) -> bool:
    return field.item is not None and field.item.type not in {FieldType.NESTED, FieldType.MAPPING, FieldType.LIST}


def _number(field: Field, text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number.") from None
    if field.whole:
        raise ValueError(f"{text!r} is no whole number.")
    return number


def _pair(item: Field, line: str) -> tuple[str, Any]:
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise ValueError(f"{line.strip()!r} has no colon: write one `name: value` a line.")
    found = meant(item, value)
    return name.strip(), "" if found is ABSENT else found


def _yaml_text(value: Any) -> str:
    import yaml

    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False)
    return text.strip().removesuffix("...").strip()


def _yaml_value(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise ValueError("This is no YAML. Write it as in the file, on one line: {name: value}, [one, two].") from None
