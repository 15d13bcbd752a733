"""One more rule in the file's `conflicts.rules`, first or last: the one list that the console edits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from engine.errors import SettingsError
from engine.settings.document import entries
from engine.settings.splicing import (
    INDENT,
    WIDEST_FLOW,
    Splice,
    add_entries,
    after_colon,
    end_of,
    entry_text,
    eol_of,
    flow_text,
    line_end,
)

SECTION, LIST = "conflicts", "rules"


def inserted(text: str, root: yaml.MappingNode, rule: Mapping[str, Any], *, at_top: bool) -> Splice:
    """Return the splice that puts a rule before or behind all others, and what is missing around it.

    A new first rule stands right below the list's name, so that comments above the old first one stay with it.
    """
    eol = eol_of(text)
    section = _found(root, SECTION)
    if section is None:
        gap = eol if text.endswith("\n") else eol * 2
        return Splice(len(text), len(text), f"{gap}{SECTION}:{_list(rule, INDENT, eol)}{eol}")
    key, node = section
    if not isinstance(node, yaml.MappingNode):
        _only_nothing(node, SECTION)
        return Splice(after_colon(text, key), end_of(text, node), _list(rule, INDENT, eol))
    rules = _found(node, LIST)
    if rules is None:
        if node.flow_style:
            return add_entries(text, node, {LIST: [dict(rule)]})
        at = line_end(text, end_of(text, node))
        return Splice(at, at, _list(rule, node.start_mark.column, eol))
    key, node = rules
    if not isinstance(node, yaml.SequenceNode):
        _only_nothing(node, f"{SECTION}.{LIST}")
        indent = key.start_mark.column + INDENT
        return Splice(after_colon(text, key), end_of(text, node), f"{eol}{' ' * indent}{_item(rule, indent, eol)}")
    return _within_flow(text, node, rule, at_top) if node.flow_style else _within_block(text, key, node, rule, at_top)


def _within_flow(text: str, node: yaml.SequenceNode, rule: Mapping[str, Any], at_top: bool) -> Splice:
    words = flow_text(dict(rule))
    if at_top or not node.value:
        at = node.start_mark.index + 1
        return Splice(at, at, f"{words}, " if node.value else words)
    at = end_of(text, node.value[-1])
    return Splice(at, at, f", {words}")


def _within_block(text: str, key: yaml.Node, node: yaml.SequenceNode, rule: Mapping[str, Any], at_top: bool) -> Splice:
    indent, eol = node.start_mark.column, eol_of(text)
    at = line_end(text, after_colon(text, key) if at_top else end_of(text, node))
    return Splice(at, at, f"{eol}{' ' * indent}{_item(rule, indent, eol)}")


def _list(rule: Mapping[str, Any], indent: int, eol: str) -> str:
    """Return `rules:` with this one rule, on lines of their own."""
    below = indent + INDENT
    return f"{eol}{' ' * indent}{LIST}:{eol}{' ' * below}{_item(rule, below, eol)}"


def _item(rule: Mapping[str, Any], indent: int, eol: str) -> str:
    one_line = f"- {flow_text(dict(rule))}"
    if len(one_line) <= WIDEST_FLOW - indent:
        return one_line
    inner = indent + INDENT
    lines = [entry_text(name, value, indent=inner, eol=eol) for name, value in rule.items()]
    return "- " + f"{eol}{' ' * inner}".join(lines)


def _found(node: yaml.MappingNode, name: str) -> tuple[yaml.Node, yaml.Node] | None:
    return next(((key, value) for word, key, value in entries(node) if word == name), None)


def _only_nothing(node: yaml.Node, name: str) -> None:
    if not (isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")):
        raise SettingsError(f"{name} is not what it should be. Mend it by hand first.")
