"""Tables on SQLite and on a real PostgreSQL, each shared with rows that belong to somebody else."""

from __future__ import annotations

import sqlite3
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from adapters.endpoints.sql_table import SqlTable
from tests.contracts.sandbox import SECRET, Circumstance, Member, Sandbox, Servers, Surroundings
from tests.contracts.sandboxes.whole_files import forbid_writing, own_folder
from tests.servers.lossy_relay import start_relay
from tests.servers.postgres import USER, Postgres, start_postgres

NO_DATABASE_DOES_THIS = {
    Circumstance.UNKNOWN_IDENTITY: "A table takes every text as a key.",
    Circumstance.THROTTLED_WITH_PAUSE: "A database throttles nobody with an answer.",
    Circumstance.THROTTLED_WITHOUT_PAUSE: "A database throttles nobody with an answer.",
    Circumstance.STALE_READ: "A transaction sees what was committed before it.",
}
TABLE_NUMBERS = count(1)


class TableSandbox(Sandbox):
    """A table with the rows of two teams; only those of `eng` are members."""

    attributes: ClassVar[tuple[str, ...]] = ("name", "role")
    table = "people"
    columns = "email VARCHAR(200), name TEXT, role TEXT, team TEXT NOT NULL, note TEXT"

    @abstractmethod
    def run(self, statement: str, rows: Sequence[Sequence[Any]] | None = None) -> list[tuple[Any, ...]]:
        """Run a statement (once for each row of values) in its own transaction; return the rows it answers."""

    def make(self) -> None:
        self.run(f"CREATE TABLE {self.table} (id {self.identity}, {self.columns})")
        other = ["ann@acme.example", "Ann of ops", "lead", "ops", "not ours"]
        self.run(f"INSERT INTO {self.table} (email, name, role, team, note) VALUES ({self.marks(5)})", [other])

    identity: ClassVar[str]
    mark: ClassVar[str]

    def marks(self, number: int) -> str:
        return ", ".join([self.mark] * number)

    def settings(self, url: str, *, timeout: timedelta, password: str = "") -> SqlTable.Settings:
        return SqlTable.Settings(
            url=url,
            table=self.table,
            key="email",
            columns={"name": "name", "role": "role"},
            where="team = 'eng'",
            defaults={"team": "eng"},
            password=password,
            timeout=timeout,
        )

    async def fill(self, members: Sequence[Member]) -> None:
        self.run(f"DELETE FROM {self.table} WHERE team = 'eng'")
        rows = [[m.spelling, m.attributes.get("name"), m.attributes.get("role"), "eng", "said '%'"] for m in members]
        self.run(f"INSERT INTO {self.table} (email, name, role, team, note) VALUES ({self.marks(5)})", rows)

    async def held(self) -> Sequence[Member]:
        rows = self.run(f"SELECT email, name, role FROM {self.table} WHERE team = 'eng' AND email <> '' ORDER BY id")
        return [Member(email, {"name": name, "role": role}) for email, name, role in rows]

    async def carry(self) -> None:
        rows: list[list[Any]] = [[None, "Printer bot", "eng"], ["", "Guest", "eng"]]
        self.run(f"INSERT INTO {self.table} (email, name, team) VALUES ({self.marks(3)})", rows)

    async def carried(self) -> Sequence[str]:
        rows = self.run(f"SELECT name FROM {self.table} WHERE team = 'eng' AND (email IS NULL OR email = '')")
        return [name for (name,) in rows]

    async def foreign(self) -> object:
        ours = self.run(f"SELECT note FROM {self.table} WHERE team = 'eng' AND email LIKE 'ann%'")
        return ours, self.run(f"SELECT * FROM {self.table} WHERE team <> 'eng'")


class SqliteTable(TableSandbox):
    """A database file; nothing in the table forbids the same key twice."""

    label = "sqlite"
    identity = "INTEGER PRIMARY KEY"
    mark = "?"
    lacks: ClassVar = {
        **NO_DATABASE_DOES_THIS,
        Circumstance.WRONG_CREDENTIALS: "A file asks for no password or token.",
        Circumstance.ANSWER_LOST: "A commit to a file answers at once, in this process.",
    }

    def __init__(self, folder: Path, servers: Servers) -> None:
        super().__init__(folder, servers)
        self.stack = ExitStack()
        self.trouble_ends = ExitStack()
        self.folder = self.stack.enter_context(own_folder())
        self.file = self.folder / "wiki.db"

    async def __aenter__(self) -> Self:
        self.make()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)
        self.stack.close()

    def open(self) -> SqlTable:
        return SqlTable(self.settings("sqlite:///wiki.db", timeout=timedelta(seconds=0.2)), Surroundings(self.folder))

    def run(self, statement: str, rows: Sequence[Sequence[Any]] | None = None) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.file)) as connection, connection:
            if rows is not None:
                connection.executemany(statement, rows)
                return []
            return connection.execute(statement).fetchall()

    async def provoke(self, trouble: Circumstance) -> None:
        self.trouble = trouble
        match trouble:
            case Circumstance.MISSING:
                self.file.rename(self.folder / "elsewhere.db")
            case Circumstance.NO_RIGHTS:
                self.trouble_ends.enter_context(forbid_writing(self.file))
            case Circumstance.SERVER_ERROR:
                other = self.trouble_ends.enter_context(closing(sqlite3.connect(self.file, isolation_level=None)))
                other.execute("BEGIN EXCLUSIVE")
            case Circumstance.CUT_SHORT:
                data = self.file.read_bytes()
                self.file.write_bytes(data[: len(data) // 2])
            case _:
                await super().provoke(trouble)

    async def settle(self) -> None:
        self.trouble_ends.close()
        await super().settle()


class PostgresTable(TableSandbox):
    """A table with a unique key for each team, reached through a relay that can lose answers."""

    label = "postgresql"
    identity = "SERIAL PRIMARY KEY"
    mark = "%s"
    columns = f"{TableSandbox.columns}, UNIQUE (team, email)"
    lacks: ClassVar = NO_DATABASE_DOES_THIS
    database = "sandbox"

    def __init__(self, folder: Path, servers: Servers) -> None:
        super().__init__(folder, servers)
        self.table = f"people_{next(TABLE_NUMBERS)}"
        self.user = USER
        self.password = "env:SANDBOX"
        self.stack = ExitStack()
        self.server = servers.running(start_sandbox_postgres)
        self.relay = self.stack.enter_context(start_relay(self.server.port))

    async def __aenter__(self) -> Self:
        self.make()
        self.run(f"GRANT SELECT ON {self.table} TO reader")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)
        self.stack.close()
        self.run(f"DROP TABLE IF EXISTS {self.table}, {self.table}_away")

    def open(self) -> SqlTable:
        url = f"postgresql://{self.user}@127.0.0.1:{self.relay.port}/{self.database}"
        settings = self.settings(url, timeout=timedelta(seconds=20), password=self.password)
        return SqlTable(settings, Surroundings(self.folder))

    def run(self, statement: str, rows: Sequence[Sequence[Any]] | None = None) -> list[tuple[Any, ...]]:
        with self.server.connect(self.database) as connection, connection.cursor() as cursor:
            if rows is not None:
                cursor.executemany(statement.encode(), rows)
                return []
            cursor.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    async def provoke(self, trouble: Circumstance) -> None:
        self.trouble = trouble
        match trouble:
            case Circumstance.MISSING:
                self.run(f"ALTER TABLE {self.table} RENAME TO {self.table}_away")
            case Circumstance.WRONG_CREDENTIALS:
                self.password = "env:WRONG"
            case Circumstance.NO_RIGHTS:
                self.user = "reader"
            case Circumstance.SERVER_ERROR:
                self._allow_connections("false")
            case Circumstance.ANSWER_LOST:
                self.relay.lose_answer_to = b"COMMIT"
            case Circumstance.CUT_SHORT:
                self.relay.cut_after = 200_000
            case _:
                await super().provoke(trouble)

    async def settle(self) -> None:
        if self.trouble is Circumstance.SERVER_ERROR:
            self._allow_connections("true")
        self.user, self.password = USER, "env:SANDBOX"
        self.relay.lose_answer_to, self.relay.cut_after = b"", None
        await super().settle()

    def _allow_connections(self, allowed: str) -> None:
        with self.server.connect() as connection:
            connection.execute(f"ALTER DATABASE {self.database} WITH ALLOW_CONNECTIONS {allowed}".encode())


@contextmanager
def start_sandbox_postgres() -> Iterator[Postgres]:
    """Run a server with a database for sandboxes, and a user who may only read."""
    with start_postgres(SECRET) as server:
        with server.connect() as connection:
            connection.execute(f"CREATE DATABASE {PostgresTable.database}".encode())
            connection.execute(f"CREATE ROLE reader LOGIN PASSWORD '{SECRET}'".encode())
        yield server


SANDBOXES: tuple[type[Sandbox], ...] = (SqliteTable, PostgresTable)
