"""What every store promises of keys: values with revisions, compare-and-set, order, and fences."""

from __future__ import annotations

import asyncio

import pytest

from engine.coordination.promises import Feature
from engine.coordination.standing import ABSENT, Fence, Revision, Token
from engine.coordination.store import LONGEST_VALUE, Store
from engine.errors import KeyChanged, LeaseLost
from tests.contracts.store_case import Suite, all_entries, join, lapse_within, soon, until
from tests.contracts.store_claims import ODD_NAMES
from tests.contracts.store_sandbox import StoreSandbox

KEYS = Suite()


@KEYS.case(Feature.KEYS)
async def what_was_written_is_read(sandbox: StoreSandbox) -> None:
    store, other = await sandbox.open(), await sandbox.open()
    assert await soon(store.get("k")) is None
    revision = await soon(store.put("k", b"one"))
    entry = await soon(other.get("k"))

    assert entry is not None
    assert (entry.key, entry.value, entry.revision, entry.left) == ("k", b"one", revision, None)
    assert revision > ABSENT


@KEYS.case(Feature.KEYS)
async def any_bytes_can_be_kept(sandbox: StoreSandbox) -> None:
    store = await sandbox.open()
    for value in (b"", b"\x00", bytes(range(256)), "ä\n😀".encode(), b"\xff" * LONGEST_VALUE):
        await soon(store.put("k", value))
        entry = await soon(store.get("k"))
        assert entry is not None
        assert entry.value == value


@KEYS.case(Feature.KEYS)
async def keys_are_told_apart_whatever_they_are_made_of(sandbox: StoreSandbox) -> None:
    store = await sandbox.open()
    for name in ODD_NAMES:
        await soon(store.put(name, name.encode(), expected=ABSENT))
    for name in ODD_NAMES:
        entry = await soon(store.get(name))
        assert entry is not None
        assert (entry.key, entry.value) == (name, name.encode())
        assert await soon(store.delete(name))


@KEYS.case(Feature.KEYS)
async def a_key_may_be_as_long_as_promised(sandbox: StoreSandbox) -> None:
    store = await sandbox.open()
    longest = "key/" + "ü" * 126
    await soon(store.put(longest, b"there"))
    assert await soon(store.get(longest[:-1])) is None
    assert await soon(store.get(longest)) is not None


@KEYS.case(Feature.KEYS, Feature.LOCK)
async def keys_and_claims_of_one_name_are_two_things(sandbox: StoreSandbox) -> None:
    member = await join(sandbox)
    await member.take("same")
    assert await soon(member.store.get("same")) is None
    await soon(member.store.put("same", b"value", expected=ABSENT))
    assert await soon(member.store.delete("same"))
    assert len(await soon(member.store.renew(member.session))) == 1


@KEYS.case(Feature.KEYS)
async def revisions_rise_with_every_write(sandbox: StoreSandbox) -> None:
    store = await sandbox.open()
    revisions = [await soon(store.put("k", b"same")) for _ in range(5)]
    assert revisions == sorted(set(revisions))


@KEYS.case(Feature.KEYS)
async def revisions_rise_over_a_deletion(sandbox: StoreSandbox) -> None:
    store = await sandbox.open()
    before = await soon(store.put("k", b"one"))
    assert await soon(store.delete("k"))
    after = await soon(store.put("k", b"two", expected=ABSENT))

    assert after > before
    with pytest.raises(KeyChanged):
        await soon(store.put("k", b"three", expected=before))


@KEYS.case(Feature.KEYS)
async def a_write_that_expects_the_revision_there_is_goes_through(sandbox: StoreSandbox) -> None:
    store = await sandbox.open()
    revision = await soon(store.put("k", b"one", expected=ABSENT))
    revision = await soon(store.put("k", b"two", expected=revision))
    entry = await soon(store.get("k"))
    assert entry is not None
    assert (entry.value, entry.revision) == (b"two", revision)


@KEYS.case(Feature.KEYS)
async def a_write_that_expects_another_revision_writes_nothing(sandbox: StoreSandbox) -> None:
    store = await sandbox.open()
    old = await soon(store.put("k", b"one"))
    new = await soon(store.put("k", b"two"))
    for expected in (ABSENT, old, Revision(new + 1)):
        with pytest.raises(KeyChanged) as told:
            await soon(store.put("k", b"three", expected=expected))
        assert (told.value.key, told.value.revision) == ("k", new)
    with pytest.raises(KeyChanged) as told:
        await soon(store.put("none", b"x", expected=new))
    assert told.value.revision == ABSENT
    assert await soon(store.get("none")) is None
    entry = await soon(store.get("k"))
    assert entry is not None
    assert (entry.value, entry.revision) == (b"two", new)


@KEYS.case(Feature.KEYS)
async def deleting_says_whether_there_was_one(sandbox: StoreSandbox) -> None:
    store = await sandbox.open()
    assert not await soon(store.delete("k"))
    await soon(store.put("k", b"one"))
    assert await soon(store.delete("k"))
    assert not await soon(store.delete("k"))
    assert await soon(store.get("k")) is None


@KEYS.case(Feature.KEYS)
async def a_deletion_that_expects_another_revision_deletes_nothing(sandbox: StoreSandbox) -> None:
    store = await sandbox.open()
    old = await soon(store.put("k", b"one"))
    new = await soon(store.put("k", b"two"))
    with pytest.raises(KeyChanged):
        await soon(store.delete("k", expected=old))
    assert await soon(store.delete("k", expected=new))
    with pytest.raises(KeyChanged) as told:
        await soon(store.delete("k", expected=new))
    assert told.value.revision == ABSENT


@KEYS.case(Feature.KEYS)
async def of_all_who_expect_the_same_one_writes(sandbox: StoreSandbox) -> None:
    stores = [await sandbox.open() for _ in range(3)]
    revision = await soon(stores[0].put("k", b"start"))

    async def write(store: Store, number: int) -> int | None:
        try:
            await store.put("k", str(number).encode(), expected=revision)
        except KeyChanged:
            return None
        return number

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(write(stores[number % 3], number)) for number in range(12)]
    (winner,) = [task.result() for task in tasks if task.result() is not None]
    entry = await soon(stores[0].get("k"))
    assert entry is not None
    assert entry.value == str(winner).encode()


@KEYS.case(Feature.KEYS)
async def counting_together_loses_no_step(sandbox: StoreSandbox) -> None:
    stores = [await sandbox.open() for _ in range(3)]

    async def count(store: Store) -> None:
        done = 0
        while done < 8:
            entry = await store.get("k")
            try:
                value = int(entry.value) + 1 if entry else 1
                await store.put("k", str(value).encode(), expected=entry.revision if entry else ABSENT)
            except KeyChanged:
                continue
            done += 1

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for store in stores:
            group.create_task(count(store))
    entry = await soon(stores[0].get("k"))
    assert entry is not None
    assert entry.value == b"24"


@KEYS.case(Feature.KEYS, Feature.LIST)
async def keys_are_listed_by_prefix_in_the_order_of_code_points(sandbox: StoreSandbox) -> None:
    store = await sandbox.open()
    keys = [*(f"key/{name}" for name in ODD_NAMES), "key", "kez", "other/a"]
    for key in keys:
        await soon(store.put(key, key.encode()))

    assert [entry.key for entry in await soon(store.entries())] == sorted(keys)
    for prefix in ("key/", "key/a", "key/a%", "key/a_", "key/a*", "key/a[", "key/a\\", "ke", "Key", "key/a.", "key/ä"):
        found = await soon(store.entries(prefix))
        assert [entry.key for entry in found] == sorted(key for key in keys if key.startswith(prefix)), prefix
        assert all(entry.value == entry.key.encode() for entry in found)


@KEYS.case(Feature.KEYS, Feature.LIST)
async def a_list_is_read_in_pages(sandbox: StoreSandbox) -> None:
    store = await sandbox.open()
    keys = [f"p/{number:02}" for number in range(25)]
    for key in reversed(keys):
        await soon(store.put(key, b""))
    await soon(store.put("q", b"behind"))

    for limit in (1, 7, 24, 25, 26):
        assert [entry.key for entry in await all_entries(store, "p/", limit)] == keys
    assert [entry.key for entry in await soon(store.entries("p/", after="p/22"))] == keys[23:]
    assert [entry.key for entry in await soon(store.entries("p/", after="p/2", limit=1))] == ["p/20"]
    assert await soon(store.entries("p/", after="p/24")) == []
    assert [entry.key for entry in await soon(store.entries("p/", after="a", limit=2))] == keys[:2]


@KEYS.case(Feature.KEYS, Feature.LIST)
async def what_was_deleted_is_not_listed(sandbox: StoreSandbox) -> None:
    store = await sandbox.open()
    for key in ("a", "b", "c"):
        await soon(store.put(key, b""))
    await soon(store.delete("b"))
    found = await soon(store.entries())
    entry = await soon(store.get("a"))
    assert [each.key for each in found] == ["a", "c"]
    assert entry is not None
    assert found[0].revision == entry.revision


@KEYS.case(Feature.KEYS, Feature.EXPIRY)
async def a_key_vanishes_when_its_time_is_over_and_not_before(sandbox: StoreSandbox) -> None:
    store = await sandbox.open()
    begun = sandbox.clock.monotonic()
    await soon(store.put("k", b"brief", expires=sandbox.expiry))
    entry = await soon(store.get("k"))
    assert entry is not None
    assert entry.left is not None
    assert entry.left <= sandbox.expiry + sandbox.expiry_slack

    async def gone() -> bool:
        return await store.get("k") is None

    await until(gone, (sandbox.expiry + sandbox.expiry_slack).total_seconds() + 1)
    assert sandbox.clock.monotonic() - begun >= sandbox.expiry.total_seconds() * 0.99
    assert not await soon(store.delete("k"))
    await soon(store.put("k", b"anew", expected=ABSENT))


@KEYS.case(Feature.KEYS, Feature.EXPIRY, Feature.LIST)
async def a_write_without_a_time_keeps_the_key_for_ever(sandbox: StoreSandbox) -> None:
    store = await sandbox.open()
    revision = await soon(store.put("kept", b"brief", expires=sandbox.expiry))
    await soon(store.put("kept", b"for ever", expected=revision))
    await soon(store.put("brief", b"brief", expires=sandbox.expiry))

    async def gone() -> bool:
        return await store.get("brief") is None

    await until(gone, (sandbox.expiry + sandbox.expiry_slack).total_seconds() + 1)
    (entry,) = await soon(store.entries())
    assert (entry.key, entry.left) == ("kept", None)


@KEYS.case(Feature.KEYS, Feature.EXPIRY)
async def writing_again_begins_the_time_anew(sandbox: StoreSandbox) -> None:
    store = await sandbox.open()
    for _ in range(4):
        await soon(store.put("k", b"again", expires=sandbox.expiry))
        await sandbox.clock.sleep(sandbox.expiry / 2)
    assert await soon(store.get("k")) is not None


@KEYS.case(Feature.KEYS, Feature.LOCK, Feature.FENCED_WRITE)
async def a_fenced_write_goes_through_while_the_grant_stands(sandbox: StoreSandbox) -> None:
    member, other = await join(sandbox), await join(sandbox)
    _, token = await member.take("held")
    revision = await soon(member.store.put("k", b"one", fence=Fence("held", token)))
    revision = await soon(other.store.put("k", b"two", expected=revision, fence=Fence("held", token)))
    with pytest.raises(KeyChanged):
        await soon(member.store.put("k", b"three", expected=ABSENT, fence=Fence("held", token)))
    assert await soon(member.store.delete("k", expected=revision, fence=Fence("held", token)))


@KEYS.case(Feature.KEYS, Feature.LOCK, Feature.FENCED_WRITE)
async def a_fenced_write_is_refused_however_the_grant_ended(sandbox: StoreSandbox) -> None:
    released, revoked, ended = await join(sandbox), await join(sandbox), await join(sandbox)
    claim, first = await released.take("a")
    await released.store.release(claim)
    _, second = await revoked.take("b")
    await released.store.revoke("b", second)
    _, third = await ended.take("c")
    await ended.store.end(ended.session)
    _, successor = await released.take("a")
    never = Fence("never held", Token(1))

    for fence in (Fence("a", first), Fence("b", second), Fence("c", third), never, Fence("a", Token(successor + 1))):
        with pytest.raises(LeaseLost) as told:
            await soon(released.store.put("k", b"late", fence=fence))
        assert (told.value.name, told.value.token) == (fence.name, fence.token)
    assert await soon(released.store.get("k")) is None
    await soon(released.store.put("k", b"there"))
    with pytest.raises(LeaseLost):
        await soon(released.store.delete("k", fence=Fence("a", first)))
    assert await soon(released.store.get("k")) is not None


@KEYS.case(Feature.KEYS, Feature.LOCK, Feature.FENCED_WRITE)
async def a_fenced_write_is_refused_once_the_next_holds(sandbox: StoreSandbox) -> None:
    dying, other = await join(sandbox, ttl=sandbox.ttl), await join(sandbox)
    _, token = await dying.take("held")
    await sandbox.kill(dying.store)
    claim = other.ask("held")
    assert await soon(other.store.claim(claim), 20 + lapse_within(sandbox)) is not None
    with pytest.raises(LeaseLost):
        await soon(other.store.put("k", b"late", fence=Fence("held", token)))


@KEYS.case(Feature.KEYS, Feature.LOCK, Feature.FENCED_WRITE)
async def a_waiter_is_no_holder(sandbox: StoreSandbox) -> None:
    member, other = await join(sandbox), await join(sandbox)
    await member.take("held")
    assert await soon(other.store.claim(other.ask("held"), wait=False)) is None
    with pytest.raises(LeaseLost):
        await soon(other.store.put("k", b"early", fence=Fence("held", Token(0))))


@KEYS.case(Feature.KEYS, Feature.LOCK, Feature.LIST)
async def tokens_rise_though_all_keys_are_deleted(sandbox: StoreSandbox) -> None:
    member = await join(sandbox)
    claim, before = await member.take("held")
    await soon(member.store.put("k", b"one"))
    await soon(member.store.release(claim))
    for entry in await all_entries(member.store):
        await soon(member.store.delete(entry.key))
    _, after = await member.take("held")
    assert after > before
