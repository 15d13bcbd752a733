"""A table in SQLite or PostgreSQL: one member a row, through SQLAlchemy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Self, TypeVar

import msgspec
from msgspec import Meta

from adapters.endpoints.file_endpoint import EVERY_ACTION, take_any
from engine.reconcile.plan import Change
from engine.reconcile.ports import Found, Limits, Miss, Outcome, Target
from engine.reconcile.records import Batch
from engine.settings.catalogue import EndpointContext, Secret

if TYPE_CHECKING:
    from adapters.endpoints.sql_members import Members

Answer = TypeVar("Answer")

LIMITS = Limits(actions=EVERY_ACTION, batch_size=1_000)
"""A batch is one transaction: large enough to be quick, small enough not to hold locks for long."""


class SqlTable(Target):
    """Members are the rows of one table, or those of its rows for which a condition holds.

    One thread does all the work of one endpoint: a connection belongs to one task at a time. SQLAlchemy is imported
    when the endpoint is entered.
    """

    class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Settings of a table."""

        url: Annotated[
            str,
            Meta(
                min_length=1,
                description="The database, without password. A SQLite path is relative to the workspace's folder.",
                examples=["sqlite:///wiki.db", "postgresql://syncdeck@db.example/wiki"],
            ),
        ]
        table: Annotated[
            str, Meta(min_length=1, description="The table; for a source also a view.", examples=["members"])
        ]
        key: Annotated[str, Meta(min_length=1, description="Column that identifies a record.", examples=["email"])]
        schema: Annotated[str, Meta(description="The table's schema, if not the usual one.", examples=["hr"])] = ""
        password: Annotated[
            Secret, Meta(description="The database user's password.", examples=["env:DATABASE_PASSWORD"])
        ] = ""
        columns: Annotated[
            dict[str, str],
            Meta(
                description="Attribute names and the columns they stand for. Empty: every column under its own name.",
                examples=[{"name": "full_name"}],
            ),
        ] = {}
        where: Annotated[
            str,
            Meta(
                description="SQL condition of the rows that belong to this set; no other row is read or touched.",
                examples=["team = 'eng' AND NOT archived"],
            ),
        ] = ""
        defaults: Annotated[
            dict[str, str | int | float | bool | None],
            Meta(
                description="Column values of added rows, beside key and attributes, so that they belong to the set.",
                examples=[{"team": "eng"}],
            ),
        ] = {}
        removed_column: Annotated[
            str,
            Meta(
                description=(
                    "Column that marks a row as removed, instead of deleting it: a truth, or a time. Marked rows are "
                    "no members; adding one again takes the mark away. Empty: rows are deleted."
                ),
                examples=["deleted_at"],
            ),
        ] = ""
        timeout: Annotated[
            timedelta, Meta(description="How long connecting, one statement, or waiting for a lock may take.")
        ] = timedelta(seconds=30)

        def __post_init__(self) -> None:
            if "://" not in self.url:
                raise ValueError("url is no database address. Write sqlite:///people.db or postgresql://user@host/db.")
            if ":" in self.url.partition("://")[2].rpartition("@")[0]:
                raise ValueError(
                    "url holds a password. Take it out; set `password` to a reference such as env:DATABASE."
                )

    def __init__(self, settings: Settings, context: EndpointContext) -> None:
        self.settings = settings
        self.context = context
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"sql-{context.name}")
        self._members: Members | None = None

    async def __aenter__(self) -> Self:
        try:
            self._members = await self._run(self._found)
        except BaseException:
            self._thread.shutdown(wait=False)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Every transaction closes its own connection; one that still runs is let end by itself."""
        self._members = None
        self._thread.shutdown(wait=False)

    async def read(self) -> AsyncIterator[Batch]:
        batches = self._entered().batches()
        try:
            while (batch := await self._run(lambda: next(batches, None))) is not None:
                yield batch
        finally:
            await self._run(batches.close)

    @property
    def limits(self) -> Limits:
        return LIMITS

    async def resolve(self, spellings: Sequence[str]) -> Mapping[str, Found | Miss]:
        return {spelling: take_any(spelling) for spelling in spellings}

    async def write(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        members = self._entered()
        return await self._run(lambda: members.write(changes))

    def _found(self) -> Members:
        """Connect and find the table with its columns. SQLAlchemy is imported here, and not before."""
        from adapters.endpoints.sql_database import connected
        from adapters.endpoints.sql_members import Members
        from adapters.endpoints.sql_selection import Selection, reflected

        settings = self.settings
        password = self.context.secret(settings.password) if settings.password else ""
        database = connected(settings.url, password, self.context.path, settings.timeout)
        table = reflected(database, settings.table, settings.schema)
        return Members(database, Selection(table, settings))

    def _entered(self) -> Members:
        if self._members is None:
            raise RuntimeError(f"{self.context.name} is used outside of its `async with`.")
        return self._members

    async def _run(self, work: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
