"""Keys in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from adapters.coordination.redis import key_scripts as scripts
from adapters.coordination.redis.link import Link
from adapters.coordination.redis.promises import PROMISES
from adapters.coordination.redis.values import bounds, entry_of, milliseconds
from adapters.coordination.refusals import key_changed, outdated
from engine.coordination.standing import Entry, Fence, Revision
from engine.coordination.store import Keys


class RedisKeys(Keys):
    """Values with revisions from one counter. Their expiry goes by the server's wall clock; nothing else does."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def get(self, key: str) -> Entry | None:
        rows = await self._link.script(scripts.GET, key)
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
        lasting = "" if expires is None else milliseconds(expires)
        answer = await self._link.script(scripts.PUT, key, value, _given(expected), lasting, *_fence(fence))
        return _revision(key, expected, fence, answer)

    async def delete(self, key: str, *, expected: Revision | None = None, fence: Fence | None = None) -> bool:
        answer = await self._link.script(scripts.DELETE, key, _given(expected), *_fence(fence))
        return _revision(key, expected, fence, answer) > 0

    async def entries(self, prefix: str = "", *, after: str = "", limit: int = 1_000) -> Sequence[Entry]:
        rows = await self._link.script(scripts.ENTRIES, *bounds(prefix, after), limit)
        return [entry_of(row) for row in rows]


def _given(expected: Revision | None) -> int | str:
    return "" if expected is None else expected


def _fence(fence: Fence | None) -> tuple[str, str]:
    return ("", "") if fence is None else (fence.name, str(fence.token))


def _revision(key: str, expected: Revision | None, fence: Fence | None, answer: Sequence[bytes]) -> Revision:
    """Return the revision that an answer tells of, or raise what it refuses with."""
    revision = Revision(int(answer[1]))
    if answer[0] == b"changed":
        raise key_changed(key, expected, revision)
    if answer[0] == b"lease" and fence is not None:
        raise outdated(fence)
    return revision
