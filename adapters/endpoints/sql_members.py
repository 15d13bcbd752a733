"""Reading a table's members in batches; see `sql_changes` for writing."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import compress
from typing import Any

import sqlalchemy as sa

from adapters.endpoints.document import BATCH_ROWS, label_of
from adapters.endpoints.sql_changes import Writing
from adapters.endpoints.sql_database import Database
from adapters.endpoints.sql_selection import Selection, spelled, texts
from engine.reconcile.plan import Change
from engine.reconcile.ports import Outcome
from engine.reconcile.records import Batch, Carried, Value


class Members:
    """The members of one table in one database."""

    def __init__(self, database: Database, selection: Selection) -> None:
        self.database = database
        self.selection = selection
        self.table = selection.table

    def batches(self) -> Generator[Batch, None, None]:
        """Return all members in one statement, as one state of the table; rows without a key are carried."""
        query = sa.select(self.selection.key, *self.selection.attributes.values()).where(self.selection.belongs())
        with self.database.transaction(writes=False) as connection:
            streamed = connection.execution_options(stream_results=True, yield_per=BATCH_ROWS)
            with _closed_after(streamed.execute(query)) as result:
                chunks = result.partitions()
                count, rows = 0, next(chunks, [])
                while rows:
                    following = next(chunks, [])
                    count += len(rows)
                    yield self._batch(rows, "" if following else f"end of result, {count} rows")
                    rows = following
                if not count:
                    yield self._batch([], "end of result, 0 rows")

    def write(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Carry out changes of one action in one transaction; return their outcomes in the same order."""
        with self.database.transaction(writes=True) as connection:
            return Writing(connection, self.database, self.selection).carry_out(changes)

    def _batch(self, rows: Sequence[Sequence[Any]], proof: str) -> Batch:
        names = self.selection.names
        keys, *columns = zip(*rows, strict=True) if rows else [()] * (1 + len(names))
        values: list[tuple[Value, ...]] = list(
            zip(*(texts(column, name) for name, column in zip(names, columns, strict=True)), strict=True)
        )
        spellings = [spelled(key, self.selection.key.name) for key in keys]
        keyed = [bool(spelling.strip()) for spelling in spellings]
        carried = [
            Carried(label=label_of("a row without a key", zip(names, row, strict=True)), kind="unresolved")
            for row, has_key in zip(values, keyed, strict=True)
            if not has_key
        ]
        if carried:
            values, spellings = list(compress(values, keyed)), list(compress(spellings, keyed))
        return Batch(spellings=spellings, names=names, rows=values, carried=carried, proof=proof)


@contextmanager
def _closed_after(result: sa.CursorResult[Any]) -> Iterator[sa.CursorResult[Any]]:
    """Close the driver's cursor also when its connection broke: SQLAlchemy then leaves it to the garbage collector."""
    cursor = result.cursor
    try:
        yield result
    finally:
        if cursor is not None:
            cursor.close()
