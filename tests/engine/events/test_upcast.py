"""Old events read as today's programs write them, and the stored ones stay."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from engine.errors import EventError
from engine.events.event import Event
from engine.events.upcast import Upcasts
from tests.doubles.event_pages import event


def split_name(data: dict[str, Any]) -> dict[str, Any]:
    first, _, last = data["name"].partition(" ")
    return {"first": first, "last": last}


def shout(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "last": data["last"].upper()}


UPCASTS = Upcasts({"user.changed": (split_name, shout)})


def written(data: Any, **metadata: Any) -> Event:
    return event(1, "user.changed", "user:1", data, metadata)


@pytest.mark.parametrize(
    ("old", "data"),
    {
        "without a schema": (written({"name": "Ann Lee"}), {"first": "Ann", "last": "LEE"}),
        "the first": (written({"name": "Ann Lee"}, schema=1), {"first": "Ann", "last": "LEE"}),
        "the second": (written({"first": "Ann", "last": "Lee"}, schema=2), {"first": "Ann", "last": "LEE"}),
        "today's": (written({"first": "Ann", "last": "Lee"}, schema=3), {"first": "Ann", "last": "Lee"}),
        "no number": (written({"name": "Ann Lee"}, schema="x"), {"first": "Ann", "last": "LEE"}),
    }.values(),
)
def test_an_event_of_any_age_reads_as_by_todays_schema(old: Event, data: dict[str, str]) -> None:
    assert UPCASTS.read(old).data == data


def test_what_was_read_says_its_schema_and_changes_nothing_that_was_stored() -> None:
    old = written({"name": "Ann Lee"}, actor="ann")

    assert UPCASTS.read(old).metadata == {"actor": "ann", "schema": 3}
    assert (old.data, old.metadata) == ({"name": "Ann Lee"}, {"actor": "ann"})


def test_reading_twice_changes_nothing_more() -> None:
    once = UPCASTS.read(written({"name": "Ann Lee"}))

    assert UPCASTS.read(once) == once


def test_a_newer_schema_is_shown_as_it_was_written_and_says_so() -> None:
    new = written({"given": "Ann"}, schema=4)

    assert UPCASTS.read(new) == new
    assert "written by schema 4; here 3 is the newest" in UPCASTS.foreign(new)
    assert UPCASTS.foreign(written({"name": "Ann"}, schema=3)) == ""


def test_types_that_nobody_registered_and_redacted_events_stay_as_they_are() -> None:
    other = event(1, "order.placed", "order:1", {"name": "Ann Lee"}, {})
    gone = msgspec.structs.replace(written({}), redacted=True)

    assert UPCASTS.read_all([other, gone]) == [other, gone]
    assert Upcasts().foreign(written({}, schema=9)) == ""


def test_an_upcast_that_fails_names_itself_and_the_event() -> None:
    with pytest.raises(EventError, match=r"upcast of user.changed from schema 1 to 2 fails for event desk~00000001#1"):
        UPCASTS.read(written({"nickname": "Ann"}))
