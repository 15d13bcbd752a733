"""Changes to a YAML text that leave every other byte as it is: pure functions from (text, tree) to splices.

Writing the whole tree anew, even by a library that keeps comments, also rewrites spacing, line breaks inside brackets
and alignment: a one-word edit then shows as twenty changed lines in the owner's version control. A splice replaces
just the characters of what changed. `WorkspaceFile` reads every result back and compares it with what was meant, so
a text too artful for these rules (anchors, unusual layouts) is refused, never damaged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml

from engine.settings.document import CORE_SCHEMA, entries, plain

WIDEST_FLOW = 100
INDENT = 2


class Splice(NamedTuple):
    """Put `text` in place of the characters from `start` to `end`."""

    start: int
    end: int
    text: str


class _Dumper(yaml.CSafeDumper):
    """Quotes what either version of YAML would take for something else than text."""


for _tag, _pattern, _first in CORE_SCHEMA:
    _Dumper.add_implicit_resolver(_tag, _pattern, _first)


def apply(text: str, splices: list[Splice]) -> str:
    """Return the text with all splices done; those at the same place are done in the order given."""
    parts, position = [], 0
    for splice in sorted(splices, key=lambda each: (each.start, each.end)):
        parts += [text[position : splice.start], splice.text]
        position = splice.end
    return "".join([*parts, text[position:]])


def flow_text(value: object) -> str:
    """Return a value as it is written within a line, also inside brackets."""
    dumped: str = yaml.dump(
        [value], Dumper=_Dumper, default_flow_style=True, sort_keys=False, allow_unicode=True, width=_ENDLESS
    )
    return dumped.strip()[1:-1]


def entry_text(key: str, value: object, *, indent: int, eol: str, block: bool = False) -> str:
    """Return `key: value` for a block mapping at `indent`: in one line where that reads well, else over several."""
    start = f"{flow_text(key)}:"
    one_line = f"{start} {flow_text(value)}"
    if not (
        isinstance(value, Mapping) and value and (block or _is_deep(value) or len(one_line) > WIDEST_FLOW - indent)
    ):
        return one_line
    margin = eol + " " * (indent + INDENT)
    lines = [entry_text(name, each, indent=indent + INDENT, eol=eol) for name, each in value.items()]
    return start + margin + margin.join(lines)


def scalar_like(node: yaml.Node, value: object) -> str:
    """Return a new text in the quotes of the old one."""
    if isinstance(value, str) and isinstance(node, yaml.ScalarNode):
        if node.style == '"':
            return json.dumps(value, ensure_ascii=False)
        if node.style == "'" and value.isprintable():
            return "'" + value.replace("'", "''") + "'"
    return flow_text(value)


def update(text: str, node: yaml.MappingNode, wanted: Mapping[str, Any]) -> Iterator[Splice]:
    """Yield the splices that turn a mapping into the wanted one, entry by entry; unchanged entries are not touched."""
    old = {key: (key_node, value) for key, key_node, value in entries(node)}
    gone = [key for key in old if key not in wanted]
    for key in gone:
        yield remove_entry(text, node, key)
    for key, (key_node, value) in old.items():
        if key in wanted and not same(plain(value), wanted[key]):
            yield from _replace(text, key_node, value, wanted[key], flow=bool(node.flow_style))
    added = {key: value for key, value in wanted.items() if key not in old}
    if added:
        yield add_entries(text, node, added, after=[key for key in old if key in wanted])


def remove_entry(text: str, node: yaml.MappingNode, key: str) -> Splice:
    """Return the splice that takes an entry away: its lines, or its part between the commas."""
    names = [name for name, _, _ in entries(node)]
    at = names.index(key)
    key_node, value = node.value[at]
    if not node.flow_style:
        start = text.rfind("\n", 0, key_node.start_mark.index) + 1
        last = line_end(text, end_of(text, value))
        return Splice(start, text.find("\n", last) + 1 or len(text), "")
    if at + 1 < len(names):
        return Splice(key_node.start_mark.index, node.value[at + 1][0].start_mark.index, "")
    start = end_of(text, node.value[at - 1][1]) if at else key_node.start_mark.index
    return Splice(start, end_of(text, value), "")


def add_entries(
    text: str, node: yaml.MappingNode, added: Mapping[str, Any], *, after: list[str] | None = None, block: bool = False
) -> Splice:
    """Return the splice that puts entries behind the last one (of those in `after`, if others are being removed)."""
    if node.flow_style:
        inside = flow_text(dict(added))[1:-1]
        if not node.value:
            return Splice(node.start_mark.index + 1, node.start_mark.index + 1, inside)
        if after == []:
            return Splice(node.start_mark.index + 1, node.start_mark.index + 1, inside + ", ")
        at = end_of(text, _last(node, after))
        return Splice(at, at, ", " + inside)
    indent, eol = node.value[0][0].start_mark.column, eol_of(text)
    lines = [entry_text(key, value, indent=indent, eol=eol, block=block) for key, value in added.items()]
    at = line_end(text, end_of(text, _last(node, None)))
    return Splice(at, at, "".join(eol + " " * indent + line for line in lines))


def end_of(text: str, node: yaml.Node) -> int:
    """Return where a node's last character is; libyaml ends a block at the next token, behind comments."""
    if isinstance(node, yaml.ScalarNode):
        end: int = node.end_mark.index
        return len(text[:end].rstrip()) if node.style in {"|", ">"} else end
    if _within_line(node) or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return end_of(text, last[1] if isinstance(last, tuple) else last)


def after_colon(text: str, key: yaml.Node) -> int:
    """Return the place behind a key's colon."""
    colon = re.compile(r"\s*:").match(text, key.end_mark.index)
    return colon.end() if colon else int(key.end_mark.index)


def eol_of(text: str) -> str:
    """Return the line end that the text uses."""
    return "\r\n" if "\r\n" in text else "\n"


def same(left: object, right: object) -> bool:
    """Compare values as settings: 20 and 20.0 are the same, true and 1 are not."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def _replace(text: str, key: yaml.Node, old: yaml.Node, new: object, *, flow: bool) -> Iterator[Splice]:
    if isinstance(old, yaml.MappingNode) and old.value and isinstance(new, Mapping) and new:
        yield from update(text, old, new)
        return
    colon, start, end = after_colon(text, key), old.start_mark.index, end_of(text, old)
    if flow or (_within_line(old) and not (isinstance(new, Mapping) and new)):
        yield Splice(start, end, ("" if start > colon else " ") + scalar_like(old, new))
    elif text[colon:start].strip():
        # A comment stands between the colon and the old value: it stays, and the new value stands where the old did.
        yield Splice(start, end, flow_text(new))
    else:
        rendered = entry_text("k", new, indent=key.start_mark.column, eol=eol_of(text))
        yield Splice(colon, end, rendered.removeprefix("k:"))


def _within_line(node: yaml.Node) -> bool:
    """Tell whether a value is written as a flow: brackets, quotes or a plain text, not by indentation."""
    return (
        node.style not in {"|", ">"} if isinstance(node, yaml.ScalarNode) else bool(getattr(node, "flow_style", True))
    )


def _last(node: yaml.MappingNode, among: list[str] | None) -> yaml.Node:
    values = [value for key, _, value in entries(node) if among is None or key in among]
    return values[-1]


def line_end(text: str, position: int) -> int:
    """Return where the line of a position ends, before its line break."""
    end = text.find("\n", position)
    end = len(text) if end < 0 else end
    return end - 1 if end > position and text[end - 1] == "\r" else end


def _is_deep(value: Mapping[str, Any]) -> bool:
    """Tell whether a mapping holds mappings: those read better over several lines."""
    return any(isinstance(each, Mapping) and each for each in value.values())


_ENDLESS = 10**9
"""PyYAML folds long lines otherwise."""
