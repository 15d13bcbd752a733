"""Coordination through an etcd cluster, 3.4 or later, by the JSON gateway that every server has."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from adapters.coordination import web_settings
from adapters.coordination.chores import Chores
from adapters.coordination.etcd.calls import Credentials, EtcdCalls
from adapters.coordination.etcd.claims import EtcdClaims
from adapters.coordination.etcd.keys import EtcdKeys
from adapters.coordination.etcd.layout import Layout
from adapters.coordination.etcd.sessions import EtcdSessions
from adapters.coordination.etcd.space import EtcdSpace
from adapters.coordination.etcd.wire import under
from adapters.coordination.web_settings import Service, Url, WebSettings
from engine.clock import Clock
from engine.coordination.promises import Feature, Promises
from engine.coordination.standing import Change
from engine.coordination.store import Backend, Store
from engine.errors import NotSupported
from engine.settings.catalogue import EndpointContext, Secret
from engine.together import together

PORT = 2379
OLDEST = (3, 4)
CORRUPTING = {(3, 5, 0), (3, 5, 1), (3, 5, 2)}

PROMISES = Promises(
    backend="etcd",
    reach="all nodes that reach the same etcd cluster",
    shortest_ttl=timedelta(seconds=2),
    crash_seen="when its session lapses: its ttl, and half a second",
    hang_seen="when its session lapses: its ttl, and half a second",
    shortest_expiry=timedelta(seconds=2),
    refusals={
        Feature.STREAM: "etcd keeps its whole history in memory and within a quota of its disk, and is no place for "
        "event streams. Use sqlite, redis, nats or postgres for streams."
    },
    cautions=(
        "Times are counted in whole seconds, rounded up; a change of etcd's leader begins them anew.",
        "Tokens never go back, unless somebody restores a backup of etcd.",
        "Tasks and keys share etcd's quota (2 GB unless set otherwise): keep fewer than ten thousand tasks.",
    ),
)


class Etcd(Backend):
    """A cluster, and one namespace in it."""

    class Settings(WebSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Locks, leaders, keys, tasks and schedules in an etcd cluster (3.4 or later)."""

        url: Annotated[
            Url, Meta(description="A member's address for clients.", examples=["https://etcd-1.example:2379"])
        ]
        more_urls: Annotated[
            tuple[Url, ...],
            Meta(
                description="Other members of the same cluster, asked when the first cannot be reached.",
                examples=[["https://etcd-2.example:2379", "https://etcd-3.example:2379"]],
            ),
        ] = ()
        user: Annotated[str, Meta(description="A user of etcd's own.", examples=["syncdeck"])] = ""
        password: Annotated[Secret, Meta(description="The user's password.", examples=["keyring:etcd"])] = ""

        def __post_init__(self) -> None:
            super().__post_init__()
            if bool(self.user) != bool(self.password):
                raise ValueError("user and password belong together. Give both, or neither.")

    def __init__(self, settings: Settings, context: EndpointContext, clock: Clock, namespace: str) -> None:
        self._settings = settings
        self._context = context
        self._clock = clock
        self._namespace = namespace

    def __repr__(self) -> str:
        return f"Etcd({self._settings.url}, {self._namespace})"

    @property
    def promises(self) -> Promises:
        return PROMISES

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Store, None]:
        settings = self._settings
        credentials = Credentials(settings.user, self._context.secret(settings.password)) if settings.user else None
        service = Service("etcd", (settings.url, *settings.more_urls), PORT, credentials is not None)
        async with aclosing(web_settings.pool(service, settings, self._context, self._clock)) as lines:
            calls = EtcdCalls(lines, credentials)
            promises = await _learnt(calls)
            layout = Layout(self._namespace)
            await calls.find(under(layout.all, limit=1, keys_only=True))  # refuses a wrong password and missing rights
            async with together() as group:
                chores = Chores(group)
                try:
                    yield EtcdStore(EtcdSpace(calls, layout, promises, self._clock, chores))
                finally:
                    chores.close()


class EtcdStore(EtcdSessions, EtcdClaims, EtcdKeys, Store):
    """An open namespace."""

    def __init__(self, space: EtcdSpace) -> None:
        self._space = space

    @property
    def promises(self) -> Promises:
        return self._space.promises

    @property
    def streams(self) -> None:
        return None

    def follow(self) -> AsyncIterator[Change]:
        return self._space.feed.follow()


async def _learnt(calls: EtcdCalls) -> Promises:
    """Return the promises of the version that answers. Raises `NotSupported` for one that is too old."""
    version = await calls.version()
    cluster = tuple(int(part) for part in (version.etcdcluster or version.etcdserver).split(".")[:2] if part.isdigit())
    if cluster < OLDEST:
        raise NotSupported(
            f"etcd {version.etcdserver} (cluster {version.etcdcluster}) is too old: 3.4 or later is needed. Upgrade it."
        )
    promises = replace(PROMISES, backend=f"etcd {version.etcdserver}")
    if tuple(int(part) for part in version.etcdserver.split(".")[:3] if part.isdigit()) in CORRUPTING:
        caution = f"etcd {version.etcdserver} may lose or invent keys after a crash. Upgrade it to 3.5.3 or later."
        promises = replace(promises, cautions=(caution, *promises.cautions))
    return promises
