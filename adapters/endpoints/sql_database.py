"""A database behind SQLAlchemy: transactions, and errors as sentences that an operator can act on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.pool import NullPool

from adapters.endpoints.whole_file import similar_names
from engine.errors import MissingExtra, RemoteError, RemoteRefused, RemoteUnavailable

SQLITE_PASSING = frozenset({5, 6, 10, 13})
"""Busy, locked, input/output error, disk full (sqlite.org/rescode.html)."""

STATES_PASSING = ("08", "40", "53", "55", "57")
"""Connection, rollback, resources, object in use, operator intervention (PostgreSQL, appendix A, error codes)."""

STATES_OF_ROWS = ("22", "23", "44", "P0")
"""Data, constraint, check option, a trigger's own refusal: one row is to blame, not the whole batch."""

REFUSED_AT_THE_DOOR = (
    "authentication failed",
    "no password supplied",
    "does not exist",
    "no pg_hba.conf entry",
    "permission",
)
"""A refused connection has no error code in libpq; its words are all there is."""


class Database:
    """A database, and one transaction at a time with it. Connections are opened for a transaction and closed after."""

    def __init__(self, engine: sa.Engine, title: str, password: str, timeout: timedelta) -> None:
        self.engine = engine
        self.title = title
        self.password = password
        self.timeout = timeout

    @property
    def postgres(self) -> bool:
        return self.engine.dialect.name == "postgresql"

    @contextmanager
    def transaction(self, *, writes: bool) -> Iterator[sa.Connection]:
        """Yield a connection within a transaction; what was written is committed at the end, or nothing on an error.

        Raises `RemoteUnavailable` (`maybe_done` when the answer to the commit got lost) and `RemoteRefused`.
        """
        try:
            with self.engine.connect().execution_options(writes=writes) as connection:
                transaction = connection.begin()
                self._prepare(connection, writes=writes)
                yield connection
                if writes:
                    with self._commits():
                        transaction.commit()
        except exc.DBAPIError as error:
            raise self.in_words(error) from error

    def in_words(self, error: exc.DBAPIError, *, maybe_done: bool = False) -> RemoteError:
        """Return the error to raise for what a driver said."""
        said = self.said(error)
        if not _passing(error):
            return RemoteRefused(f"{self.title} refuses: {said}. Mend the settings, or the rights of this user.")
        done = "The answer to the commit got lost: it may have taken effect" if maybe_done else "Nothing was changed"
        return RemoteUnavailable(f"{self.title} cannot be used now: {said}. {done}.", maybe_done=maybe_done)

    def said(self, error: exc.DBAPIError) -> str:
        """Return the driver's own words on one line, without statement, values and password."""
        lines = [line.strip() for line in str(error.orig).splitlines() if line.strip()]
        words = "; ".join(lines[:3]).rstrip(".") or type(error.orig).__name__
        return words.replace(self.password, "***") if self.password else words

    def _prepare(self, connection: sa.Connection, *, writes: bool) -> None:
        if not self.postgres:
            return
        milliseconds = str(round(self.timeout.total_seconds() * 1000))
        for name in ("statement_timeout", "lock_timeout"):
            connection.execute(sa.select(sa.func.set_config(name, milliseconds, sa.true())))
        if writes:
            connection.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))

    @contextmanager
    def _commits(self) -> Iterator[None]:
        try:
            yield
        except exc.DBAPIError as error:
            lost = self.postgres and (error.connection_invalidated or not getattr(error.orig, "sqlstate", None))
            raise self.in_words(error, maybe_done=lost) from error


def connected(url: str, password: str, path: Callable[[str], str], timeout: timedelta) -> Database:
    """Return the database at an address, after one look whether it answers.

    Raises `MissingExtra`, `RemoteRefused` (no such file, wrong password), `RemoteUnavailable`.
    """
    try:
        address = sa.make_url(url)
    except exc.ArgumentError as error:
        raise RemoteRefused(
            f"{url} is no database address. Write sqlite:///people.db or postgresql://user@host/db."
        ) from error
    if address.get_backend_name() == "sqlite":
        database = _sqlite(address, path, timeout)
    else:
        database = _server(address, password, timeout)
    with database.transaction(writes=False) as connection:
        connection.execute(sa.select(1))
    return database


def to_blame(error: exc.DBAPIError) -> bool:
    """Whether single rows are to blame for an error, so that the rest of a batch can still be written."""
    state = getattr(error.orig, "sqlstate", None) or ""
    return isinstance(error, exc.IntegrityError | exc.DataError) or state.startswith(STATES_OF_ROWS)


def _sqlite(address: sa.URL, path: Callable[[str], str], timeout: timedelta) -> Database:
    """Open a file that exists: SQLite makes an empty database of a misspelt name."""
    if address.database in {None, "", ":memory:"}:
        raise RemoteRefused("A SQLite database in memory is empty for everybody. Name a file: sqlite:///people.db.")
    file = Path(path(str(address.database)))
    if not file.is_file():
        raise RemoteRefused(f"{file} does not exist. {similar_names(file)} Mend the url, or make the database.")
    located = address.set(database=f"file:{quote(str(file))}", query={"mode": "rw", "uri": "true"})
    engine = sa.create_engine(
        located, poolclass=NullPool, hide_parameters=True, connect_args={"timeout": timeout.total_seconds()}
    )
    event.listen(engine, "connect", _leave_transactions_to_us)
    event.listen(engine, "begin", _begin)
    return Database(engine, str(file), "", timeout)


def _leave_transactions_to_us(connection: object, _record: object) -> None:
    """Without this, the driver begins transactions by itself, late, and reads see two states of the file."""
    connection.isolation_level = None  # type: ignore[attr-defined]


def _begin(connection: sa.Connection) -> None:
    """A writer takes the lock at once: one that reads first and writes later can be refused half-way."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _server(address: sa.URL, password: str, timeout: timedelta) -> Database:
    connect_args: dict[str, object] = {}
    if address.drivername in {"postgres", "postgresql"}:
        address = address.set(drivername="postgresql+psycopg")
    if address.drivername == "postgresql+psycopg":
        connect_args = {"connect_timeout": max(2, round(timeout.total_seconds())), "application_name": "syncdeck"}
    title = address.render_as_string(hide_password=True)
    if password:
        address = address.set(password=password)
    try:
        engine = sa.create_engine(address, poolclass=NullPool, hide_parameters=True, connect_args=connect_args)
    except exc.NoSuchModuleError as error:
        raise RemoteRefused(
            f"{address.drivername} is no database that is known here. Use sqlite or postgresql."
        ) from error
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"{title} needs the package {error.name}. Install it: pip install 'syncdeck[postgres]'."
        ) from error
    return Database(engine, title, password, timeout)


def _passing(error: exc.DBAPIError) -> bool:
    """Whether the same may work in a minute."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in SQLITE_PASSING
    state = getattr(error.orig, "sqlstate", None)
    if state:
        return str(state).startswith(STATES_PASSING)
    words = str(error.orig).lower()
    return isinstance(error, exc.OperationalError | exc.InterfaceError) and not any(
        refusal in words for refusal in REFUSED_AT_THE_DOOR
    )
