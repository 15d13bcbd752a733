"""Schema evolution: events written by older programs are read as today's programs write them.

What an event's data means may change over the years: its writer says by which schema it wrote, as a number in the
metadata (`"schema": 2`; without, 1). Whoever changes the meaning of a type's data gives a function that turns data of
one schema into data of the next. They are applied on reading: the stored bytes, their hashes and what is sent to peers
stay as they were written.

A package registers the functions of a type by an entry point of the group `syncdeck.upcasts`, named as the type, that
names a tuple: the first turns schema 1 into 2, the second 2 into 3. Each must be a pure function of its argument and
must not change it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from engine.errors import EventError
from engine.events.event import Event

Upcast = Callable[[Any], Any]
"""Data of an event by one schema to data by the next."""

SCHEMA = "schema"
"""Name of the metadata that holds the schema's number."""


class Upcasts:
    """What every type's older data becomes. Without functions events are returned as they are."""

    def __init__(self, steps: Mapping[str, Sequence[Upcast]] | None = None) -> None:
        self._steps = {name: tuple(functions) for name, functions in (steps or {}).items() if functions}

    def read(self, event: Event) -> Event:
        """Return the event by the newest schema known here; what cannot be read so (redacted, written by a newer
        program) comes as it is, see `foreign`."""
        steps = self._steps.get(event.type)
        if steps is None or event.redacted:
            return event
        schema = schema_of(event)
        if not 1 <= schema <= len(steps):
            return event
        data = event.data
        for number, step in enumerate(steps[schema - 1 :], start=schema):
            try:
                data = step(data)
            except Exception as error:
                raise EventError(
                    f"The upcast of {event.type} from schema {number} to {number + 1} fails for event {event.dot}: "
                    f"{type(error).__name__}: {error}. Mend the package that registers it, or remove it."
                ) from error
        newest = {**event.metadata, SCHEMA: len(steps) + 1}
        return msgspec.structs.replace(event, data=data, metadata=newest)

    def read_all(self, events: Sequence[Event]) -> Sequence[Event]:
        """Return events by the newest schemas known here."""
        return [self.read(event) for event in events] if self._steps else events

    def newest(self, type_name: str) -> int:
        """Return the newest schema that is known here of a type; of types without functions, 1."""
        return len(self._steps.get(type_name, ())) + 1

    def foreign(self, event: Event) -> str:
        """Return why an event is shown as it was written although it says more than is known here; empty: it is not."""
        schema, newest = schema_of(event), self.newest(event.type)
        if schema <= newest or event.type not in self._steps:
            return ""
        return (
            f"Event {event.dot} ({event.type}) was written by schema {schema}; here {newest} is the newest, so it is "
            f"shown as it was written. Upgrade the package that knows {event.type}."
        )


AS_WRITTEN = Upcasts()
"""Knows no other schemas."""


def schema_of(event: Event) -> int:
    """Return the schema that an event was written by; 1 where it says none, or no number."""
    schema = event.metadata.get(SCHEMA, 1)
    return schema if type(schema) is int and schema >= 1 else 1
