"""Keys with values in Consul.

A write deletes the key and sets it again, in one transaction: so it gets a new index even where nothing changed, and is
rid of the session that would have taken it away. A key that expires is locked by a session of its own that nobody
renews; when that is, for people to read, stands in its flags (milliseconds since 1970).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from adapters.coordination.consul.calls import Conflict
from adapters.coordination.consul.claims import holding_place
from adapters.coordination.consul.space import ConsulSpace
from adapters.coordination.consul.wire import Message, Pair, delete, get, held_by, lock, put, tree, written_at
from adapters.coordination.refusals import key_changed, outdated, possibly_done
from engine.coordination.standing import ABSENT, Entry, Fence, Revision
from engine.coordination.store import Keys
from engine.errors import CoordinationError, KeyChanged, NotSupported

EXPIRING = "syncdeck expiring key"
"""Name of the session of one."""
LONGEST_EXPIRY = timedelta(hours=24)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


class ConsulKeys(Keys):
    """Values lie under their keys as they are, so that Consul's own tools show them."""

    _space: ConsulSpace

    async def get(self, key: str) -> Entry | None:
        found = await self._find(key)
        return self._entry(found) if found else None

    async def put(
        self,
        key: str,
        value: bytes,
        *,
        expected: Revision | None = None,
        expires: timedelta | None = None,
        fence: Fence | None = None,
    ) -> Revision:
        place = self._space.layout.key(key)
        if expires is None:
            written = await self._write(key, [delete(place), put(place, value)], expected, fence)
            return Revision(written[-1].modify_index)
        self._refuse(expires)
        before = await self._find(key)
        session = await self._space.calls.begin(EXPIRING, expires)
        flags = (self._space.clock.now() + expires - EPOCH) // MILLISECOND
        try:
            locked = lock(place, value, session, flags)
            written = await self._write(key, [delete(place), locked], expected, fence)
        except CoordinationError as error:
            if not possibly_done(error):
                await self._space.drop(session)
            raise
        if before is not None:
            await self._outlived(before.session)
        return Revision(written[-1].modify_index)

    async def delete(self, key: str, *, expected: Revision | None = None, fence: Fence | None = None) -> bool:
        place = self._space.layout.key(key)
        try:
            erased = await self._write(key, [get(place), delete(place)], expected, fence)
        except KeyChanged as error:
            if error.revision == ABSENT and not expected:
                return False
            raise
        await self._outlived(erased[-1].session)
        return True

    async def entries(self, prefix: str = "", *, after: str = "", limit: int = 1_000) -> Sequence[Entry]:
        layout = self._space.layout
        found = await self._space.calls.find(tree(layout.key(prefix)))
        later = [pair for pair in found if pair.key > layout.key(after)] if after else found
        return [self._entry(pair) for pair in later[:limit]]

    async def _outlived(self, session: str) -> None:
        """Take back the session of a key that has another now, or is gone: if it was made for that key alone."""
        with suppress(CoordinationError):
            if session and await self._space.calls.name_of(session) == EXPIRING:
                await self._space.calls.destroy(session)

    async def _find(self, key: str) -> Pair | None:
        try:
            return (await self._space.calls.find(get(self._space.layout.key(key))))[0]
        except Conflict:
            return None

    def _entry(self, pair: Pair) -> Entry:
        left = None
        if pair.session:
            left = max(timedelta(0), EPOCH + pair.flags * MILLISECOND - self._space.clock.now())
        return Entry(
            key=self._space.layout.key_of(pair.key),
            value=pair.content,
            revision=Revision(pair.modify_index),
            left=left,
        )

    def _refuse(self, expires: timedelta) -> None:
        self._space.promises.require_expiry(expires)
        if expires > LONGEST_EXPIRY:
            raise NotSupported(
                f"Consul lets a key expire after {LONGEST_EXPIRY.total_seconds() / 3600:g} hours at the latest; "
                f"{expires.total_seconds() / 3600:g} hours were asked for. Give a shorter time, or none."
            )

    async def _write(
        self, key: str, acts: Sequence[Message], expected: Revision | None, fence: Fence | None
    ) -> Sequence[Pair]:
        """Do this if what was asked for holds. Raises `KeyChanged`, `LeaseLost`."""
        conditions: list[Message] = []
        if fence is not None:
            holding = await holding_place(self._space, fence.name, fence.token)
            if holding is None:
                raise outdated(fence)
            conditions.append(held_by(*holding))
        if expected is not None:
            conditions.append(written_at(self._space.layout.key(key), expected))
        try:
            return await self._space.calls.transact(*conditions, *acts)
        except Conflict as conflict:
            if fence is not None and 0 in conflict.faults:
                raise outdated(fence) from conflict
            found = await self._find(key)
            raise key_changed(key, expected, Revision(found.modify_index) if found else ABSENT) from conflict
