"""Which rows and columns of a table are members and attributes. Identifiers come from the database, never from data."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy import exc

from adapters.endpoints.values import as_value, nearest
from engine.errors import RemoteRefused
from engine.reconcile.records import Value, text_of

if TYPE_CHECKING:
    from adapters.endpoints.sql_database import Database
    from adapters.endpoints.sql_table import SqlTable

TRUTHS = {"true": True, "1": True, "yes": True, "t": True, "false": False, "0": False, "no": False, "f": False}


class Misfit(Exception):
    """A value that a column cannot hold; the text is a sentence."""


def reflected(database: Database, name: str, schema: str) -> sa.Table:
    """Return the table as the database describes it. Raises `RemoteRefused` with the nearest names."""
    with database.transaction(writes=False) as connection, warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", exc.SAWarning
        )  # column types that SQLAlchemy has no name for are read as they are
        try:
            return sa.Table(name, sa.MetaData(), schema=schema or None, autoload_with=connection, resolve_fks=False)
        except exc.NoSuchTableError as error:
            inspector = sa.inspect(connection)
            known = [*inspector.get_table_names(schema or None), *inspector.get_view_names(schema or None)]
            place = f"{database.title}, schema {schema}," if schema else database.title
            raise RemoteRefused(f"{place} has no table {name!r}. {nearest(name, known)}") from error


class Selection:
    """The members of a table: its key column, its attributes, and the condition on its rows."""

    def __init__(self, table: sa.Table, settings: SqlTable.Settings) -> None:
        self.table = table
        self.where = settings.where
        self.key = self.column(settings.key)
        self.mark = self.column(settings.removed_column) if settings.removed_column else None
        self.attributes = self._attributes(settings.columns)
        self.defaults = {self.column(name).name: value for name, value in settings.defaults.items()}

    def column(self, name: str) -> sa.Column[Any]:
        """Return a column by its name. Raises `RemoteRefused` with the nearest names."""
        columns = self.table.columns
        if name not in columns:
            raise RemoteRefused(
                f"The table {self.table.fullname} has no column {name!r}. {nearest(name, columns.keys())}"
            )
        column: sa.Column[Any] = columns[name]
        return column

    @property
    def names(self) -> tuple[str, ...]:
        """The attributes' names; the key's column is among them, so that expressions may name it."""
        return tuple(self.attributes)

    def belongs(self, *, marked: bool = False) -> sa.ColumnElement[bool]:
        """Return the condition of the rows that are members, or of those that were and are marked as removed."""
        conditions: list[sa.ColumnElement[bool]] = [sa.true()]
        if self.where:
            conditions.append(sa.literal_column(f"({self.where})", sa.Boolean()))
        if self.mark is not None:
            absent: sa.ColumnElement[bool] = self.mark.is_(None)
            if isinstance(self.mark.type, sa.Boolean | sa.Integer):
                absent = sa.or_(absent, self.mark == (False if isinstance(self.mark.type, sa.Boolean) else 0))
            conditions.append(sa.not_(absent) if marked else absent)
        return sa.and_(*conditions)

    def marked(self, *, removed: bool) -> dict[str, Any]:
        """Return the column values that mark a row as removed, or take the mark away."""
        if self.mark is None:
            return {}
        match self.mark.type:
            case sa.Boolean():
                value: Any = removed
            case sa.Integer():
                value = int(removed)
            case _:
                value = sa.func.now() if removed else None
        return {self.mark.name: value}

    def values(self, spelling: str, attributes: Mapping[str, Value]) -> dict[str, Any]:
        """Return column values for a member. Raises `Misfit` for what the table has no column for, or cannot hold."""
        values = {self.key.name: self.key_value(spelling)}
        for name, value in attributes.items():
            if name not in self.attributes:
                raise Misfit(f"The table {self.table.fullname} has no column for {name!r}. {nearest(name, self.names)}")
            values[self.attributes[name].name] = fitted(value, self.attributes[name])
        return values

    def key_value(self, spelling: str) -> Any:
        """Return a spelling as the key's column holds it. Raises `Misfit`."""
        return fitted(spelling, self.key)

    def known_keys(self, spellings: Iterable[str]) -> list[Any]:
        """Return the spellings that the key's column can hold at all, as it holds them."""
        keys = []
        for spelling in spellings:
            try:
                keys.append(self.key_value(spelling))
            except Misfit:
                continue
        return keys

    def _attributes(self, chosen: Mapping[str, str]) -> dict[str, sa.Column[Any]]:
        attributes: dict[str, sa.Column[Any]] = {self.key.name: self.key}
        if chosen:
            return attributes | {name: self.column(column) for name, column in chosen.items()}
        hidden = {self.mark.name} if self.mark is not None else set()
        return attributes | {
            column.name: column
            for column in self.table.columns
            if column.name not in hidden and not isinstance(column.type, sa.LargeBinary)
        }


def spelled(value: object, column: str) -> str:
    """Return a key as text: what the engine compares, and what it calls this table with."""
    return text_of(as_value(value, where=f"The column {column}"))


def texts(values: Sequence[object], column: str) -> Sequence[Value]:
    """Return a column's values as record values; nothing is done where they are already."""
    if set(map(type, values)) <= {str, int, bool, type(None)}:
        return values  # type: ignore[return-value]
    return [as_value(value, where=f"The column {column}") for value in values]


def fitted(value: Value, column: sa.Column[Any]) -> Any:
    """Return a record value as its column's type wants it; an empty text is null where a column holds no texts."""
    try:
        kind = column.type.python_type
    except RuntimeError:  # a type that SQLAlchemy has no Python type for
        kind = object
    if value is None or kind is object or (kind is list and isinstance(value, list)):
        return value
    text = text_of(value)
    if kind is str:
        return text
    if not text:
        return None
    try:
        return _READ[kind](text) if kind in _READ else value
    except (ValueError, KeyError, InvalidOperation, msgspec.DecodeError) as error:
        raise Misfit(f"{text!r} does not fit the column {column.name}, which holds {column.type}.") from error


_READ: Mapping[type, Any] = {
    bool: lambda text: TRUTHS[text.lower()],
    int: int,
    float: float,
    Decimal: Decimal,
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    time: time.fromisoformat,
    UUID: UUID,
    dict: msgspec.json.decode,
}
