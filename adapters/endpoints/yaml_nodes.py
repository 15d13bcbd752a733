"""YAML as nodes with their places in the text: checked for twins and bombs, and turned into plain values.

Plain scalars mean what YAML 1.2 says and what YAML 1.1 agrees with: `no` and `on` are texts, and so are dates and
numbers with leading zeros. The libyaml parser gives places and is the quick one.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from adapters.endpoints.file_endpoint import decoded, refuse_nul
from adapters.endpoints.values import nearest
from engine.errors import RemoteRefused

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
LARGEST = 5_000_000
"""Nodes once all aliases are followed; nested aliases can multiply to more than any memory holds (billion laughs)."""

STANDARD = "tag:yaml.org,2002:"
INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?")
TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
NOTHING = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A list inside a YAML text."""

    text: str
    mark: bytes
    path: Path
    at: str
    root: yaml.Node
    node: yaml.Node
    """The list, or a null in its place that counts as an empty one."""
    field: yaml.Node | None
    """The key that the list stands under; None when the file is the list."""
    values: list[Any]
    aliased: frozenset[int]
    """Identities of nodes that stand in more than one place: their marks tell only the first."""


def find_list(data: bytes, at: str, path: Path) -> Listed:
    """Return the list at a dotted path. The whole text is read and checked, not only up to the list.

    Raises `RemoteRefused` for what is not YAML, for a key that stands twice, and where there is no list.
    """
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    refuse_nul(data, path)
    text = decoded(data.removeprefix(mark), "utf-8", path)
    root = _composed(text, path)
    aliased = _checked(root, path)
    node, field = _find(root, at, path)
    empty = isinstance(node, yaml.ScalarNode) and value_of(node) is None
    if not empty and not isinstance(node, yaml.SequenceNode):
        raise RemoteRefused(f"{path}: {at or 'the top'} is not a list. Name the list in `at`.")
    values = [] if empty else [value_of(item) for item in node.value]
    return Listed(
        text=text, mark=mark, path=path, at=at, root=root, node=node, field=field, values=values, aliased=aliased
    )


def value_of(node: yaml.Node) -> Any:
    """Return what a node means as texts, numbers, lists and mappings; merge keys (`<<`) are followed."""
    if isinstance(node, yaml.SequenceNode):
        return [value_of(item) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        return {name_of(key): value_of(value) for key, value in _merged(node)}
    return scalar_value(node.value, plain=not getattr(node, "style", ""), tag=node.tag)


def name_of(key: yaml.Node) -> str:
    """Return a field's name as it is written, whatever a schema would make of it."""
    return key.value if isinstance(key, yaml.ScalarNode) else str(value_of(key))


def scalar_value(text: str, *, plain: bool, tag: str) -> Any:
    """Return what a scalar means: a text, unless YAML 1.1 (its tag) and YAML 1.2 agree that it is something else."""
    match tag.removeprefix(STANDARD):
        case "null" if plain and text in NOTHING:
            return None
        case "bool" if plain and text in TRUTHS:
            return TRUTHS[text]
        case "int" if plain and INTEGER.fullmatch(text):
            return int(text)
        case "float" if plain and FLOAT.fullmatch(text):
            return float(text)
    return text


def _composed(text: str, path: Path) -> yaml.Node:
    try:
        root = yaml.compose(text, Loader=LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise RemoteRefused(f"{path}{line}: {error.problem or error.context}. Mend the YAML.") from error
    except yaml.YAMLError as error:
        raise RemoteRefused(f"{path} is not YAML: {str(error).splitlines()[0]}.") from error
    except RecursionError as error:
        raise RemoteRefused(f"{path} is nested too deeply to be read.") from error
    if root is None:
        raise RemoteRefused(f"{path} is empty. An empty list is written [].")
    node: yaml.Node = root
    return node


def _checked(root: yaml.Node, path: Path) -> frozenset[int]:
    """Return the nodes that aliases name; refuse twins, loops, and aliases that multiply."""
    sizes: dict[int, int] = {}
    aliased: set[int] = set()

    def size(node: yaml.Node) -> int:
        if id(node) in sizes:
            aliased.add(id(node))
            if not sizes[id(node)]:
                raise RemoteRefused(
                    f"{path}, line {node.start_mark.line + 1}: a node contains itself. Remove the alias."
                )
            return sizes[id(node)]
        sizes[id(node)] = 0
        if isinstance(node, yaml.MappingNode):
            _refuse_twins(node, path)
        total = 1 + sum(map(size, _children(node)))
        if total > LARGEST:
            raise RemoteRefused(f"{path}: aliases multiply to more than {LARGEST:,} nodes. Write the lists out.")
        sizes[id(node)] = total
        return total

    try:
        size(root)
    except RecursionError as error:
        raise RemoteRefused(f"{path} is nested too deeply to be read.") from error
    return frozenset(aliased)


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _refuse_twins(node: yaml.MappingNode, path: Path) -> None:
    seen: set[tuple[str, str]] = set()
    for key, _ in node.value:
        name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else (key.tag, str(id(key)))
        if name in seen:
            raise RemoteRefused(
                f"{path}, line {key.start_mark.line + 1}: the key {key.value!r} stands twice in one mapping; programs "
                "disagree on which one counts. Remove one."
            )
        seen.add(name)


def _merged(node: yaml.MappingNode) -> list[tuple[yaml.Node, yaml.Node]]:
    """Return a mapping's pairs with merge keys followed: its own pairs win, earlier merges win over later ones."""
    own = [(key, value) for key, value in node.value if key.tag != f"{STANDARD}merge"]
    merged: list[tuple[yaml.Node, yaml.Node]] = []
    for key, value in node.value:
        if key.tag == f"{STANDARD}merge":
            sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for source in reversed(sources):
                merged += _merged(source) if isinstance(source, yaml.MappingNode) else []
    return merged + own


def _find(root: yaml.Node, at: str, path: Path) -> tuple[yaml.Node, yaml.Node | None]:
    node, field = root, None
    walked: list[str] = []
    for step in at.split(".") if at else []:
        if not isinstance(node, yaml.MappingNode):
            here = ".".join(walked) or "the top"
            raise RemoteRefused(f"{path}: {here} is no mapping, so it has no field {step!r}. Mend `at`.")
        pair = next(((key, value) for key, value in node.value if name_of(key) == step), None)
        if pair is None:
            names = [name_of(key) for key, _ in node.value]
            raise RemoteRefused(f"{path} has no {step!r} for `at: {at}`. {nearest(step, names)}")
        field, node = pair
        walked.append(step)
    return node, field
