"""A memcached server (1.6 or later) as what it is: values under keys, with compare-and-set and expiry, nothing else.

It may drop any key at any time and forgets all when it ends. So a lock would not exclude, a task would not last, and a
leader would not lead: all of that is refused in words.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from hashlib import sha256
from math import ceil
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from adapters.coordination.keys_alone import KeysAlone
from adapters.coordination.memcached_line import MemcachedLines
from adapters.coordination.refusals import key_changed
from engine.clock import Clock
from engine.coordination.promises import Feature, Promises
from engine.coordination.standing import ABSENT, Entry, Fence, Revision, SessionStanding
from engine.coordination.store import Backend, Store
from engine.errors import NotSupported
from engine.settings.catalogue import EndpointContext

PORT = 11_211
OLDEST = (1, 6)
DONE, NO_VALUE = "HD", "EN"
"""What the server says of a write that was done (there are several words for others), and of a key it does not have."""

FORGETS = "memcached may drop any key at any time and forgets all when it ends"
INSTEAD = "Use sqlite, redis, etcd, consul, nats or postgres"
PROMISES = Promises(
    backend="memcached",
    reach="all nodes that reach the same memcached server",
    shortest_ttl=timedelta(seconds=1),
    crash_seen="never: nobody can hold anything here",
    hang_seen="never: nobody can hold anything here",
    shortest_expiry=timedelta(seconds=1),
    refusals={
        Feature.LOCK: f"{FORGETS}; a lock there would not exclude. {INSTEAD} for locks, memcached for keys alone.",
        Feature.ELECTION: f"{FORGETS}; two could lead there at once. {INSTEAD} for elections.",
        Feature.FENCED_WRITE: f"memcached has no locks, so no write there can depend on one. {INSTEAD}.",
        Feature.LIST: "memcached cannot list its keys. Ask for the keys you know, or use another backend.",
        Feature.WATCH: "memcached cannot tell what changes. Ask again for the keys you know, or use another backend.",
        Feature.TASKS: f"{FORGETS}; tasks would be lost there. {INSTEAD} for tasks.",
        Feature.CRON: f"{FORGETS}; fires would be lost or come twice there. {INSTEAD} for cron.",
        Feature.STREAM: f"{FORGETS}; it has no streams. Use sqlite, redis, nats or postgres for streams.",
    },
    cautions=(
        f"{FORGETS}: keep only what can be made again.",
        "When the server was started again revisions begin anew: one from before may fit a key written since.",
        "A key lives up to a second longer than asked for.",
    ),
)

PLAIN = re.compile(r"[!-}][!-~]*")
"""A key that memcached takes as it is; `~` at its beginning is kept for those that it does not."""
LONGEST_KEY = 250
LONGEST_RELATIVE = 30 * 24 * 3600
"""Seconds; memcached takes a larger number for a moment."""


class Memcached(Backend):
    """A server, and one namespace in it."""

    class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Keys in a memcached server (1.6 or later): no locks, tasks or schedules."""

        url: Annotated[
            str,
            Meta(
                pattern=r"^memcached://[^/?#@\s]+/?$",
                description="The server's address.",
                examples=["memcached://cache.example:11211"],
            ),
        ]
        timeout: Annotated[timedelta, Meta(description="Longest time a request may take.", examples=["5s"])] = (
            timedelta(seconds=5)
        )

        def __post_init__(self) -> None:
            if self.timeout <= timedelta(0):
                raise ValueError("timeout must be longer than nothing. Write 5s, for example.")

    def __init__(self, settings: Settings, _context: EndpointContext, clock: Clock, namespace: str) -> None:
        self._settings = settings
        self._clock = clock
        self._namespace = namespace

    def __repr__(self) -> str:
        return f"Memcached({self._settings.url}, {self._namespace})"

    @property
    def promises(self) -> Promises:
        return PROMISES

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Store, None]:
        address = urlsplit(self._settings.url)
        lines = MemcachedLines(address.hostname or "", address.port or PORT, self._settings.timeout.total_seconds())
        async with aclosing(lines):
            version = " ".join((await lines.ask(b"version")).rest)
            if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < OLDEST:
                raise NotSupported(f"memcached {version} is too old: 1.6 or later is needed. Upgrade it.")
            yield MemcachedStore(lines, self._clock, self._namespace, replace(PROMISES, backend=f"memcached {version}"))


class MemcachedStore(KeysAlone):
    """An open namespace. Revisions are the server's own numbers of what it stored."""

    def __init__(self, lines: MemcachedLines, clock: Clock, namespace: str, promises: Promises) -> None:
        self._lines = lines
        self._clock = clock
        self._namespace = namespace
        self._promises = promises

    @property
    def promises(self) -> Promises:
        return self._promises

    async def get(self, key: str) -> Entry | None:
        reply = await self._lines.ask(b"mg %b v c t" % self._place(key))
        if reply.word == NO_VALUE:
            return None
        left = reply.number("t")  # of the second that was added; -1: it stays
        return Entry(
            key=key,
            value=reply.value,
            revision=Revision(reply.number("c")),
            left=None if left < 0 else timedelta(seconds=max(left - 1, 0)),
        )

    async def put(
        self,
        key: str,
        value: bytes,
        *,
        expected: Revision | None = None,
        expires: timedelta | None = None,
        fence: Fence | None = None,
    ) -> Revision:
        if fence is not None:
            self._promises.require(Feature.FENCED_WRITE)
        seconds = 0 if expires is None else self._seconds(expires)
        condition = "" if expected is None else " ME" if expected == ABSENT else f" C{expected}"
        question = b"ms %b %d T%d c%b" % (self._place(key), len(value), seconds, condition.encode())
        reply = await self._lines.ask(question, value, writes=True)
        if reply.word != DONE:
            raise key_changed(key, expected, await self._revision(key))
        return Revision(reply.number("c"))

    async def delete(self, key: str, *, expected: Revision | None = None, fence: Fence | None = None) -> bool:
        if fence is not None:
            self._promises.require(Feature.FENCED_WRITE)
        if expected == ABSENT:
            if revision := await self._revision(key):
                raise key_changed(key, expected, revision)
            return False
        condition = "" if expected is None else f" C{expected}"
        reply = await self._lines.ask(b"md %b%b" % (self._place(key), condition.encode()), writes=True)
        if reply.word != DONE and expected is not None:
            raise key_changed(key, expected, await self._revision(key))
        return reply.word == DONE

    async def sessions(self) -> Sequence[SessionStanding]:
        await self._lines.ask(b"mn")  # there are none, as long as the server is there to ask
        return ()

    async def _revision(self, key: str) -> Revision:
        return Revision((await self._lines.ask(b"mg %b c" % self._place(key))).number("c"))

    def _place(self, key: str) -> bytes:
        """Return the key that memcached knows: as it is where that is possible, otherwise its hash."""
        place = f"{self._namespace}/{key}"
        if PLAIN.fullmatch(key) and len(place) <= LONGEST_KEY:
            return place.encode()
        return f"{self._namespace}/~{sha256(key.encode()).hexdigest()}".encode()

    def _seconds(self, expires: timedelta) -> int:
        """Return an expiry as memcached counts it. Its clock ticks once a second: without one more a key would vanish
        too early."""
        self._promises.require_expiry(expires)
        seconds = ceil(expires.total_seconds()) + 1
        return seconds if seconds <= LONGEST_RELATIVE else int(self._clock.now().timestamp()) + seconds
