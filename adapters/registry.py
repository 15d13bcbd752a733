"""Every kind of endpoint, of coordination backend and of way to a peer that exists here: tables of lazy paths, and
third parties' rows.

A new endpoint is one file in `adapters/endpoints` and one row below. Another package offers its own by an entry
point of the group `syncdeck.endpoints` whose value names an `EndpointType` (`acme_endpoint:ROW`); keep that module
light, the row's `path` leads to the heavy one. Coordination backends do the same with `syncdeck.coordination` and a
`BackendType`. Nothing here imports an endpoint or a backend before it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING

import msgspec

from adapters.rows import Rows
from engine.errors import NothingFound
from engine.reconcile.ports import Catalogue, Source
from engine.settings.catalogue import BackendType, EndpointContext, EndpointType
from engine.settings.coordination import SQLITE, SqliteSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from adapters.extensions import Additions
    from engine.assembly import Engine
    from engine.clock import Clock
    from engine.coordination.clocks.timekeeping import TimeSource
    from engine.coordination.store import Backend
    from engine.events.replicating.ports import Transport
    from engine.ground import Extensions
    from engine.settings.context import AdapterContext
    from engine.settings.coordination import ClockSettings, CoordinationSettings
    from engine.settings.model import Workspace
    from engine.settings.replication import PeerSettings, ServerSettings

GROUP = "syncdeck.endpoints"
BACKEND_GROUP = "syncdeck.coordination"

ENDPOINTS = (
    EndpointType(
        type="csv_file",
        title="CSV file",
        summary="The rows of a CSV file, one record a row.",
        path="adapters.endpoints.csv_file:CsvFile",
    ),
    EndpointType(
        type="json_file",
        title="JSON file",
        summary="A list inside a JSON file: plain texts, or mappings with a key.",
        path="adapters.endpoints.json_file:JsonFile",
    ),
    EndpointType(
        type="yaml_file",
        title="YAML file",
        summary="A list inside a YAML file: plain texts, or mappings with a key; comments and order stay.",
        path="adapters.endpoints.yaml_file:YamlFile",
    ),
    EndpointType(
        type="sql_table",
        title="SQL table",
        summary="The rows of a table in SQLite or PostgreSQL.",
        path="adapters.endpoints.sql_table:SqlTable",
    ),
    EndpointType(
        type="http_json",
        title="REST collection",
        summary="A collection behind an HTTP API that speaks JSON, with paging and rate limits.",
        path="adapters.endpoints.http_json:HttpJson",
    ),
    EndpointType(
        type="ldap_group",
        title="LDAP group",
        summary="The members of a group in OpenLDAP or Active Directory.",
        path="adapters.endpoints.ldap_group:LdapGroup",
        extra="ldap",
    ),
    EndpointType(
        type="scim_group",
        title="SCIM group",
        summary="The members of a group behind SCIM 2.0 (RFC 7643, RFC 7644).",
        path="adapters.endpoints.scim_group:ScimGroup",
    ),
    EndpointType(
        type="memory",
        title="Memory",
        summary="Records that live as long as the process: for trying things out.",
        path="adapters.endpoints.memory:Memory",
    ),
)


COORDINATION: tuple[BackendType, ...] = (
    SQLITE,
    BackendType(
        type="redis",
        title="Redis or Valkey",
        summary="A Redis (6.2 or newer) or Valkey server: all nodes that reach it.",
        path="adapters.coordination.redis.backend:Redis",
        extra="redis",
    ),
    BackendType(
        type="postgres",
        title="PostgreSQL",
        summary="A PostgreSQL database (12 or newer): all nodes that reach it.",
        path="adapters.coordination.postgres.backend:Postgres",
        extra="postgres",
    ),
    BackendType(
        type="etcd",
        title="etcd",
        summary="An etcd cluster, 3.4 or later: all nodes that reach it.",
        path="adapters.coordination.etcd.backend:Etcd",
    ),
    BackendType(
        type="consul",
        title="Consul",
        summary="A Consul datacenter: all nodes that reach it.",
        path="adapters.coordination.consul.backend:Consul",
    ),
    BackendType(
        type="nats",
        title="NATS",
        summary="NATS servers with JetStream, 2.11 or later: all nodes that reach them.",
        path="adapters.coordination.nats.backend:Nats",
        extra="nats",
    ),
    BackendType(
        type="memcached",
        title="memcached",
        summary="A memcached server (1.6 or newer): keys alone, and no longer than it likes to keep them.",
        path="adapters.coordination.memcached:Memcached",
    ),
)
"""Who coordinates processes and nodes."""

TRANSPORTS = {
    "http": "adapters.transports.http_client:HttpTransport",
    "https": "adapters.transports.http_client:HttpTransport",
}
"""The way to a peer by the scheme of its URL; a class that is called with (settings, context, clock)."""


class Registry(Catalogue):
    """The catalogue of this installation. Classes are imported when first asked for and kept."""

    def __init__(
        self, rows: tuple[EndpointType, ...] = ENDPOINTS, backends: tuple[BackendType, ...] = COORDINATION
    ) -> None:
        self._endpoints = Rows(rows, group=GROUP, kind=EndpointType, what="endpoint")
        self._backends = Rows(backends, group=BACKEND_GROUP, kind=BackendType, what="backend")

    def types(self) -> Mapping[str, EndpointType]:
        return self._endpoints.all

    def backends(self) -> Mapping[str, BackendType]:
        return self._backends.all

    def backend_settings(self, type_name: str) -> type[msgspec.Struct]:
        if type_name == SQLITE.type:  # the engine's own: nothing to import
            return SqliteSettings
        settings: type[msgspec.Struct] = self._backends.class_of(type_name).Settings
        return settings

    def backend(self, settings: CoordinationSettings, context: EndpointContext, clock: Clock) -> Backend:
        """Return the configured backend; nothing is called yet. SQLite is the engine's own and never asked for here."""
        found: Backend = self._backends.class_of(settings.type)(settings.own, context, clock, settings.shared.namespace)
        return found

    def time_sources(self, settings: ClockSettings, clock: Clock) -> Sequence[TimeSource]:
        """Return who knows the time: this host first, then every server that is named. Nobody is asked yet."""
        from adapters.clocks.sources import time_sources

        return time_sources(settings, clock)

    def peer_clock(self, peer: PeerSettings, context: AdapterContext, clock: Clock) -> TimeSource:
        """Return a peer's clock; nobody is asked yet."""
        from adapters.clocks.peer import PeerClock

        return PeerClock(peer, context, clock)

    def strategies(self) -> Mapping[str, str]:
        return {word: strategy.summary for word, strategy in self._additions.strategies.items()}

    def extensions(self) -> Extensions:
        """Return what is installed beside endpoints, for an engine that is being opened."""
        from engine.ground import Extensions

        return Extensions(
            transport=self.transport,
            backend=self.backend,
            strategies=lambda: self._additions.strategies,
            upcasts=lambda: self._additions.upcasts,
            time_sources=self.time_sources,
            peer_clock=self.peer_clock,
        )

    def complaints(self, workspace: Workspace) -> list[str]:
        """Return what is wrong outside a workspace's settings, as sentences for `syncdeck doctor`."""
        from adapters.complaints import complaints

        return [*complaints(workspace), *self.problems]

    @property
    def problems(self) -> tuple[str, ...]:
        """Return a sentence for each other package's entry point that cannot be used, for `syncdeck doctor`."""
        self.types()
        self.backends()
        self._additions.look()
        return (*self._endpoints.problems, *self._backends.problems, *self._additions.problems)

    def settings_of(self, type_name: str) -> type[msgspec.Struct]:
        settings: type[msgspec.Struct] = self._endpoints.class_of(type_name).Settings
        return settings

    def open(self, type_name: str, settings: msgspec.Struct, context: EndpointContext) -> Source:
        opened: Source = self._endpoints.class_of(type_name)(settings, context)
        return opened

    def transport(self, peer: PeerSettings, context: EndpointContext, clock: Clock) -> Transport:
        """Return the way to a peer; nothing is called yet. Raises `NothingFound` for an address of another kind."""
        scheme = peer.url.partition("://")[0].lower()
        path = TRANSPORTS.get(scheme)
        if path is None:
            raise NothingFound(
                f"peers.{peer.name}: there is no way to a peer by {scheme}://; write {' or '.join(TRANSPORTS)}."
            )
        module_name, _, class_name = path.partition(":")
        found: Transport = getattr(import_module(module_name), class_name)(peer, context, clock)
        return found

    def serve(
        self, engine: Engine, settings: ServerSettings, secrets: Callable[[str, Path], str]
    ) -> AbstractAsyncContextManager[str]:
        """Serve an engine's node to its peers until the block ends; gives the URL. See `node_server.open_server`."""
        from adapters.transports.node_server import open_server

        return open_server(engine, settings, secrets)

    @cached_property
    def _additions(self) -> Additions:
        from adapters.extensions import Additions

        return Additions()
