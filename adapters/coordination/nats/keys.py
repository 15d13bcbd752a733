"""Keys in NATS: each the last message of a subject, with the value as it is, so that NATS's own tools show it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from adapters.coordination.nats.jetstream import MARKER, Conflict, lives
from adapters.coordination.nats.promises import PROMISES
from adapters.coordination.nats.reading import latest
from adapters.coordination.nats.space import Space
from adapters.coordination.nats.watch import REMEMBERED_FOR, Watch, entry_of
from adapters.coordination.refusals import key_changed
from engine.coordination.promises import Feature
from engine.coordination.standing import ABSENT, Entry, Fence, Revision
from engine.coordination.store import Keys
from engine.together import together

AT_ONCE = 100
"""Keys that are asked for one by one at the same time."""


class NatsKeys(Keys):
    """The number of the message is the revision."""

    _space: Space

    async def get(self, key: str) -> Entry | None:
        return await self._entry(await self._space.up(), key)

    async def put(
        self,
        key: str,
        value: bytes,
        *,
        expected: Revision | None = None,
        expires: timedelta | None = None,
        fence: Fence | None = None,
    ) -> Revision:
        self._refuse(fence)
        if expires is not None:
            PROMISES.require_expiry(expires)
        headers = lives(expires) if expires is not None else {}
        watch, subject = await self._space.up(), self._space.layout.key(key)
        last: int | None = expected
        while True:
            try:
                return Revision(await watch.put(subject, value, headers, expected=last))
            except Conflict:
                found = await watch.last(subject)
            if found is not None and not found.gone:
                raise key_changed(key, expected, Revision(found.number))
            if expected != ABSENT:
                raise key_changed(key, expected, ABSENT)
            last = found.number if found is not None else 0  # what says that there is none is a message too

    async def delete(self, key: str, *, expected: Revision | None = None, fence: Fence | None = None) -> bool:
        self._refuse(fence)
        watch, subject = await self._space.up(), self._space.layout.key(key)
        while True:
            found = await watch.last(subject)
            revision = ABSENT if found is None or found.gone else Revision(found.number)
            if expected is not None and expected != revision:
                raise key_changed(key, expected, revision)
            if revision == ABSENT:
                return False
            try:
                await watch.put(subject, b"", {**MARKER, **lives(REMEMBERED_FOR)}, expected=revision)
            except Conflict:
                continue
            return True

    async def entries(self, prefix: str = "", *, after: str = "", limit: int = 1_000) -> Sequence[Entry]:
        layout, watch = self._space.layout, await self._space.up()
        subjects = await watch.jetstream.subjects(layout.stream, layout.under(prefix))
        keys = (layout.told(subject)[1] for subject in subjects)
        wanted = sorted(key for key in keys if key.startswith(prefix) and key > after)
        if len(subjects) <= limit:
            return (await self._all(watch, prefix, frozenset(wanted)))[:limit]
        found: list[Entry] = []
        while wanted and len(found) < limit:
            count = min(AT_ONCE, limit - len(found))
            found += await self._each(watch, wanted[:count])
            del wanted[:count]
        return found

    async def _entry(self, watch: Watch, key: str) -> Entry | None:
        return entry_of(key, await watch.last(self._space.layout.key(key)), self._space.clock)

    async def _each(self, watch: Watch, keys: Sequence[str]) -> Sequence[Entry]:
        async with together() as group:
            asked = [group.create_task(self._entry(watch, key)) for key in keys]
        return [entry for task in asked if (entry := task.result()) is not None]

    async def _all(self, watch: Watch, prefix: str, wanted: frozenset[str]) -> Sequence[Entry]:
        """Return those of all keys under a prefix, read in one go."""
        if not wanted:
            return []
        layout = self._space.layout
        messages = await latest(watch.jetstream, layout.stream, layout.under(prefix))
        entries = (entry_of(layout.told(each.subject)[1], each, self._space.clock) for each in messages)
        return sorted((entry for entry in entries if entry and entry.key in wanted), key=lambda entry: entry.key)

    @staticmethod
    def _refuse(fence: Fence | None) -> None:
        if fence is not None:
            PROMISES.require(Feature.FENCED_WRITE)
