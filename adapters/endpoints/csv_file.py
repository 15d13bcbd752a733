"""A CSV file: one member a row (RFC 4180, with other delimiters on request)."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from adapters.endpoints.csv_document import CsvDocument
from adapters.endpoints.csv_text import Dialect, Table
from adapters.endpoints.document import carry_out
from adapters.endpoints.file_endpoint import FileEndpoint
from engine.reconcile.plan import Change
from engine.reconcile.ports import Outcome
from engine.reconcile.records import Batch
from engine.settings.catalogue import EndpointContext, PathText


class CsvFile(FileEndpoint):
    """Members are the rows of a CSV file with a header; every column is an attribute.

    Rewriting keeps the columns that no sync maps, the order of the rows, line ends, delimiter and byte order mark;
    rows that do not change stay as they are, byte for byte.
    """

    class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Settings of a CSV file."""

        path: Annotated[
            PathText,
            Meta(description="The file. A path is relative to the workspace's folder.", examples=["people.csv"]),
        ]
        key: Annotated[
            str,
            Meta(
                min_length=1,
                description="Header of the column that identifies a record, in any letter case.",
                examples=["email"],
            ),
        ]
        attributes: Annotated[
            tuple[str, ...],
            Meta(
                description="Columns to read beside the key; none named: all of them.",
                examples=[["name", "department"]],
            ),
        ] = ()
        delimiter: Annotated[
            str,
            Meta(min_length=1, max_length=1, description="The character between two cells.", examples=[",", ";", "\t"]),
        ] = ","
        encoding: Annotated[
            str,
            Meta(
                description="How letters are written as bytes. A byte order mark in the file counts for more.",
                examples=["utf-8", "cp1252", "utf-16"],
            ),
        ] = "utf-8"
        formulas: Annotated[
            Literal["escape", "keep"],
            Meta(
                description=(
                    "What becomes of a cell that a spreadsheet would run as a formula (it starts with =, +, - or @ and "
                    "is no number). `escape` writes an apostrophe before it and takes it off when reading; `keep` "
                    "leaves cells as they are."
                )
            ),
        ] = "escape"

        def __post_init__(self) -> None:
            if self.delimiter in '"\r\n\0':
                raise ValueError(f"delimiter may not be {self.delimiter!r}. Use , or ; or a tab.")
            try:
                codecs.lookup(self.encoding)
            except LookupError:
                raise ValueError(
                    f"encoding {self.encoding} is not known. Use utf-8, or cp1252 for old Windows files."
                ) from None

    def __init__(self, settings: Settings, context: EndpointContext) -> None:
        super().__init__(settings.path, context)
        self.dialect = Dialect(
            key=settings.key,
            attributes=settings.attributes,
            delimiter=settings.delimiter,
            encoding=settings.encoding,
            escape=settings.formulas == "escape",
        )

    def batches(self, data: bytes) -> Iterator[Batch]:
        return Table(data, self.path, self.dialect).batches()

    def edited(self, data: bytes, changes: Sequence[Change]) -> tuple[bytes, list[Outcome]]:
        document = CsvDocument(Table(data, self.path, self.dialect))
        outcomes = carry_out(changes, document)
        return document.render(), outcomes
