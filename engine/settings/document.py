"""The workspace file as a tree that knows its places: YAML 1.2's plain scalars, bounded, every key once.

YAML 1.1, PyYAML's default, reads `no` as false, `12:30` as 750 and 2024-01-01 as a date; editors, the JSON Schema and
the console's own writer read 1.2. All of them must see the same file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from engine.errors import SettingsError

LARGEST_BYTES = 1_000_000
MOST_NODES = 100_000
"""With every alias counted as often as it is used: a file of a few lines can stand for billions of nodes."""
DEEPEST = 40
"""Settings are four levels deep. Checked before anything recurses."""

LONGEST_NUMBER = 18
"""Digits of a whole number; what 64 bits cannot hold is a text here, and so no setting takes it."""

_PREFIX = "tag:yaml.org,2002:"
_MERGE = "<<"
_TAB_INDENT = re.compile(r"^[ ]*\t[\t ]*[^\s#]", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


CORE_SCHEMA = tuple(
    (_PREFIX + tag, re.compile(pattern), first)
    for tag, pattern, first in (
        ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
        ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
        ("int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
        (
            "float",
            r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
            list("-+.0123456789"),
        ),
    )
)
"""(tag, pattern, first characters) of the plain scalars that are no text (YAML 1.2.2 §10.3.2)."""


class _Loader(yaml.CSafeLoader):
    """libyaml's parser with the core schema of YAML 1.2."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012  PyYAML declares it so


for _tag, _pattern, _first in CORE_SCHEMA:
    _Loader.add_implicit_resolver(_tag, _pattern, _first)


class Problem(NamedTuple):
    """One fault of a file. `path` is dotted (`adapters.people.url`); a form shows the sentence beside that field."""

    line: int
    column: int
    path: str
    sentence: str
    file: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: "
        return f"{place}{self.path}: {self.sentence}" if self.path else f"{place}{self.sentence}"


@dataclass(slots=True)
class Document:
    """A parsed file, and the problems found in it so far."""

    file: str
    """The name that problems start with."""
    root: yaml.MappingNode
    _problems: list[Problem] = field(default_factory=list)

    def problem(self, node: yaml.Node, path: str, sentence: str) -> None:
        """Note a problem at a node."""
        mark = node.start_mark
        self._problems.append(Problem(mark.line + 1, mark.column + 1, path, sentence, self.file))

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every problem once, in the order of the file."""
        return tuple(dict.fromkeys(sorted(self._problems)))


def parse(data: bytes, file: str) -> Document:
    """Return a workspace's file as a tree. Raises `SettingsError` when it is no YAML that can be trusted to mean one
    thing, or no mapping."""
    root = compose(data, file)
    if root is None:
        raise SettingsError(
            f"{file}: the file is empty. Start it with `syncdeck: 1`, or let `syncdeck init` write one."
        )
    if not isinstance(root, yaml.MappingNode):
        raise SettingsError(f"{file}:1:1: found {found(root)}; expected a mapping that starts with `syncdeck: 1`.")
    return inspected(root, file)


def compose(data: bytes, file: str) -> yaml.Node | None:
    """Return what a file holds, None for nothing; `inspected` comes next. Raises `SettingsError` if it is no YAML."""
    text = _decode(data, file)
    if tab := _TAB_INDENT.search(text):
        line = text.count("\n", 0, tab.start()) + 1
        raise SettingsError(
            f"{file}:{line}:1: a tab indents this line. YAML allows only spaces: replace the tab by spaces."
        )
    try:
        root: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
        raise SettingsError(f"{place}: this is no valid YAML: {_fault_of(error)}.") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise SettingsError(f"{file}: this is no valid YAML: {type(error).__name__}.") from error
    return root


def inspected(root: yaml.MappingNode, file: str) -> Document:
    """Return a mapping as a document, with the problems that need no knowledge of settings."""
    document = Document(file, root)
    _inspect(document)
    return document


def entries(node: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
    """Yield (key, key's node, value's node) of a mapping; of a key that is given twice, the first."""
    seen = set()
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode) and key.value not in seen:
            seen.add(key.value)
            yield key.value, key, value


def plain(node: yaml.Node) -> Any:
    """Return a node as Python values: text, numbers, flags, None, lists and mappings."""
    match node:
        case yaml.MappingNode():
            return {key: plain(value) for key, _, value in entries(node)}
        case yaml.SequenceNode():
            return [plain(item) for item in node.value]
    text: str = node.value
    match node.tag.removeprefix(_PREFIX):
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int" if len(text) <= LONGEST_NUMBER:
            return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
        case "float":
            return float(text.replace(".inf", "inf").replace(".nan", "nan").replace(".Inf", "inf"))
        case _:
            return text


def found(node: yaml.Node) -> str:
    """Return what stands at a node, in words for a message."""
    match plain(node):
        case None:
            return "nothing"
        case bool() as flag:
            return "true" if flag else "false"
        case int() | float():
            return f"the number {node.value}"
        case str() as text:
            return f"the text {text!r}" if len(text) <= 60 else f"the text {text[:57] + '…'!r}"
        case list():
            return "a list"
        case _:
            return "a mapping"


def _decode(data: bytes, file: str) -> str:
    if len(data) > LARGEST_BYTES:
        raise SettingsError(
            f"{file}: the file has {len(data):,} bytes; at most {LARGEST_BYTES:,} are read. Is it the right one?"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{file}:{line}: the file is not in UTF-8. Save it in UTF-8.") from error
    if control := _CONTROL.search(text):
        line = text.count("\n", 0, control.start()) + 1
        raise SettingsError(f"{file}:{line}: the control character U+{ord(control[0]):04X} stands here. Remove it.")
    if _too_deep(text):
        raise SettingsError(f"{file}: brackets are nested more than {DEEPEST} deep. Settings never are.")
    return text


def _too_deep(text: str) -> bool:
    """Tell whether flow brackets nest so deep that a recursive parser would run out of stack."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return False
    depth = 0
    for bracket in re.finditer(r"[\[\]{}]", text):
        depth = depth + 1 if bracket[0] in "[{" else max(0, depth - 1)
        if depth > DEEPEST:
            return True
    return False


def _fault_of(error: yaml.MarkedYAMLError) -> str:
    """Return libyaml's own words, with what they usually mean beside the commonest of them."""
    words = " ".join(part for part in (error.context, error.problem) if part) or "it cannot be parsed"
    hints = {
        "mapping values are not allowed": "; is a text with a colon missing its quotes, or a line indented too far?",
        "could not find expected ':'": "; is a colon, or the space after it, missing?",
        "did not find expected key": "; does this line's indentation fit the lines above, is a quote left open?",
        "undefined alias": "; put a text that starts with * into quotes",
        "expected a single document": "; the file holds several documents (---), one is allowed",
        "expected <document end>": "; does this line's indentation fit the lines above?",
    }
    return words + next((hint for sign, hint in hints.items() if sign in words), "")


def _inspect(document: Document) -> None:
    """Refuse what could mean two things or never end; raises at once where walking on would be unsafe."""
    count = 0
    stack: list[tuple[yaml.Node, str, int]] = [(document.root, "", 0)]
    while stack:
        node, path, depth = stack.pop()
        count += 1
        if count > MOST_NODES or depth > DEEPEST:
            line = node.start_mark.line + 1
            raise SettingsError(
                f"{document.file}:{line}: aliases (*name) blow this file up beyond all measure. Write it out."
            )
        if not node.tag.startswith(_PREFIX) or node.tag.removeprefix(_PREFIX) not in _TAGS:
            document.problem(node, path, f"the tag {node.tag} is not read here. Remove it.")
        if isinstance(node, yaml.SequenceNode):
            stack.extend((item, f"{path}[{index}]", depth + 1) for index, item in enumerate(node.value))
        elif isinstance(node, yaml.MappingNode):
            stack.extend((value, name, depth + 1) for value, name in _values_of(document, node, path))


_TAGS = frozenset({"null", "bool", "int", "float", "str", "seq", "map"})


def _values_of(document: Document, node: yaml.MappingNode, path: str) -> Iterator[tuple[yaml.Node, str]]:
    """Yield a mapping's values with their paths, and note keys that are no words or stand there twice."""
    lines: dict[str, int] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            document.problem(key, path, f"found {found(key)} as a name; expected a word.")
            continue
        name = joined(path, key.value)
        if key.value in lines:
            document.problem(
                key, name, f"stands here for the second time, first in line {lines[key.value]}. Remove one."
            )
        elif key.value == _MERGE:
            document.problem(key, name, "merging is not read here. Write the settings out, or alias a whole value.")
        lines.setdefault(key.value, key.start_mark.line + 1)
        yield value, name


def joined(path: str, name: str) -> str:
    """Return the dotted path of a name below a path."""
    return f"{path}.{name}" if path else name
