"""The named sections of the workspace file that the console edits, as trees and as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import yaml

from engine.errors import SettingsError
from engine.settings.document import entries
from engine.settings.splicing import INDENT, Splice, add_entries, after_colon, end_of, entry_text, eol_of

Section = Literal["adapters", "syncs", "peers"]
SECTIONS: tuple[Section, ...] = get_args(Section)


def section_node(root: yaml.MappingNode, section: Section) -> yaml.MappingNode:
    """Return the mapping of a section that has entries."""
    node = _value(root, section)
    if not isinstance(node, yaml.MappingNode):
        raise SettingsError(f"{section} is no mapping of names to settings. Mend it by hand first.")
    return node


def append(text: str, root: yaml.MappingNode, section: Section, entry: tuple[str, Mapping[str, Any]]) -> Splice:
    """Return the splice that adds a named entry at a section's end, and the section itself where there is none.

    An adapter or peer that fits into one line gets one; a sync is spread over several, as people write them.
    """
    name, values = entry
    eol, block = eol_of(text), section == "syncs"
    line = f"{eol}{' ' * INDENT}{entry_text(name, values, indent=INDENT, eol=eol, block=block)}"
    node = _value(root, section)
    if node is None:
        gap = eol if text.endswith("\n") else eol * 2
        return Splice(len(text), len(text), f"{gap}{section}:{line}{eol}")
    if isinstance(node, yaml.MappingNode) and node.value:
        return add_entries(text, node, {name: values}, block=block)
    key = next(key for word, key, _ in entries(root) if word == section)
    return Splice(after_colon(text, key), end_of(text, node), line)


def references(root: yaml.MappingNode, adapter: str) -> list[yaml.Node]:
    """Return the places at which syncs name an adapter."""
    found: list[yaml.Node] = []
    syncs = _value(root, "syncs")
    for _, _, sync in entries(syncs) if isinstance(syncs, yaml.MappingNode) else ():
        for key, _, value in entries(sync) if isinstance(sync, yaml.MappingNode) else ():
            if key == "source":
                found.append(value)
            elif key == "targets" and isinstance(value, yaml.SequenceNode):
                found += value.value
    return [node for node in found if isinstance(node, yaml.ScalarNode) and node.value == adapter]


def mappings(section: object) -> list[tuple[str, dict[str, Any]]]:
    """Return a section's entries that are mappings, from plain values of whatever shape."""
    named = section.items() if isinstance(section, dict) else ()
    return [(name, values) for name, values in named if isinstance(values, dict)]


def targets_of(sync: Mapping[str, Any]) -> list[Any]:
    """Return the targets a sync names, from plain values of whatever shape."""
    targets = sync.get("targets")
    return targets if isinstance(targets, list) else []


def settled(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the file's values with an empty section and a missing one alike."""
    return {key: value for key, value in data.items() if value or key not in SECTIONS}


def _value(root: yaml.MappingNode, section: Section) -> yaml.Node | None:
    return next((value for key, _, value in entries(root) if key == section), None)
