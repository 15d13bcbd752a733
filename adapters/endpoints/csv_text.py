"""CSV as text: read quickly as columns, and edited row by row without touching the other rows."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress, islice
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.endpoints.document import BATCH_ROWS, label_of
from adapters.endpoints.file_endpoint import decoded, refuse_nul
from adapters.endpoints.values import nearest
from engine.errors import RemoteRefused
from engine.reconcile.records import Batch, Carried

if TYPE_CHECKING:
    from _csv import Reader

Row = list[str]

CELL_LIMIT = 16 * 1024 * 1024
"""Characters in one cell. A quote that is never closed swallows the rest of a file; this ends it."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""First characters that make a spreadsheet run a cell (OWASP, CSV Injection)."""
NUMBER = re.compile(r"[+-][0-9][0-9.,]*(?:[eE][+-]?[0-9]+)?")

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte order marks and what they promise. A mark is believed before the settings: Excel writes one unasked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one CSV file is written, and which of its columns count."""

    key: str
    attributes: tuple[str, ...]
    delimiter: str
    encoding: str
    escape: bool


class Table:
    """A CSV file's header, checked, and its rows. Raises `RemoteRefused` for whatever is no table."""

    def __init__(self, data: bytes, path: Path, dialect: Dialect) -> None:
        self.path = path
        self.dialect = dialect
        self.mark, self.encoding = _mark(data, dialect.encoding)
        self.data = data.removeprefix(self.mark)
        self._refuse_nul()
        self.reader = self._reader(self.lines())
        self.header = self._header()
        self.names = tuple(name.strip() for name in self.header)
        self._refuse_twins()
        self.key = self.column(dialect.key)

    def lines(self) -> Iterator[str]:
        """Return the file's lines with their ends, decoded as they are needed."""
        return io.TextIOWrapper(io.BytesIO(self.data), encoding=self.encoding, newline="")

    def column(self, name: str) -> int:
        """Return the number of a column by its header, whatever its letter case. Raises `RemoteRefused`."""
        column = self.find(name)
        if column is None:
            raise RemoteRefused(f"{self.path} has no column {name!r}. {nearest(name, filter(None, self.names))}")
        return column

    def find(self, name: str) -> int | None:
        """Return the number of a column by its header, or None."""
        wanted = name.strip().casefold()
        return next((place for place, known in enumerate(self.names) if known.casefold() == wanted), None)

    def batches(self) -> Iterator[Batch]:
        """Return the rows as columns, once. The key's column is among the attributes too: expressions may name it."""
        columns = self._wanted()
        names = tuple(self.names[column] for column in columns)
        pick = _picker(columns)
        read, rows = 0, self._next_rows()
        while rows:
            following = self._next_rows()
            proof = "" if following else f"end of file, {read + len(rows)} rows"
            yield self._batch(rows, names, pick, first_row=read + 1, proof=proof)
            read, rows = read + len(rows), following
        if not read:
            yield Batch(spellings=(), names=names, proof="end of file, 0 rows")

    def tracked(self) -> Iterator[tuple[Row, str]]:
        """Return every row beside the text it was read from, header and blank lines (as empty rows) included."""
        taken: list[str] = []
        reader = self._reader(_tracking(self.lines(), taken))
        try:
            for row in reader:
                if row and len(row) != len(self.header):
                    raise self._ragged(row, reader.line_num)
                yield row, "".join(taken)
                taken.clear()
        except csv.Error as error:
            raise self._broken(error, reader.line_num) from error
        except UnicodeError:
            decoded(self.data, self.encoding, self.path)
            raise

    def unescape(self, cell: str) -> str:
        """Return what a cell means: an apostrophe before a formula's first character is the escape, not a letter."""
        return (
            cell[1:] if self.dialect.escape and cell.startswith("'") and cell[1:].startswith(FORMULA_STARTS) else cell
        )

    def escape(self, cell: str) -> str:
        """Return how a value is written, so that no spreadsheet runs it."""
        if not self.dialect.escape or not cell.startswith(FORMULA_STARTS) or NUMBER.fullmatch(cell):
            return cell
        return f"'{cell}"

    def _reader(self, lines: Iterator[str]) -> Reader:
        csv.field_size_limit(CELL_LIMIT)
        return csv.reader(lines, delimiter=self.dialect.delimiter, strict=True)

    def _header(self) -> Row:
        try:
            header = next((row for row in self.reader if row), None)
        except csv.Error as error:
            raise self._broken(error, self.reader.line_num) from error
        except UnicodeError:
            decoded(self.data, self.encoding, self.path)
            raise
        if header is None:
            raise RemoteRefused(f"{self.path} is empty: not even a header. An empty set still has its header line.")
        return header

    def _refuse_twins(self) -> None:
        folded = [name.casefold() for name in self.names if name]
        twins = sorted({name for name in folded if folded.count(name) > 1})
        if twins:
            raise RemoteRefused(f"{self.path}, line 1: the column {twins[0]!r} stands twice in the header. Rename one.")

    def _refuse_nul(self) -> None:
        text = decoded(self.data, self.encoding, self.path).encode() if "16" in self.encoding else self.data
        refuse_nul(text, self.path)

    def _wanted(self) -> list[int]:
        if not self.dialect.attributes:
            return [column for column, name in enumerate(self.names) if name]
        chosen = {self.key, *(self.column(name) for name in self.dialect.attributes)}
        return sorted(chosen)

    def _next_rows(self) -> list[Row]:
        """Return up to a batch of rows without the blank ones; empty only at the end."""
        width = len(self.header)
        rows: list[Row] = []
        try:
            while not rows:
                chunk = list(islice(self.reader, BATCH_ROWS))
                if not chunk:
                    return []
                rows = [row for row in chunk if row]
        except csv.Error as error:
            raise self._broken(error, self.reader.line_num) from error
        except UnicodeError:
            decoded(self.data, self.encoding, self.path)
            raise
        if any(count != width for count in set(map(len, rows))):
            deque(self.tracked(), maxlen=0)  # reads again, line by line, and raises at the row that does not fit
        return rows

    def _batch(
        self,
        rows: Sequence[Row],
        names: tuple[str, ...],
        pick: Callable[[Row], tuple[str, ...]],
        first_row: int,
        proof: str,
    ) -> Batch:
        if self._escaped:
            rows = [[self.unescape(cell) for cell in row] for row in rows]
        spellings = list(map(itemgetter(self.key), rows))
        carried: tuple[Carried, ...] = ()
        keyed = list(map(str.strip, spellings))
        if not all(keyed):
            carried = tuple(
                Carried(label=label_of(f"row {number}", zip(self.names, row, strict=True)), kind="unresolved")
                for number, (row, key) in enumerate(zip(rows, keyed, strict=True), start=first_row)
                if not key
            )
            rows, spellings = list(compress(rows, keyed)), list(compress(spellings, keyed))
        return Batch(spellings=spellings, names=names, rows=list(map(pick, rows)), carried=carried, proof=proof)

    @cached_property
    def _escaped(self) -> bool:
        """Whether any cell may hold the escape; nearly always not, and then nobody looks at every cell."""
        return self.dialect.escape and any(f"'{start}".encode(self.encoding) in self.data for start in FORMULA_STARTS)

    def _ragged(self, row: Row, line: int) -> RemoteRefused:
        return RemoteRefused(
            f"{self.path}, line {line}: {len(row)} cells, but the header has {len(self.header)}. "
            f"Quote cells that hold {self.dialect.delimiter!r}, or mend the row."
        )

    def _broken(self, error: csv.Error, line: int) -> RemoteRefused:
        return RemoteRefused(f"{self.path}, line {line}: {error}. Mend the quotes; the file may have been cut short.")


def _mark(data: bytes, encoding: str) -> tuple[bytes, str]:
    for mark, promised in MARKS:
        if data.startswith(mark):
            return mark, promised
    return b"", codecs.lookup(encoding).name.removesuffix("-sig")


def _picker(columns: Sequence[int]) -> Callable[[Row], tuple[str, ...]]:
    if len(columns) == 1:
        return lambda row: (row[columns[0]],)
    return itemgetter(*columns)


def _tracking(lines: Iterator[str], taken: list[str]) -> Iterator[str]:
    """Hand lines on and note them: the reader takes no line before it needs it."""
    for line in lines:
        taken.append(line)
        yield line
