"""A CSV file as it is edited: rows that do not change are written back as the text they were read from."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from adapters.endpoints.csv_text import Row, Table
from adapters.endpoints.document import Document
from adapters.endpoints.values import nearest
from engine.reconcile.records import Value, text_of


@dataclass(slots=True)
class Line:
    """One row, and the text it stands in: `body` without line end. A blank line has an empty row."""

    row: Row
    body: str
    end: str


class CsvDocument(Document):
    """Rows of a CSV file at numbered places. New rows are quoted and ended as the last one is."""

    def __init__(self, table: Table) -> None:
        self.table = table
        lines = [_line(row, text) for row, text in table.tracked()]
        header = next(number for number, line in enumerate(lines) if line.row)
        self.newline = lines[header].end or "\n"
        self.ended = bool(lines[-1].end)
        """Whether the last line has a line end; that is kept."""
        self.above = lines[: header + 1]
        self.below: list[Line | None] = list(lines[header + 1 :])
        """Everything under the header, blank lines too; None is what was dropped."""
        self.members = [place for place, line in enumerate(lines[header + 1 :]) if line.row]
        self.pattern = next((line for line in reversed(lines) if line.row), lines[header])

    def spellings(self) -> Iterable[str | None]:
        for place in range(len(self.members)):
            spelling = self.table.unescape(self._line(place).row[self.table.key])
            yield spelling if spelling.strip() else None

    def values(self, place: int) -> Mapping[str, Value]:
        row = self._line(place).row
        return {name: self.table.unescape(cell) for name, cell in zip(self.table.names, row, strict=True)}

    def objection(self, spelling: str, attributes: Mapping[str, Value]) -> str:
        for name in attributes:
            if self.table.find(name) is None:
                return f"{self.table.path} has no column {name!r}. {nearest(name, filter(None, self.table.names))}"
        for text in (spelling, *map(text_of, attributes.values())):
            if "\0" in text:
                return f"{text!r} holds a NUL character."
            try:
                text.encode(self.table.encoding)
            except UnicodeEncodeError:
                return f"{text!r} cannot be written as {self.table.encoding}. Save {self.table.path} as UTF-8."
        return ""

    def add(self, spelling: str, attributes: Mapping[str, Value]) -> None:
        row = [""] * len(self.table.header)
        self.members.append(len(self.below))
        self.below.append(self._written(row, spelling, attributes, like=self.pattern))

    def alter(self, place: int, spelling: str, attributes: Mapping[str, Value]) -> None:
        line = self._line(place)
        self.below[self.members[place]] = self._written(line.row, spelling, attributes, like=line)

    def drop(self, place: int) -> None:
        self.below[self.members[place]] = None

    def render(self) -> bytes:
        """Return the file's bytes; those it was made from as long as nothing was done."""
        lines = [line for line in (*self.above, *self.below) if line is not None]
        text = "".join(line.body + (line.end or self.newline) for line in lines[:-1])
        text += lines[-1].body + ((lines[-1].end or self.newline) if self.ended else "")
        return self.table.mark + text.encode(self.table.encoding)

    def _line(self, place: int) -> Line:
        line = self.below[self.members[place]]
        if line is None:
            raise LookupError(f"The member at place {place} was dropped.")
        return line

    def _written(self, row: Row, spelling: str, attributes: Mapping[str, Value], *, like: Line) -> Line:
        """Return a line with these values in their columns, quoted and ended like another line."""
        cells = list(row)
        held = {self.table.key: spelling}
        held |= {self.table.column(name): text_of(value) for name, value in attributes.items()}
        for column, text in held.items():
            if self.table.unescape(cells[column]) != text:
                cells[column] = self.table.escape(text)
        every_cell = self._formatted(like.row, every_cell=True) == like.body
        return Line(row=cells, body=self._formatted(cells, every_cell=every_cell), end=like.end or self.newline)

    def _formatted(self, row: Row, *, every_cell: bool) -> str:
        """Return a row's text. The writer is told of both line ends, else it leaves them unquoted in cells."""
        """Return a row's text. The writer is told of both line ends, else it leaves them unquoted in cells."""
        text = io.StringIO(newline="")
        delimiter = self.table.dialect.delimiter
        if every_cell:
            csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(row)
        else:
            csv.writer(text, delimiter=delimiter, lineterminator="\r\n").writerow(row)
        return text.getvalue().removesuffix("\r\n")


def _line(row: Row, text: str) -> Line:
    body = text.removesuffix("\n").removesuffix("\r")
    return Line(row=row, body=body, end=text[len(body) :])
