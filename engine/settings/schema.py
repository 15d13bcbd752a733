"""The workspace file as a JSON Schema (draft 2020-12), from the same settings classes that read it.

Editors take it by `# yaml-language-server: $schema=…` in the file's first line. What a schema cannot say (references
between adapters and syncs, cron and JMESPath syntax, keys given twice) only `load_workspace` finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from engine.errors import MissingExtra
from engine.settings.catalogue import BackendType, EndpointType, TypeCatalogue
from engine.settings.coordination import ClockSettings, CommandSettings, CronSettings, SharedSettings
from engine.settings.durations import PATTERN
from engine.settings.fields import Field, FieldType, describe
from engine.settings.model import FORMAT, SyncSettings, WorkspaceHeader
from engine.settings.reading import NAME
from engine.settings.replication import ConflictSettings, PeerSettings, ServerSettings

Schema = dict[str, Any]

_TYPES = {
    FieldType.TEXT: "string",
    FieldType.SECRET: "string",
    FieldType.PATH: "string",
    FieldType.CHOICE: "string",
    FieldType.DURATION: "string",
    FieldType.FLAG: "boolean",
    FieldType.NUMBER: "number",
    FieldType.LIST: "array",
    FieldType.MAPPING: "object",
    FieldType.NESTED: "object",
}


def json_schema(catalogue: TypeCatalogue) -> Schema:
    """Return the schema of a whole workspace file, with the settings of every endpoint type that is installed."""
    header = _object(describe(WorkspaceHeader))
    header["properties"]["syncdeck"] = {**header["properties"]["syncdeck"], "const": FORMAT}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Syncdeck workspace",
        "description": "The file syncdeck.yaml of a workspace: its adapters, and the syncs between them.",
        **header,
        "properties": {
            **header["properties"],
            "adapters": _named("One configured endpoint each, by name.", {"$ref": "#/$defs/adapter"}),
            "syncs": _named("One source, its targets and the rules between them, by name.", {"$ref": "#/$defs/sync"}),
            "peers": _named("Other nodes that events are exchanged with, by name.", {"$ref": "#/$defs/peer"}),
            "server": {**_object(describe(ServerSettings)), "description": "How this node serves its peers."},
            "conflicts": {"$ref": "#/$defs/conflicts"},
            "coordination": _typed(catalogue.backends(), "backend", "Who coordinates processes and nodes."),
            "tasks": _named("Commands that tasks run, by the tasks' names.", {"$ref": "#/$defs/task"}),
            "cron": _named("Schedules that submit tasks, by name.", {"$ref": "#/$defs/schedule"}),
            "clock": {**_object(describe(ClockSettings)), "description": "What this host's clock is compared with."},
        },
        "$defs": {
            "adapter": _typed(catalogue.types(), "adapter", "What kind of endpoint this is."),
            "peer": _object(field for field in describe(PeerSettings) if field.name != "name"),
            "conflicts": _conflicts(catalogue),
            "sync": _object(field for field in describe(SyncSettings) if field.name != "name"),
            "task": _object(field for field in describe(CommandSettings) if field.name != "name"),
            "schedule": _object(field for field in describe(CronSettings) if field.name != "name"),
            **{f"adapter.{word}": _kind(row, catalogue.settings_of) for word, row in sorted(catalogue.types().items())},
            **{
                f"backend.{word}": _kind(row, catalogue.backend_settings, SharedSettings)
                for word, row in sorted(catalogue.backends().items())
            },
        },
    }


def _conflicts(catalogue: TypeCatalogue) -> Schema:
    """Return the rules' schema, with the strategies that exist here as the words of `use`."""
    schema = _object(describe(ConflictSettings))
    strategies = catalogue.strategies()
    listed = "\n".join(f"{word}: {summary}" for word, summary in strategies.items())
    use = schema["properties"]["rules"]["items"]["properties"]["use"]
    use |= {"enum": sorted(strategies), "description": f"How the conflict is settled.\n{listed}"}
    return {**schema, "description": "How concurrent edits are settled."}


def _named(description: str, item: Schema) -> Schema:
    return {
        "description": description,
        "type": ["object", "null"],
        "propertyNames": {"pattern": NAME.pattern.replace(r"[^\W_]", "[A-Za-z0-9\\u0080-\\uffff]")},
        "additionalProperties": item,
    }


def _typed(rows: Mapping[str, EndpointType | BackendType], name: str, description: str) -> Schema:
    """Tell the types apart by their word, so that an editor's complaint is about the type that was meant."""
    words = sorted(rows)
    kinds = "\n".join(f"{word}: {rows[word].summary}" for word in words)
    return {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": words, "description": f"{description}\n{kinds}"}},
        "allOf": [
            {
                "if": {"properties": {"type": {"const": word}}, "required": ["type"]},
                "then": {"$ref": f"#/$defs/{name}.{word}"},
            }
            for word in words
        ],
    }


def _kind(
    row: EndpointType | BackendType,
    settings_of: Callable[[str], type[msgspec.Struct]],
    *shared: type[msgspec.Struct],
) -> Schema:
    """Return the schema of one type's settings, with those that all types share."""
    try:
        settings_class = settings_of(row.type)
    except MissingExtra as error:
        return {"title": row.title, "description": f"{row.summary} {error}", "type": "object"}
    schema = _object([*(field for each in shared for field in describe(each)), *describe(settings_class)])
    properties = {"type": {"const": row.type}, **schema["properties"]}
    return {"title": row.title, "description": row.summary, **schema, "properties": properties}


def _object(fields: Iterable[Field]) -> Schema:
    listed = tuple(fields)
    required = [field.name for field in listed if field.required]
    return {
        "type": "object",
        "properties": {field.name: _setting(field) for field in listed},
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _setting(field: Field) -> Schema:
    """Return a field's schema with all that helps while typing: description, default, examples."""
    schema = _value(field)
    if field.description:
        schema["description"] = field.description
    if field.examples:
        schema["examples"] = list(field.examples)
    if not field.required and field.default is not None:
        schema["default"] = field.default
    return schema


def _value(field: Field) -> Schema:
    schema: Schema = {**({"type": _TYPES[field.type]} if field.type in _TYPES else {}), **_limits(field)}
    match field.type:
        case FieldType.SECRET:
            schema["pattern"] = "^$|" + field.pattern
        case FieldType.DURATION:
            schema["pattern"] = PATTERN
        case FieldType.CHOICE:
            schema["enum"] = [*field.choices, *([None] if field.optional else [])]
        case FieldType.NUMBER if field.whole:
            schema["type"] = "integer"
        case FieldType.LIST if field.item:
            schema["items"] = _value(field.item)
        case FieldType.MAPPING if field.item:
            schema["additionalProperties"] = _value(field.item)
        case FieldType.NESTED:
            schema |= _object(field.fields)
    if field.optional and "type" in schema:
        schema["type"] = [schema["type"], "null"]
    return schema


def _limits(field: Field) -> Schema:
    items = field.type is FieldType.LIST
    limits = {
        "minimum": field.least,
        "maximum": field.most,
        "exclusiveMinimum": field.above,
        "exclusiveMaximum": field.below,
        "minItems" if items else "minLength": field.shortest or None,
        "maxItems" if items else "maxLength": field.longest,
        "pattern": field.pattern or None,
    }
    return {name: limit for name, limit in limits.items() if limit is not None}
