"""Keys with values in etcd: revisions are etcd's own, and a key that expires has a lease of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from math import ceil

from adapters.coordination.etcd.claims import holding_place
from adapters.coordination.etcd.space import EtcdSpace
from adapters.coordination.etcd.wire import (
    KeyValue,
    Message,
    Outcome,
    changed_at,
    created_at,
    end_of,
    erase,
    look,
    put,
)
from adapters.coordination.refusals import key_changed, outdated, possibly_done
from engine.coordination.standing import ABSENT, Entry, Fence, Revision
from engine.coordination.store import Keys
from engine.errors import CoordinationError

PAGE = 100
"""Entries in one answer: the largest values make one of some 35 MB."""


class EtcdKeys(Keys):
    """Values lie under their keys as they are, so that etcd's own tools show them."""

    _space: EtcdSpace

    async def get(self, key: str) -> Entry | None:
        found = (await self._space.calls.find({"key": self._space.layout.key(key)})).kvs
        return (await self._entries(found))[0] if found else None

    async def put(
        self,
        key: str,
        value: bytes,
        *,
        expected: Revision | None = None,
        expires: timedelta | None = None,
        fence: Fence | None = None,
    ) -> Revision:
        calls, place, lease = self._space.calls, self._space.layout.key(key), 0
        if expires is not None:
            self._space.promises.require_expiry(expires)
            lease = await calls.grant(ceil(expires.total_seconds()))
        try:
            outcome = await self._write(key, put(place, value, lease, prev_kv=True), expected, fence)
        except CoordinationError as error:
            if lease and not possibly_done(error):
                await self._space.drop(lease)
            raise
        before = outcome.responses[0].response_put.prev_kv
        if before is not None and before.lease:
            await self._space.outlived(before.lease)
        return Revision(outcome.header.revision)

    async def delete(self, key: str, *, expected: Revision | None = None, fence: Fence | None = None) -> bool:
        outcome = await self._write(key, erase(self._space.layout.key(key), prev_kv=True), expected, fence)
        erased = outcome.responses[0].response_delete_range
        for before in erased.prev_kvs:
            if before.lease:
                await self._space.outlived(before.lease)
        return erased.deleted > 0

    async def entries(self, prefix: str = "", *, after: str = "", limit: int = 1_000) -> Sequence[Entry]:
        layout = self._space.layout
        first, end = layout.key(prefix), end_of(layout.key(prefix))
        if after:
            first = max(first, layout.key(after) + b"\0")
        found: list[KeyValue] = []
        revision = 0  # all pages show the same moment
        while first < end and len(found) < limit:
            message = {"key": first, "range_end": end, "limit": min(PAGE, limit - len(found)), "revision": revision}
            page = await self._space.calls.find(message)
            found += page.kvs
            if not page.more:
                break
            first, revision = page.kvs[-1].key + b"\0", page.header.revision
        return await self._entries(found)

    async def _entries(self, found: Sequence[KeyValue]) -> Sequence[Entry]:
        left = await self._space.left({each.lease for each in found})
        return [
            Entry(
                key=self._space.layout.key_of(each.key),
                value=each.value,
                revision=Revision(each.mod_revision),
                left=left.get(each.lease),
            )
            for each in found
        ]

    async def _write(self, key: str, act: Message, expected: Revision | None, fence: Fence | None) -> Outcome:
        """Do one thing if what was asked for holds. Raises `KeyChanged`, `LeaseLost`."""
        place = self._space.layout.key(key)
        compare: list[Message] = []
        failure = [look({"key": place, "keys_only": True})]
        if expected is not None:
            compare.append(changed_at(place, expected))
        if fence is not None:
            holding = await holding_place(self._space, fence.name, fence.token)
            if holding is None:
                raise outdated(fence)
            compare.append(created_at(holding, fence.token))
            failure.append(look({"key": holding, "keys_only": True}))
        outcome = await self._space.calls.transact(compare, [act], failure)
        if outcome.succeeded:
            return outcome
        if fence is not None and not _holds(fence, outcome.responses[1].response_range.kvs):
            raise outdated(fence)
        revision = Revision(outcome.first[0].mod_revision) if outcome.first else ABSENT
        raise key_changed(key, expected, revision)


def _holds(fence: Fence, found: Sequence[KeyValue]) -> bool:
    return [each.create_revision for each in found] == [fence.token]
