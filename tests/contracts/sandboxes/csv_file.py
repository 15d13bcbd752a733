"""CSV files as they come: from a program, and from a spreadsheet in Germany."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import ClassVar

from adapters.endpoints.csv_file import CsvFile
from engine.reconcile.records import text_of
from tests.contracts.sandbox import Member, Sandbox, Surroundings
from tests.contracts.sandboxes.whole_files import FileSandbox

CARRIED = [["", "Printer bot", "device", "room 7"], ["", "Visitor", "guest", "room 8"]]


class PlainCsv(FileSandbox):
    """UTF-8, commas, line feeds; a column that no sync maps."""

    label = "plain"
    file_name = "people.csv"
    header: ClassVar[list[str]] = ["email", "name", "role", "note"]
    delimiter = ","
    encoding = "utf-8"
    line_end = "\n"

    def open(self) -> CsvFile:
        settings = CsvFile.Settings(path=self.file_name, key="email", delimiter=self.delimiter)
        return CsvFile(settings, Surroundings(self.folder))

    def written(self, members: Sequence[Member]) -> bytes:
        rows = [
            [member.spelling, *(text_of(member.attributes.get(name)) for name in self.attributes)] for member in members
        ]
        return self._bytes([*([*row, 'said, "hi"'] for row in rows)])

    def half(self, data: bytes) -> bytes:
        return data[: data.index(b"p006000") + 12]

    async def held(self) -> Sequence[Member]:
        return [Member(row[0], dict(zip(self.attributes, row[1:3], strict=True))) for row in self._rows()[1:] if row[0]]

    async def carry(self) -> None:
        self.file.write_bytes(self._bytes([*self._rows()[1:], *CARRIED]))

    async def carried(self) -> Sequence[str]:
        return [row[1] for row in self._rows()[1:] if not row[0]]

    async def foreign(self) -> object:
        rows = self._rows()
        return {"header": rows[0], "ann": rows[1][3], "start": self.file.read_bytes()[:3]}

    def _bytes(self, rows: Sequence[Sequence[str]]) -> bytes:
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=self.delimiter, lineterminator=self.line_end).writerows([self.header, *rows])
        return text.getvalue().encode(self.encoding)

    def _rows(self) -> list[list[str]]:
        text = self.file.read_bytes().decode(self.encoding)
        return [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter) if row]


class SpreadsheetCsv(PlainCsv):
    """A byte order mark, semicolons, CRLF, and headers in capitals with blanks around them."""

    label = "spreadsheet"
    header: ClassVar[list[str]] = ["EMail ", "name", "role", "Note"]
    delimiter = ";"
    encoding = "utf-8-sig"
    line_end = "\r\n"


SANDBOXES: tuple[type[Sandbox], ...] = (PlainCsv, SpreadsheetCsv)
