"""A settings class is described for forms, the schema and the documentation."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from adapters.registry import ENDPOINTS, Registry
from engine.settings.catalogue import Cron, PathText, Secret
from engine.settings.fields import Field, FieldType, describe, file_value
from engine.settings.model import (
    ApprovalSettings,
    FreezeWindow,
    GuardSettings,
    Mode,
    Schedule,
    SyncSettings,
    WorkspaceHeader,
)


class Everything(msgspec.Struct, frozen=True, kw_only=True):
    """One field of each kind."""

    address: Annotated[str, Meta(description="Where.", examples=["https://h"], min_length=1)]
    token: Annotated[Secret, Meta(description="What for.", extra={"group": "Sign-in"})] = ""
    file: Annotated[PathText, Meta(description="A file.")] = "x.csv"
    size: Annotated[int, Meta(ge=1, le=9)] = 3
    share: Annotated[float, Meta(gt=0)] | None = None
    mode: Mode = Mode.ADD_ONLY
    quiet: bool = False
    wait: timedelta = timedelta(minutes=90)
    names: tuple[str, ...] = ("a",)
    secrets: dict[str, Secret] = {}
    when: Cron = ""
    guards: GuardSettings = GuardSettings()
    anything: object = None


FIELDS = {field.name: field for field in describe(Everything)}

KINDS = {
    "address": FieldType.TEXT,
    "token": FieldType.SECRET,
    "file": FieldType.PATH,
    "size": FieldType.NUMBER,
    "share": FieldType.NUMBER,
    "mode": FieldType.CHOICE,
    "quiet": FieldType.FLAG,
    "wait": FieldType.DURATION,
    "names": FieldType.LIST,
    "secrets": FieldType.MAPPING,
    "when": FieldType.TEXT,
    "guards": FieldType.NESTED,
    "anything": FieldType.ANY,
}


def test_every_kind_of_field_is_known_in_the_order_of_the_class() -> None:
    assert {name: field.type for name, field in FIELDS.items()} == KINDS
    assert list(FIELDS) == list(KINDS)


def test_what_a_field_says_of_itself_is_kept() -> None:
    address = FIELDS["address"]
    assert (address.required, address.description, address.examples) == (True, "Where.", ("https://h",))
    assert address.shortest == 1
    assert (FIELDS["size"].least, FIELDS["size"].most, FIELDS["size"].whole) == (1, 9, True)
    assert (FIELDS["share"].above, FIELDS["share"].optional, FIELDS["share"].whole) == (0, True, False)
    assert FIELDS["token"].group == "Sign-in"
    assert FIELDS["mode"].choices == ("add-remove", "remove-add", "add-only", "remove-only")
    assert FIELDS["when"].format == "cron"


def test_defaults_are_as_the_file_writes_them() -> None:
    assert FIELDS["wait"].default == "1h30m"
    assert FIELDS["mode"].default == "add-only"
    assert FIELDS["names"].default == ["a"]


def test_what_a_collection_holds_is_described_too() -> None:
    assert FIELDS["secrets"].item is not None
    assert FIELDS["secrets"].item.type is FieldType.SECRET
    assert [field.name for field in FIELDS["guards"].fields][:2] == ["max_removals", "max_removal_percent"]


def test_a_settings_value_is_written_as_in_the_file() -> None:
    window = FreezeWindow(cron="0 18 * * fri", duration=timedelta(hours=62))
    written = file_value(GuardSettings(freeze=(window,)))
    assert isinstance(written, dict)
    assert written["freeze"] == [{"cron": "0 18 * * fri", "duration": "2d14h", "timezone": "UTC", "allow": False}]


def undescribed(fields: tuple[Field, ...], path: str) -> list[str]:
    lacking = [f"{path}.{field.name}" for field in fields if not field.description]
    for field in fields:
        inner = field.item.fields if field.item else field.fields
        lacking += undescribed(inner, f"{path}.{field.name}")
    return lacking


@pytest.mark.parametrize("word", [row.type for row in ENDPOINTS])
def test_every_setting_of_every_endpoint_is_described(word: str) -> None:
    assert undescribed(describe(Registry().settings_of(word)), word) == []


@pytest.mark.parametrize(
    "settings", [WorkspaceHeader, SyncSettings, GuardSettings, ApprovalSettings, Schedule, FreezeWindow]
)
def test_every_setting_of_the_workspace_is_described(settings: type[msgspec.Struct]) -> None:
    assert undescribed(describe(settings), settings.__name__) == []
