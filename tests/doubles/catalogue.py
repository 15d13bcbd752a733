"""A catalogue of a few endpoint types with settings as real ones have them; nothing can be opened."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from engine.errors import MissingExtra, NothingFound
from engine.settings.catalogue import BackendType, EndpointType, Expression, PathText, Secret, TypeCatalogue
from engine.settings.coordination import SQLITE, SqliteSettings


class FileSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a file."""

    path: Annotated[PathText, Meta(description="The file.", examples=["people.csv"])]
    key: Annotated[str, Meta(description="What identifies a record.", examples=["email"])]
    at: Annotated[str, Meta(description="Where the members stand.")] = ""


class TableSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a table."""

    url: Annotated[str, Meta(description="Address of the database.")]
    table: Annotated[str, Meta(description="The table.")]
    key: Annotated[str, Meta(description="Its key.")]
    password: Annotated[Secret, Meta(description="For the database's user.")] = ""


class GroupSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a group."""

    url: Annotated[str, Meta(description="Address of the directory.")]
    group: Annotated[str, Meta(description="Name of the group.")]
    bind_dn: Annotated[str, Meta(description="Who asks.")] = ""
    password: Annotated[Secret, Meta(description="His password.", examples=["keyring:staff"])] = ""
    security: Annotated[Literal["ldaps", "starttls"], Meta(description="How the line is secured.")] = "ldaps"
    timeout: Annotated[timedelta, Meta(description="Longest wait.", examples=["10s"])] = timedelta(seconds=10)


class PagingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a list is paged."""

    size: Annotated[int, Meta(ge=1, description="Items of a page.")] = 100
    next: Annotated[Expression, Meta(description="Where the next page's cursor stands.")] = ""


class ServiceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a service."""

    url: Annotated[str, Meta(description="Address of the service.")]
    headers: Annotated[dict[str, str], Meta(description="Sent with every call.")] = {}
    paging: Annotated[PagingSettings, Meta(description="How the list is paged.")] = PagingSettings()
    body: Annotated[Any, Meta(description="A template.")] = None
    fewest: Annotated[int, Meta(description="Fewest members.")] = 0
    most: Annotated[int, Meta(description="Most members.")] = 10

    def __post_init__(self) -> None:
        if self.fewest > self.most:
            raise ValueError(f"fewest is {self.fewest}, more than most ({self.most}).")


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a coordination server."""

    url: Annotated[str, Meta(description="Address of the server.")]
    password: Annotated[Secret, Meta(description="Its password.")] = ""


SETTINGS: dict[str, type[msgspec.Struct]] = {
    "csv_file": FileSettings,
    "yaml_file": FileSettings,
    "sql_table": TableSettings,
    "ldap_group": GroupSettings,
    "service": ServiceSettings,
    "report": FileSettings,
}


class SampleCatalogue(TypeCatalogue):
    """Six types; `report` can only be read, `exotic` lacks its package."""

    def strategies(self) -> Mapping[str, str]:
        return {"last_write_wins": "The newest.", "prefer_origin": "One node's.", "ask_operator": "A person decides."}

    def types(self) -> Mapping[str, EndpointType]:
        return {
            word: EndpointType(
                type=word, title=word.title(), summary=f"A {word}.", path="nowhere:Nothing", writes=word != "report"
            )
            for word in (*SETTINGS, "exotic")
        }

    def settings_of(self, type_name: str) -> type[msgspec.Struct]:
        if type_name == "exotic":
            raise MissingExtra("exotic needs the package exo: pip install 'syncdeck[exotic]'")
        if type_name not in SETTINGS:
            raise NothingFound(f"There is no endpoint type {type_name}.")
        return SETTINGS[type_name]

    def backends(self) -> Mapping[str, BackendType]:
        redis = BackendType(type="redis", title="Redis", summary="A server.", path="nowhere:Nothing", extra="redis")
        return {"sqlite": SQLITE, "redis": redis}

    def backend_settings(self, type_name: str) -> type[msgspec.Struct]:
        if type_name not in self.backends():
            raise NothingFound(f"There is no backend type {type_name}.")
        return SqliteSettings if type_name == "sqlite" else ServerSettings
