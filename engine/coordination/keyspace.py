"""The user's keys: written with compare-and-set, read in pages, watched. Nothing is locked, nothing is written back
that was only read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from engine.coordination.ground import Fencing, Ground
from engine.coordination.naming import KEY, check_value, full_name
from engine.coordination.promises import Feature
from engine.coordination.standing import ABSENT, Entry, Fence, Kind, Revision
from engine.errors import KeyChanged

PAGE = 1_000


class KeyChange(Struct, frozen=True, kw_only=True):
    """A key's new state, `entry` None when it is gone; or the mark that all there is has been told."""

    key: str = ""
    entry: Entry | None = None
    synced: bool = False


SYNCED: Final = KeyChange(synced=True)


class Keyspace:
    """Keys with values of bytes. Revisions decide who was first, never clocks."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def get(self, key: str) -> Entry | None:
        """Return an entry, None if there is none."""
        entry = await self._ground.store.get(full_name(KEY, key))
        return None if entry is None else _shown(entry)

    async def put(
        self,
        key: str,
        value: bytes,
        *,
        expected: Revision | None = None,
        expires: timedelta | None = None,
        fence: Fencing | None = None,
        reason: str = "",
    ) -> Revision:
        """Write a value and return its revision; `expected` as in `Store.put`.

        Without `expires` it stays for ever, whatever it had before. With a `fence` it is written only while that lease
        is held, checked by the store itself. With a `reason` it is noted in the log, without the value, as done by
        hand. Raises `KeyChanged`, `LeaseLost`, `NotSupported`.
        """
        self._ground.must_write()
        name = full_name(KEY, key)
        check_value(value)
        if expires is not None:
            self._ground.store.promises.require_expiry(expires)
        revision = await self._ground.store.put(
            name, value, expected=expected, expires=expires, fence=self._fence(fence)
        )
        if reason:
            await self._note("key.written", key, {"reason": reason, "bytes": len(value), "revision": revision})
        return revision

    async def delete(
        self, key: str, *, expected: Revision | None = None, fence: Fencing | None = None, reason: str = ""
    ) -> bool:
        """Remove a key; return whether there was one. With a `reason` that is noted in the log as done by hand."""
        self._ground.must_write()
        there = await self._ground.store.delete(full_name(KEY, key), expected=expected, fence=self._fence(fence))
        if there and reason:
            await self._note("key.deleted", key, {"reason": reason})
        return there

    async def list(self, prefix: str = "", *, after: str = "", limit: int = PAGE) -> Sequence[Entry]:
        """Return the first entries with that prefix whose keys are greater than `after`, by key."""
        self._ground.store.promises.require(Feature.LIST)
        full_after = KEY + after if after else ""
        entries = await self._ground.store.entries(KEY + prefix, after=full_after, limit=limit)
        return [_shown(entry) for entry in entries]

    async def iterate(self, prefix: str = "", *, page: int = PAGE) -> AsyncGenerator[Entry, None]:
        """Give every entry with that prefix once, by key, reading a page at a time.

        A key that is there all the while is given; of one that comes, goes or changes meanwhile, either state. Changing
        and removing keys while iterating is safe.
        """
        after = ""
        while True:
            entries = await self.list(prefix, after=after, limit=page)
            for entry in entries:
                yield entry
            if len(entries) < page:
                return
            after = entries[-1].key

    async def update(
        self, key: str, change: Callable[[bytes | None], bytes | None], *, tries: int = 20
    ) -> Entry | None:
        """Make a value of the one there is, and write it if nobody was quicker; otherwise make it anew from theirs.

        `change` gets None for a key that is not there, and returns None to remove it. What it leaves as it was is not
        written at all; an expiring key keeps its time. Returns the entry as it is then. Raises `KeyChanged` after so
        many lost races, and `CoordinationUnavailable` at once: whether the write was done is then not known.
        """
        self._ground.must_write()
        for _ in range(tries):
            before = await self.get(key)
            value = change(before.value if before is not None else None)
            if value == (before.value if before is not None else None):
                return before
            try:
                return await self._replace(key, before, value)
            except KeyChanged as lost:
                race = lost
        raise KeyChanged(
            f"The key {key} was changed by others {tries} times while it was being updated. Try again later.",
            key=key,
            revision=race.revision,
        )

    async def _replace(self, key: str, before: Entry | None, value: bytes | None) -> Entry | None:
        expected = before.revision if before is not None else ABSENT
        if value is None:
            await self.delete(key, expected=expected)
            return None
        left = before.left if before is not None else None
        shortest = self._ground.store.promises.shortest_expiry
        expires = max(left, shortest) if left is not None and shortest is not None else left
        revision = await self.put(key, value, expected=expected, expires=expires)
        return Entry(key=key, value=value, revision=revision, left=expires)

    async def watch(self, prefix: str = "") -> AsyncGenerator[KeyChange, None]:
        """Give every entry with that prefix, then `SYNCED`, then each change as it happens; it does not end.

        When the line to the backend was broken, what has gone meanwhile is told, and then the same again.
        """
        self._ground.store.promises.require(Feature.WATCH, Feature.LIST)
        known: dict[str, Revision] = {}
        async with aclosing(self._ground.feed.changes(KEY + prefix)) as changes:
            async for change in changes:
                if change.kind is Kind.SYNCED:
                    entries = [entry async for entry in self.iterate(prefix)]
                    for gone in known.keys() - {entry.key for entry in entries}:
                        yield KeyChange(key=gone)
                    known = {entry.key: entry.revision for entry in entries}
                    for entry in entries:
                        yield KeyChange(key=entry.key, entry=entry)
                    yield SYNCED
                elif change.kind is Kind.KEY:
                    key = change.name.removeprefix(KEY)
                    if change.entry is None:
                        if known.pop(key, None) is not None:
                            yield KeyChange(key=key)
                    elif change.entry.revision > known.get(key, ABSENT):
                        known[key] = change.entry.revision
                        yield KeyChange(key=key, entry=_shown(change.entry))

    def _fence(self, fencing: Fencing | None) -> Fence | None:
        if fencing is None:
            return None
        self._ground.store.promises.require(Feature.FENCED_WRITE)
        fencing.check()
        return fencing.fence

    async def _note(self, event: str, key: str, data: dict[str, object]) -> None:
        await self._ground.record(event, f"coordination:key/{key}", data)


def _shown(entry: Entry) -> Entry:
    return replace(entry, key=entry.key.removeprefix(KEY))
