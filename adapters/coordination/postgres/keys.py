"""Keys in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from adapters.coordination.postgres.desk import Desk
from adapters.coordination.postgres.promises import PROMISES
from adapters.coordination.postgres.values import ENTRY, LAST_OF_ALL, entry_of, milliseconds
from adapters.coordination.refusals import key_changed, outdated
from engine.coordination.standing import Entry, Fence, Revision
from engine.coordination.store import Keys


class PostgresKeys(Keys):
    """Rows with revisions from one sequence. Their expiry goes by the server's wall clock; nothing else does."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def get(self, key: str) -> Entry | None:
        rows = await self._desk.ask(f"{ENTRY} AND key = $1", key)
        return entry_of(rows[0]) if rows else None

    async def put(
        self,
        key: str,
        value: bytes,
        *,
        expected: Revision | None = None,
        expires: timedelta | None = None,
        fence: Fence | None = None,
    ) -> Revision:
        if expires is not None:
            PROMISES.require_expiry(expires)
        lasting = None if expires is None else milliseconds(expires)
        return _revision(
            key, expected, fence, await self._desk.call("put", key, value, expected, lasting, *_fence(fence))
        )

    async def delete(self, key: str, *, expected: Revision | None = None, fence: Fence | None = None) -> bool:
        return _revision(key, expected, fence, await self._desk.call("delete", key, expected, *_fence(fence))) > 0

    async def entries(self, prefix: str = "", *, after: str = "", limit: int = 1_000) -> Sequence[Entry]:
        query = f"{ENTRY} AND key >= $1 AND key < $2 AND key > $3 ORDER BY key LIMIT $4"
        rows = await self._desk.ask(query, prefix, prefix + LAST_OF_ALL, after, limit)
        return [entry_of(row) for row in rows]


def _fence(fence: Fence | None) -> tuple[str | None, int | None]:
    return (None, None) if fence is None else (fence.name, fence.token)


def _revision(key: str, expected: Revision | None, fence: Fence | None, answer: Sequence[asyncpg.Record]) -> Revision:
    """Return the revision that an answer tells of, or raise what it refuses with."""
    (row,) = answer
    revision = Revision(row["its_revision"])
    if row["outcome"] == "changed":
        raise key_changed(key, expected, revision)
    if row["outcome"] == "lease" and fence is not None:
        raise outdated(fence)
    return revision
