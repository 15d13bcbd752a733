"""Every kind of endpoint and of way to a peer that exists here: tables of lazy paths, and third parties' rows.

A new endpoint is one file in `adapters/endpoints` and one row below. Another package offers its own by an entry
point of the group `syncdeck.endpoints` whose value names an `EndpointType` (`acme_endpoint:ROW`); keep that module
light, the row's `path` leads to the heavy one. Nothing here imports an endpoint before it is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from engine.errors import MissingExtra, NothingFound
from engine.reconcile.ports import Catalogue, Source
from engine.settings.catalogue import EndpointContext, EndpointType
from engine.settings.spelling import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from importlib.metadata import EntryPoint
    from pathlib import Path

    from adapters.extensions import Additions
    from engine.assembly import Engine, Extensions
    from engine.clock import Clock
    from engine.events.replicating.ports import Transport
    from engine.settings.model import Workspace
    from engine.settings.replication import PeerSettings, ServerSettings

GROUP = "syncdeck.endpoints"

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


TRANSPORTS = {
    "http": "adapters.transports.http_client:HttpTransport",
    "https": "adapters.transports.http_client:HttpTransport",
}
"""The way to a peer by the scheme of its URL; a class that is called with (settings, context, clock)."""


class Registry(Catalogue):
    """The catalogue of this installation. Classes are imported when first asked for and kept."""

    def __init__(self, rows: tuple[EndpointType, ...] = ENDPOINTS) -> None:
        self._own = {row.type: row for row in rows}
        self._classes: dict[str, type[Source]] = {}
        self._problems: list[str] = []

    def types(self) -> Mapping[str, EndpointType]:
        return self._all

    def strategies(self) -> Mapping[str, str]:
        return {word: strategy.summary for word, strategy in self._additions.strategies.items()}

    def extensions(self) -> Extensions:
        """Return what is installed beside endpoints, for an engine that is being opened."""
        from engine.assembly import Extensions

        additions = self._additions
        return Extensions(transport=self.transport, strategies=additions.strategies, upcasts=additions.upcasts)

    def complaints(self, workspace: Workspace) -> list[str]:
        """Return what is wrong outside a workspace's settings, as sentences for `syncdeck doctor`."""
        from adapters.complaints import complaints

        return [*complaints(workspace), *self.problems]

    @property
    def problems(self) -> tuple[str, ...]:
        """Return a sentence for each other package's entry point that cannot be used, for `syncdeck doctor`."""
        self.types()
        self.extensions()
        return (*self._problems, *self._additions.problems)

    def settings_of(self, type_name: str) -> type[msgspec.Struct]:
        settings: type[msgspec.Struct] = self._class(type_name).Settings  # type: ignore[attr-defined]
        return settings

    def open(self, type_name: str, settings: msgspec.Struct, context: EndpointContext) -> Source:
        return self._class(type_name)(settings, context)  # type: ignore[call-arg]

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

    @cached_property
    def _all(self) -> Mapping[str, EndpointType]:
        return MappingProxyType({**dict(self._foreign()), **self._own})

    def _class(self, type_name: str) -> type[Source]:
        known = self._classes.get(type_name)
        if known is None:
            # Our own rows are looked up first: the entry points of all installed packages take milliseconds to list.
            row = self._own.get(type_name) or self._all.get(type_name)
            if row is None:
                raise NothingFound(f"There is no endpoint type {type_name}. {did_you_mean(type_name, self._all)}")
            known = self._classes[type_name] = _import_class(row)
        return known

    def _foreign(self) -> Iterator[tuple[str, EndpointType]]:
        # Half of this module's import time, needed only where somebody asks for all types.
        from importlib.metadata import entry_points

        for entry in entry_points(group=GROUP):
            row = self._row_of(entry)
            if row is not None:
                yield row.type, row

    def _row_of(self, entry: EntryPoint) -> EndpointType | None:
        """Return another package's row. A broken package costs only its own row, whatever its import raises."""
        package = entry.dist.name if entry.dist else entry.module
        try:
            row = entry.load()
        except Exception as error:  # noqa: BLE001
            reason = f"{type(error).__name__}: {error}"
            self._problems.append(f"{package}: the endpoint {entry.name} cannot be loaded: {reason}")
            return None
        if not isinstance(row, EndpointType):
            self._problems.append(f"{package}: the entry point {entry.name} names no EndpointType. Tell its author.")
            return None
        if row.type in self._own:
            self._problems.append(f"{package}: the endpoint type {row.type} is Syncdeck's own and stays so.")
            return None
        return msgspec.structs.replace(row, origin=package)


def _import_class(row: EndpointType) -> type[Source]:
    module_name, _, class_name = row.path.partition(":")
    try:
        found: type[Source] = getattr(import_module(module_name), class_name)
    except ModuleNotFoundError as error:
        if error.name is None or module_name == error.name or module_name.startswith(error.name + "."):
            raise
        raise missing_extra(row, error.name) from error
    return found


def missing_extra(row: EndpointType, package: str) -> MissingExtra:
    """Return the error that says what to install for an endpoint."""
    package = package.partition(".")[0]
    what = f"'{row.origin}[{row.extra}]'" if row.extra else package
    return MissingExtra(f"{row.type} needs the package {package}: pip install {what}")
