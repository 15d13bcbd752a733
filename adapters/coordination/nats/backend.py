"""NATS with JetStream, 2.11 or later, as a backend of coordination."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from adapters.coordination.chores import Chores
from adapters.coordination.nats.address import Address
from adapters.coordination.nats.claims import NatsClaims
from adapters.coordination.nats.keys import NatsKeys
from adapters.coordination.nats.layout import Layout
from adapters.coordination.nats.promises import PROMISES, learnt
from adapters.coordination.nats.sessions import NatsSessions
from adapters.coordination.nats.settings import NatsSettings
from adapters.coordination.nats.space import Space
from adapters.coordination.nats.streams import NatsStreams
from engine.clock import Clock
from engine.coordination.promises import Promises
from engine.coordination.standing import Change, Kind
from engine.coordination.store import Backend, Store
from engine.errors import CoordinationUnavailable
from engine.settings.catalogue import EndpointContext
from engine.together import together


class Nats(Backend):
    """A server or a cluster, and one namespace there."""

    Settings = NatsSettings

    def __init__(self, settings: NatsSettings, context: EndpointContext, clock: Clock, namespace: str) -> None:
        self._settings = settings
        self._context = context
        self._clock = clock
        self._namespace = namespace

    def __repr__(self) -> str:
        return f"Nats({self._settings.url}, {self._namespace})"

    @property
    def promises(self) -> Promises:
        return PROMISES

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Store, None]:
        replicas = self._settings.replicas
        address, layout = Address(self._settings, self._context), Layout(self._namespace)
        async with together() as group:
            chores = Chores(group)
            space = Space(address, layout, self._clock, chores, replicas)
            try:
                watch = await space.up()
                yield NatsStore(space, learnt(watch.line.version, watch.config, replicas), replicas)
            finally:
                chores.close()


class NatsStore(NatsSessions, NatsClaims, NatsKeys, Store):
    """An open namespace."""

    def __init__(self, space: Space, promises: Promises, replicas: int) -> None:
        self._space = space
        self._promises = promises
        self._streams = NatsStreams(space, replicas)

    @property
    def promises(self) -> Promises:
        return self._promises

    @property
    def streams(self) -> NatsStreams:
        return self._streams

    async def follow(self) -> AsyncIterator[Change]:
        watch = await self._space.up()
        await watch.current()
        with watch.mailboxes.opened() as box:
            if not watch.standing:
                raise CoordinationUnavailable("NATS stopped telling what changes. Follow again.")
            yield Change(kind=Kind.SYNCED)
            async for change in box.changes():
                yield change
