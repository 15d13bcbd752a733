"""What is particular to memcached; that it keeps the contract of keys is shown with all other stores."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from adapters.coordination.memcached import Memcached
from adapters.registry import Registry
from engine.clock import Clock, SystemClock
from engine.coordination.standing import ABSENT, Claim, Fence, SessionId, Token, Who
from engine.coordination.store import LONGEST_NAME, Store
from engine.errors import CoordinationError, CoordinationUnavailable, KeyChanged, NotSupported
from engine.settings.context import AdapterContext
from tests.servers.engines import engine
from tests.servers.memcached import start_memcached
from tests.servers.switch_proxy import Line, SwitchProxy, start_switch

WHO = Who(node="n", actor="anna@host", pid=1)
CLAIM = Claim(SessionId("s"), "deploy", "n1")
DAY = timedelta(days=1)
_namespaces = count(1)


def no_secrets(reference: str, folder: Path) -> str:
    raise AssertionError(f"{reference} was asked for")


def backend(port: int, *, clock: Clock | None = None, timeout: timedelta = timedelta(seconds=5)) -> Memcached:
    settings = Memcached.Settings(url=f"memcached://127.0.0.1:{port}", timeout=timeout)
    context = AdapterContext(adapter="coordination", folder=Path("/nowhere"), secrets=no_secrets)
    return Memcached(settings, context, clock or SystemClock(), f"test-{next(_namespaces)}")


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    async with backend(engine("memcached").port).open() as opened:
        yield opened


@pytest.fixture
def proxy() -> Iterator[SwitchProxy]:
    with start_switch(engine("memcached").port) as running:
        yield running


STRANGE = {
    "a path": "key/a/b.c-d_e",
    "spaces": "a b",
    "another script": "ключ/鍵",
    "as long as can be": "k" * LONGEST_NAME,
    "as long as can be, in two bytes": "é" * (LONGEST_NAME // 2),
    "a tilde first": "~a",
    "a percent sign": "100%",
    "words of the protocol": "mg a v\u00a0",
}


@pytest.mark.parametrize("what", STRANGE)
async def test_any_key_that_may_be_one_is_kept_apart(store: Store, what: str) -> None:
    key = STRANGE[what]
    await store.put(key, b"this")
    await store.put(key[:-1] + "x", b"that")
    found = await store.get(key)
    assert found is not None
    assert (found.key, found.value) == (key, b"this")


@pytest.mark.parametrize("expires", [DAY, 30 * DAY, 31 * DAY, 400 * DAY])
async def test_a_key_may_expire_long_from_now(store: Store, expires: timedelta) -> None:
    await store.put("a", b"1", expires=expires)
    found = await store.get("a")
    assert found is not None
    assert found.left is not None
    assert abs(found.left - expires) < timedelta(seconds=10), "its clock ticks once a second, later when it is busy"


async def test_an_expiry_below_a_second_is_refused(store: Store) -> None:
    with pytest.raises(NotSupported, match="after 1 s at the soonest"):
        await store.put("a", b"1", expires=timedelta(milliseconds=500))


REFUSED: dict[str, Callable[[Store], Awaitable[object]]] = {
    "begin": lambda store: store.begin(WHO, DAY, lambda name, token: None),
    "renew": lambda store: store.renew(SessionId("s")),
    "end": lambda store: store.end(SessionId("s")),
    "claim": lambda store: store.claim(CLAIM),
    "release": lambda store: store.release(CLAIM),
    "revoke": lambda store: store.revoke("deploy", Token(1)),
    "proclaim": lambda store: store.proclaim(CLAIM, b""),
    "claims": lambda store: store.claims(),
    "entries": lambda store: store.entries(),
    "a fenced put": lambda store: store.put("a", b"", fence=Fence("deploy", Token(1))),
    "a fenced delete": lambda store: store.delete("a", fence=Fence("deploy", Token(1))),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_whatever_needs_more_than_keys_is_refused_in_words(store: Store, what: str) -> None:
    with pytest.raises(NotSupported, match=r"^memcached .*\.$"):
        await REFUSED[what](store)
    assert await store.get("a") is None


def test_changes_are_refused_at_once(store: Store) -> None:
    with pytest.raises(NotSupported, match="cannot tell what changes"):
        store.follow()


async def test_asking_for_sessions_shows_whether_it_is_there(proxy: SwitchProxy) -> None:
    async with backend(proxy.port).open() as store:
        assert await store.sessions() == ()
        with proxy.turned(Line.REFUSED), pytest.raises(CoordinationUnavailable):
            await store.sessions()


async def test_its_version_is_known_once_it_is_open(store: Store) -> None:
    assert store.promises.backend.startswith("memcached 1.")


async def test_a_server_that_is_away_is_said_to_be(proxy: SwitchProxy) -> None:
    async with backend(proxy.port).open() as store:
        with proxy.turned(Line.REFUSED):
            with pytest.raises(CoordinationUnavailable, match="cannot be reached"):
                await store.get("a")
            with pytest.raises(CoordinationUnavailable, match="cannot be reached") as error:
                await store.put("a", b"1")
        assert not error.value.maybe_done
        assert await store.put("a", b"2")


async def test_a_write_whose_answer_was_lost_may_have_been_done(proxy: SwitchProxy) -> None:
    async with AsyncExitStack() as stack:
        quick = backend(proxy.port, timeout=timedelta(milliseconds=300))
        store = await stack.enter_async_context(quick.open())
        with proxy.turned(Line.ANSWERS_LOST):
            with pytest.raises(CoordinationUnavailable, match=r"did not answer within 0\.3 s") as error:
                await store.put("a", b"1")
            assert error.value.maybe_done
            with pytest.raises(CoordinationUnavailable) as error:
                await store.get("a")
            assert not error.value.maybe_done
        found = await store.get("a")
    assert found is not None
    assert found.value == b"1"


async def test_whoever_stops_waiting_leaves_no_answer_for_the_next(proxy: SwitchProxy) -> None:
    async with backend(proxy.port).open() as store:
        await store.put("a", b"of a")
        await store.put("b", b"of b")
        proxy.delay = 0.2
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await store.get("a")
        proxy.delay = 0
        found = await store.get("b")
    assert found is not None
    assert found.value == b"of b"


async def test_many_at_once_wait_for_their_turn(store: Store) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(200):
            group.create_task(store.put(f"k{number}", b"%d" % number))
    found = [await store.get(f"k{number}") for number in range(200)]
    assert [entry.value for entry in found if entry is not None] == [b"%d" % number for number in range(200)]


async def test_a_server_that_was_started_again_is_used_again() -> None:
    with start_memcached() as server:
        async with backend(server.port).open() as store:
            await store.put("a", b"1")
            server.restart()
            assert await store.get("a") is None
            await store.put("a", b"2")


async def test_a_write_on_a_line_that_broke_is_not_repeated(proxy: SwitchProxy) -> None:
    async with backend(proxy.port).open() as store:
        proxy.cut()
        with pytest.raises(CoordinationUnavailable) as error:
            await store.put("a", b"1")
        assert error.value.maybe_done
        assert await store.get("a") is None


async def test_a_full_server_is_a_fault_to_mend_and_not_one_to_wait_for() -> None:
    with start_memcached("-M", "-m", "1", "-I", "512k") as server:
        async with backend(server.port).open() as store:

            async def fill() -> None:
                for number in range(1_000):
                    await store.put(f"k{number}", b"x" * 10_000)

            with pytest.raises(CoordinationError, match="no memory left") as error:
                await fill()
            assert not isinstance(error.value, CoordinationUnavailable)
            assert await store.get("nothing") is None


def test_the_registry_offers_it_as_keys_alone() -> None:
    assert Registry().backend_settings("memcached") is Memcached.Settings


@pytest.mark.parametrize("timeout", [timedelta(0), timedelta(seconds=-1)])
def test_a_time_out_is_longer_than_nothing(timeout: timedelta) -> None:
    with pytest.raises(ValueError, match="longer than nothing"):
        Memcached.Settings(url="memcached://cache", timeout=timeout)


async def test_a_removal_that_expects_nothing_removes_nothing(store: Store) -> None:
    assert not await store.delete("a", expected=ABSENT)
    revision = await store.put("a", b"1")
    with pytest.raises(KeyChanged) as changed:
        await store.delete("a", expected=ABSENT)
    assert changed.value.revision == revision
