"""Values as YAML text: plain where YAML 1.1 and 1.2 both read the same text back, else in quotes."""

from __future__ import annotations

import re

import yaml

from adapters.endpoints.yaml_nodes import LOADER, scalar_value
from engine.reconcile.records import Value

ADDRESS = re.compile(r"[A-Za-z0-9][\w.+'-]*@\w[\w.-]*\w", re.ASCII)
"""What keys mostly are; always read as text, so that nobody needs to ask the parser."""

ESCAPED = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def written(value: Value, *, quotes: str = "", flow: bool = False) -> str:
    """Return a value as YAML text on one line.

    `quotes` is the neighbours' style, followed for texts where it can be; `flow` says that it will stand between
    brackets, where commas and brackets mean something.
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case list():
            return f"[{', '.join(written(item, quotes=quotes, flow=True) for item in value)}]"
        case str() if quotes == "'" and value.isprintable():
            return "'" + value.replace("'", "''") + "'"
        case str() if quotes != '"' and _reads_back(value, flow=flow):
            return value
        case str():
            return '"' + "".join(map(_escaped, value)) + '"'


def written_mapping(fields: dict[str, Value], *, quotes: str = "") -> str:
    """Return a mapping on one line, in braces."""
    pairs = (
        f"{written(name, flow=True)}: {written(value, quotes=quotes, flow=True)}" for name, value in fields.items()
    )
    return f"{{{', '.join(pairs)}}}"


def _escaped(character: str) -> str:
    if character in ESCAPED:
        return ESCAPED[character]
    return character if character.isprintable() else f"\\U{ord(character):08x}"


def _reads_back(text: str, *, flow: bool) -> bool:
    """Whether the plain text is read as exactly this text."""
    if ADDRESS.fullmatch(text):
        return True
    if not text.isprintable():
        return False
    try:
        node = yaml.compose(f"[{text}]" if flow else f"- {text}", Loader=LOADER)
    except yaml.YAMLError:
        return False
    if not isinstance(node, yaml.SequenceNode) or len(node.value) != 1:
        return False
    (only,) = node.value
    if not isinstance(only, yaml.ScalarNode) or only.style or only.value != text:
        return False
    return bool(only.tag == "tag:yaml.org,2002:str" and scalar_value(text, plain=True, tag=only.tag) == text)
