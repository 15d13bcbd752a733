"""Coordination through Consul, 1.8 or later, by the HTTP address of an agent."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from adapters.coordination import web_settings
from adapters.coordination.chores import Chores
from adapters.coordination.consul.calls import ConsulCalls
from adapters.coordination.consul.claims import ConsulClaims
from adapters.coordination.consul.feed import ConsulFeed
from adapters.coordination.consul.keys import ConsulKeys
from adapters.coordination.consul.layout import Layout
from adapters.coordination.consul.sessions import ConsulSessions
from adapters.coordination.consul.space import ConsulSpace
from adapters.coordination.consul.wire import Agent, tree
from adapters.coordination.web_settings import Service, Url, WebSettings
from engine.clock import Clock
from engine.coordination.promises import Feature, Promises
from engine.coordination.standing import Change
from engine.coordination.store import Backend, Store
from engine.settings.catalogue import EndpointContext, Secret
from engine.together import together

PORT = 8500

PROMISES = Promises(
    backend="Consul",
    reach="all nodes that reach the same Consul datacenter",
    shortest_ttl=timedelta(seconds=10),
    crash_seen="when its session lapses: between its ttl and twice that",
    hang_seen="when its session lapses: between its ttl and twice that",
    shortest_expiry=timedelta(seconds=10),
    refusals={
        Feature.STREAM: "Consul's events are gossip without order, and its values are few and small: no place for "
        "event streams. Use sqlite, redis, nats or postgres for streams."
    },
    cautions=(
        "A key that expires may stay for up to twice its time, and for 24 hours at most.",
        "Tokens never go back, unless somebody restores a snapshot of Consul.",
        "Each waiter keeps a connection open; an agent takes 200 from one host (limits.http_max_conns_per_client).",
        "Every change of a key is told by sending all keys: keep fewer than some hundreds of tasks and keys.",
    ),
)
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "µs": 1e-6, "ns": 1e-9}


class Consul(Backend):
    """An agent, and one namespace in its datacenter."""

    class Settings(WebSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Locks, leaders, keys, tasks and schedules in Consul (1.8 or later)."""

        url: Annotated[
            Url,
            Meta(
                description="The HTTP address of an agent, best that of this host.", examples=["http://127.0.0.1:8500"]
            ),
        ] = "http://127.0.0.1:8500"
        token: Annotated[Secret, Meta(description="An ACL token.", examples=["keyring:consul"])] = ""
        shortest_ttl: Annotated[
            timedelta,
            Meta(
                description="The servers' session_ttl_min: sessions, and keys that expire, live that long at least.",
                examples=["10s"],
            ),
        ] = PROMISES.shortest_ttl

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.shortest_ttl <= timedelta(0):
                raise ValueError("shortest_ttl must be longer than nothing. Write 10s, for example.")

    def __init__(self, settings: Settings, context: EndpointContext, clock: Clock, namespace: str) -> None:
        self._settings = settings
        self._context = context
        self._clock = clock
        self._namespace = namespace

    def __repr__(self) -> str:
        return f"Consul({self._settings.url}, {self._namespace})"

    @property
    def promises(self) -> Promises:
        return promises_with(self._settings.shortest_ttl)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Store, None]:
        settings = self._settings
        token = self._context.secret(settings.token) if settings.token else ""
        service = Service("Consul", (settings.url,), PORT, bool(token))
        async with aclosing(web_settings.pool(service, settings, self._context, self._clock)) as lines:
            calls = ConsulCalls(lines, token)
            promises = _learnt(self.promises, await calls.agent())
            layout = Layout(self._namespace)
            await calls.find(tree(layout.sessions))  # refuses a token without rights
            async with together() as group:
                chores = Chores(group)
                try:
                    yield ConsulStore(ConsulSpace(calls, layout, promises, self._clock, chores))
                finally:
                    chores.close()


class ConsulStore(ConsulSessions, ConsulClaims, ConsulKeys, Store):
    """An open namespace."""

    def __init__(self, space: ConsulSpace) -> None:
        self._space = space
        self._bells = {}
        self._feed = ConsulFeed(space.calls, space.layout, space.chores)

    @property
    def promises(self) -> Promises:
        return self._space.promises

    @property
    def streams(self) -> None:
        return None

    def follow(self) -> AsyncIterator[Change]:
        return self._feed.follow()


def promises_with(shortest: timedelta) -> Promises:
    """Return the promises where sessions live that long at least."""
    return replace(PROMISES, shortest_ttl=shortest, shortest_expiry=shortest)


def _learnt(promises: Promises, agent: Agent) -> Promises:
    """Return the promises with what the agent says of itself; where it grants less than was set, that holds."""
    said = duration(agent.debug_config.shortest)
    if said > promises.shortest_ttl:
        promises = replace(promises, shortest_ttl=said, shortest_expiry=said)
    return replace(promises, backend=f"Consul {agent.config.version}".strip())


def duration(text: str) -> timedelta:
    """Return a duration as Go writes it: `1m30s`; nothing for an empty one."""
    parts = re.findall(r"([\d.]+)(h|ms|m|µs|ns|s)", text)
    return timedelta(seconds=sum(float(number) * UNITS[unit] for number, unit in parts))
