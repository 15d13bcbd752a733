"""A list inside a YAML text, edited where it stands: nothing else in the file moves, comments least of all.

A mark of the parser tells where a node begins; it does not tell which comment belongs to whom. Here a line belongs to
the entry above it when it is indented deeper than the entry's dash, and to the entry below it otherwise. Every edited
text is read again before it is handed out: it must hold exactly the members that are wanted, and everything else as
before. What cannot be edited that way (an entry that an alias repeats elsewhere) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from adapters.endpoints.entries import Shape
from adapters.endpoints.list_file import ListText
from adapters.endpoints.yaml_nodes import Listed, find_list, name_of, value_of
from adapters.endpoints.yaml_written import written, written_mapping
from engine.errors import RemoteRefused
from engine.reconcile.records import Value

Splice = tuple[int, int, str]
"""Put this text in place of what stands from here to there."""

INDENTED_LIST = re.compile(r"^( *)[^\s#-][^\n]*:[ \t]*(?:#[^\n]*)?\r?\n( *)- ", re.MULTILINE)


class YamlText(ListText):
    """The entries of a list in block style (one dash a line) or flow style (in brackets)."""

    def __init__(self, listed: Listed, shape: Shape) -> None:
        super().__init__(listed.values, shape)
        self.listed = listed
        self.text = listed.text
        self.newline = "\r\n" if "\r\n" in self.text else "\n"

    def render(self) -> bytes:
        """Return the file's bytes; those it was made from as long as nothing was done.

        Raises `RemoteRefused` when the list cannot be edited without touching what is not to change.
        """
        if self.kept() == list(range(self.before)) and not self.changed:
            return self.listed.mark + self.text.encode()
        for text in self._editions():
            if self._holds(text):
                return self.listed.mark + text.encode()
        raise RemoteRefused(
            f"{self.shape.where}: the list cannot be edited in its place; an alias or its layout stands in the way. "
            "Write it as one entry a line."
        )

    def _editions(self) -> Iterator[str]:
        """Return texts that may be the edited one, the best first."""
        node = self.listed.node
        if not self.before:
            yield self._filled_block()
            yield self._filled_flow()
        elif isinstance(node, yaml.CollectionNode) and node.flow_style:
            yield self._flow()
        else:
            yield self._block()

    def _holds(self, text: str) -> bool:
        """Whether a text holds exactly the wanted entries, and all else as before."""
        try:
            found = find_list(text.encode(), self.listed.at, self.listed.path)
        except RemoteRefused:
            return False
        wanted = [self.items[place] for place in self.kept()]
        return bool(found.values == wanted and _surroundings(found) == _surroundings(self.listed))

    def _block(self) -> str:
        """Return the text with a dash a line; entries go with their lines, new ones come behind the last."""
        column = self.listed.node.start_mark.column
        regions = self._regions(column)
        if len(regions) != self.before:
            return self.text
        if not self.kept():
            return self._emptied(regions)
        splices: list[Splice] = []
        for place, (start, end) in enumerate(regions):
            if place in self.dropped:
                splices.append((start, end, ""))
            elif place in self.changed:
                splices += self._changed_entry(place, end, column)
        blanks = self._after_dash()
        added = [self._block_entry(self.items[place], column, blanks) for place in self.kept() if place >= self.before]
        splices.append(self._inserted(regions[-1][1], added))
        return spliced(self.text, splices)

    def _regions(self, column: int) -> list[tuple[int, int]]:
        """Return where each entry's lines begin and end; comments for the next entry are left out."""
        first, end = self.listed.node.start_mark.index, self.listed.node.end_mark.index
        dash = re.compile(rf"^ {{{column}}}-(?=\s|\Z)", re.MULTILINE)
        starts = [match.start() for match in dash.finditer(self.text, self._line_start(first), end)]
        return [
            (start, start + len(_own_lines(self.text[start:following], column)))
            for start, following in zip(starts, [*starts[1:], end], strict=True)
        ]

    def _changed_entry(self, place: int, end: int, column: int) -> list[Splice]:
        """Return what to splice for an entry whose fields differ, or that was a plain text."""
        node, fields = self.listed.node.value[place], self.changed[place]
        start, stop = node.start_mark.index, node.end_mark.index
        if fields is None:
            margin = " " * (column + 1 + len(self._after_dash()))
            return [(start, stop, self._block_value(self.items[place], margin, _quotes(node)))]
        own = {name_of(key): value for key, value in node.value}
        splices = [self._field_value(own[name], value) for name, value in fields.items() if name in own]
        new = {name: value for name, value in fields.items() if name not in own}
        if new and node.flow_style:
            pairs = "".join(f", {written(name, flow=True)}: {written(value, flow=True)}" for name, value in new.items())
            splices.append((stop - 1, stop - 1, pairs))
        elif new:
            margin = " " * node.start_mark.column
            splices.append(
                self._inserted(end, [f"{margin}{written(name)}: {written(value)}" for name, value in new.items()])
            )
        return splices

    def _field_value(self, node: yaml.Node, value: Value) -> Splice:
        start, end = node.start_mark.index, node.end_mark.index
        old = self.text[start:end]
        text = written(value, quotes=_quotes(node), flow=True)
        if not old and self.text[start - 1 : start] == ":":
            text = f" {text}"
        return start, start + len(old.rstrip()), text

    def _emptied(self, regions: list[tuple[int, int]]) -> str:
        splices: list[Splice] = [(start, end, "") for start, end in regions]
        if self.listed.field is None:
            splices[0] = (*regions[0], f"[]{self.newline}")
        else:
            colon = self.text.index(":", self.listed.field.end_mark.index) + 1
            splices.insert(0, (colon, colon, " []"))
        return spliced(self.text, splices)

    def _filled_block(self) -> str:
        """Return the text with an empty list written out, one dash a line, under the key it stands under."""
        node, field = self.listed.node, self.listed.field
        start, end = node.start_mark.index, node.end_mark.index
        if field is None:
            return spliced(
                self.text, [(start, end, self.newline.join(self._block_entry(item, 0, " ") for item in self.items))]
            )
        column = field.start_mark.column + self._usual_indentation()
        lines = [self._block_entry(item, column, " ") for item in self.items]
        begin = len(self.text[:start].rstrip(" "))
        line_end = self.text.find("\n", end) + 1 or len(self.text)
        return spliced(self.text, [(begin, end, ""), self._inserted(line_end, lines)])

    def _filled_flow(self) -> str:
        """Return the text with an empty list written out in brackets: it stands where no lines can."""
        start, end = self.listed.node.start_mark.index, self.listed.node.end_mark.index
        blank = " " if self.text[start - 1 : start] == ":" else ""
        return spliced(self.text, [(start, end, f"{blank}[{', '.join(map(_flow_entry, self.items))}]")])

    def _flow(self) -> str:
        """Return the text of a list in brackets; entries that stay keep what stands before them."""
        nodes = self.listed.node.value
        spans = [(node.start_mark.index, node.end_mark.index) for node in nodes]
        start, end = self.listed.node.start_mark.index, self.listed.node.end_mark.index
        edges = [start + 1, *(edge for span in spans for edge in span), end - 1]
        if edges != sorted(edges):
            return self.text
        gaps = [self.text[before:after] for before, after in zip(edges[::2], edges[1::2], strict=True)]
        pieces: list[str] = []
        for place in self.kept():
            old = place < self.before and place not in self.changed
            entry = self.text[slice(*spans[place])] if old else _flow_entry(self.items[place])
            gap = gaps[0] if not pieces else gaps[place] if 0 < place < self.before else ", "
            pieces.append(gap + entry)
        return spliced(self.text, [(start + 1, end - 1, "".join(pieces) + (gaps[-1] if pieces else ""))])

    def _block_entry(self, item: Any, column: int, blanks: str) -> str:
        quotes = self._last_quotes()
        return f"{' ' * column}-{blanks}{self._block_value(item, ' ' * (column + 1 + len(blanks)), quotes)}"

    def _block_value(self, item: Any, margin: str, quotes: str) -> str:
        if not isinstance(item, dict):
            return written(item, quotes=quotes)
        lines = [f"{written(name)}: {written(value, quotes=quotes)}" for name, value in item.items()]
        return f"{self.newline}{margin}".join(lines)

    def _inserted(self, place: int, lines: list[str]) -> Splice:
        """Return the splice that puts whole lines at a place, which is the start of a line or the end of the text."""
        if not lines:
            return place, place, ""
        block = self.newline.join(lines)
        at_line_start = place == 0 or self.text[place - 1] == "\n"
        return place, place, block + self.newline if at_line_start else self.newline + block

    def _after_dash(self) -> str:
        """Return the blanks between dash and content that the last entry has."""
        node = self.listed.node.value[-1]
        blanks = self.text[self._line_start(node.start_mark.index) : node.start_mark.index].rpartition("-")[2]
        return blanks if blanks and not blanks.strip(" ") else " "

    def _last_quotes(self) -> str:
        """Return the quotes around the last entry's key; texts like it are written like it."""
        if not self.before:
            return ""
        node = self.listed.node.value[-1]
        if isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if name_of(key) == self.shape.key), node)
        return _quotes(node)

    def _usual_indentation(self) -> int:
        """Return how far the file indents lists under their keys; two where it has none."""
        found = INDENTED_LIST.search(self.text)
        return max(len(found.group(2)) - len(found.group(1)), 0) if found else 2

    def _line_start(self, place: int) -> int:
        return self.text.rfind("\n", 0, place) + 1


def spliced(text: str, splices: list[Splice]) -> str:
    """Return the text with every splice made; those at the same place in the order given."""
    pieces, done = [], 0
    for start, end, piece in sorted(splices, key=lambda splice: splice[0]):
        pieces += [text[done:start], piece]
        done = max(done, end)
    return "".join([*pieces, text[done:]])


def _quotes(node: yaml.Node) -> str:
    """Return the quotes around a scalar; block styles and collections have none."""
    return node.style if isinstance(node, yaml.ScalarNode) and node.style in {"'", '"'} else ""


def _flow_entry(item: Any) -> str:
    return written_mapping(item) if isinstance(item, dict) else written(item, flow=True)


def _own_lines(text: str, column: int) -> str:
    """Return an entry's lines without the blank lines and comments at their end that speak of what follows."""
    lines = text.splitlines(keepends=True)
    while len(lines) > 1:
        line = lines[-1].strip()
        indented = len(lines[-1]) - len(lines[-1].lstrip(" "))
        if line and not (line.startswith("#") and indented <= column):
            break
        lines.pop()
    return "".join(lines)


def _surroundings(listed: Listed) -> Any:
    """Return everything the file says beside the list, as plain values."""
    *steps, last = listed.at.split(".") if listed.at else [""]
    if not last:
        return None
    whole = inner = value_of(listed.root)
    for step in steps:
        inner = inner[step]
    inner[last] = None
    return whole
