"""JSON as text: one list found inside it with every entry's place, and edited entry by entry."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.endpoints.entries import Shape
from adapters.endpoints.file_endpoint import decoded
from adapters.endpoints.list_file import ListText
from adapters.endpoints.values import nearest
from engine.errors import RemoteRefused

BLANK = re.compile(r"[ \t\r\n]*")
INDENTED = re.compile(r"\n([ \t]+)\S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A list inside a text: its entries, where each stands, and where the list itself begins and ends."""

    text: str
    mark: bytes
    start: int
    end: int
    """The whole list, brackets included; `null` in its place counts as an empty list."""
    values: Sequence[Any]
    spans: Sequence[tuple[int, int]]


def find_list(data: bytes, at: str, path: Path) -> Listed:
    """Return the list that stands at a dotted path. The whole text is read and checked, not only up to the list.

    Raises `RemoteRefused` for what is not JSON, for a field that stands twice, and where there is no list.
    """
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    scan = _Scan(decoded(data.removeprefix(mark), "utf-8", path), path)
    try:
        found = scan.whole(at)
    except json.JSONDecodeError as error:
        raise RemoteRefused(
            f"{path}, line {error.lineno}, column {error.colno}: {error.msg}. Mend it; it may have been cut short."
        ) from error
    except RecursionError as error:
        raise RemoteRefused(f"{path} is nested too deeply to be read.") from error
    return Listed(text=scan.text, mark=mark, start=found.start, end=found.end, values=found.values, spans=found.spans)


@dataclass(frozen=True, slots=True)
class _Found:
    start: int
    end: int
    values: list[Any]
    spans: list[tuple[int, int]]


class _Scan:
    """A reader that goes through a JSON text once and remembers places in it."""

    def __init__(self, text: str, path: Path) -> None:
        self.text = text
        self.path = path
        self.place = 0
        self.decoder = json.JSONDecoder(object_pairs_hook=self._object, parse_constant=self._constant)

    def whole(self, at: str) -> _Found:
        """Return the list at the dotted path, after making sure that nothing but blanks follows the JSON."""
        if not self.text.strip():
            raise RemoteRefused(f"{self.path} is empty. An empty list is written [].")
        steps = at.split(".") if at else []
        found = self._find(steps, steps)
        self._blank()
        if self.place != len(self.text):
            raise json.JSONDecodeError("There is more after the end", self.text, self.place)
        return found

    def _find(self, steps: list[str], all_steps: list[str]) -> _Found:
        self._blank()
        if not steps:
            return self._list(".".join(all_steps))
        if self._peek() != "{":
            self._value()
            walked = ".".join(all_steps[: len(all_steps) - len(steps)]) or "the top"
            raise RemoteRefused(f"{self.path}: {walked} is no mapping, so it has no field {steps[0]!r}. Mend `at`.")
        found: _Found | None = None
        names: list[str] = []
        for name in self._members():
            if name in names:
                raise self._twin(name)
            names.append(name)
            if name == steps[0]:
                found = self._find(steps[1:], all_steps)
            else:
                self._value()
        if found is None:
            wanted = ".".join(all_steps)
            raise RemoteRefused(f"{self.path} has no {steps[0]!r} for `at: {wanted}`. {nearest(steps[0], names)}")
        return found

    def _list(self, at: str) -> _Found:
        start = self.place
        if self._peek() != "[":
            if self._value() is None:
                return _Found(start, self.place, [], [])
            raise RemoteRefused(f"{self.path}: {at or 'the top'} is not a list. Name the list in `at`.")
        values: list[Any] = []
        spans: list[tuple[int, int]] = []
        self._take("[")
        while self._peek() != "]":
            if values:
                self._take(",")
            begin = self.place
            values.append(self._value())
            spans.append((begin, self.place))
            self._blank()
        end = self.place + 1
        self._take("]")
        return _Found(start, end, values, spans)

    def _members(self) -> Iterator[str]:
        """Yield each field's name; whoever asks reads the value before he asks again."""
        self._take("{")
        first = True
        while self._peek() != "}":
            if not first:
                self._take(",")
            if self._peek() != '"':
                raise json.JSONDecodeError("Expecting a field name in double quotes", self.text, self.place)
            name = str(self._value())
            self._blank()
            self._take(":")
            yield name
            self._blank()
            first = False
        self._take("}")

    def _value(self) -> Any:
        value, self.place = self.decoder.raw_decode(self.text, self.place)
        return value

    def _peek(self) -> str:
        return self.text[self.place : self.place + 1]

    def _take(self, character: str) -> None:
        if self._peek() != character:
            raise json.JSONDecodeError(f"Expecting {character!r}", self.text, self.place)
        self.place += 1
        self._blank()

    def _blank(self) -> None:
        blank = BLANK.match(self.text, self.place)
        self.place = blank.end() if blank else self.place

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) != len(pairs):
            names = [name for name, _ in pairs]
            raise self._twin(next(name for name in names if names.count(name) > 1))
        return fields

    def _constant(self, word: str) -> Any:
        raise RemoteRefused(f"{self.path}: {word} is no JSON number. Write null, or a number.")

    def _twin(self, name: str) -> RemoteRefused:
        line = self.text.count("\n", 0, self.place) + 1
        return RemoteRefused(
            f"{self.path}: the field {name!r} stands twice in the mapping that ends by line {line}; programs disagree "
            "on which one counts. Remove one."
        )


class JsonText(ListText):
    """A list inside a JSON text, edited: entries that stay are copied with the blanks around them."""

    def __init__(self, listed: Listed, shape: Shape) -> None:
        super().__init__(listed.values, shape)
        self.text = listed.text
        self.listed = listed
        self.newline = "\r\n" if "\r\n" in self.text else "\n"
        indented = INDENTED.search(self.text)
        self.unit = indented.group(1) if indented else "  "
        self.ascii = self.text.isascii() and "\\u" in self.text
        self.compact = '":' in self.text and '": ' not in self.text
        self.many_lines = "\n" in self.text[slice(*listed.spans[-1])] if listed.spans else "\n" in self.text.strip()
        self.first_gap, self.gap, self.last_gap = self._gaps()

    def render(self) -> bytes:
        """Return the file's bytes; those it was made from as long as nothing was done."""
        places = self.kept()
        if places == list(range(self.before)) and not self.changed:
            body = self.text[self.listed.start : self.listed.end]
        else:
            pieces = [
                self._gap_before(place, first=not number) + self._entry(place) for number, place in enumerate(places)
            ]
            body = f"[{''.join(pieces)}{self.last_gap if pieces else ''}]"
        return self.listed.mark + (self.text[: self.listed.start] + body + self.text[self.listed.end :]).encode()

    def _gaps(self) -> tuple[str, str, str]:
        """Return what stands before the first entry, before any other (with the comma), and after the last one."""
        spans, end = self.listed.spans, self.listed.end - 1
        if not spans:
            if "\n" not in self.text.strip():
                return "", "," if self.compact else ", ", ""
            base = self._indentation(self.listed.start)
            lead = f"{self.newline}{base}{self.unit}"
            return lead, f",{lead}", f"{self.newline}{base}"
        first = self.text[self.listed.start + 1 : spans[0][0]]
        gap = self.text[spans[-2][1] : spans[-1][0]] if len(spans) > 1 else f",{first or ' '}"
        return first, gap, self.text[spans[-1][1] : end]

    def _gap_before(self, place: int, *, first: bool) -> str:
        if first:
            return self.first_gap
        if place < self.before:
            return self.text[self.listed.spans[place - 1][1] : self.listed.spans[place][0]]
        return self.gap

    def _entry(self, place: int) -> str:
        if place < self.before and place not in self.changed:
            return self.text[slice(*self.listed.spans[place])]
        many_lines = "\n" in self.text[slice(*self.listed.spans[place])] if place < self.before else self.many_lines
        comma = "," if self.compact or many_lines else ", "
        written = json.dumps(
            self.items[place],
            ensure_ascii=self.ascii,
            indent=self.unit if many_lines else None,
            separators=(comma, ":" if self.compact else ": "),
            allow_nan=False,
        )
        margin = self.first_gap.rpartition("\n")[2] if "\n" in self.first_gap else self._indentation(self.listed.start)
        return written.replace("\n", self.newline + margin)

    def _indentation(self, place: int) -> str:
        """Return the blanks at the start of the line that a place stands in."""
        line = self.text[self.text.rfind("\n", 0, place) + 1 : place]
        return line[: len(line) - len(line.lstrip(" \t"))]
