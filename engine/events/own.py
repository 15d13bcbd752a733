"""Syncdeck's own journal within the log: what the engine tells of one workspace. Nobody else may write it, and it is
never contested: `run:12` of two nodes are two runs, not two opinions of one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from engine.errors import EventRefused
from engine.events.event import NewEvent

OWN_KINDS: Final = frozenset(
    "adapter conflict coordination event lease node peer plan run settings sync target".split()
)
"""What stands before the first colon of an own aggregate's name. Each of them is taken from the users' aggregates for
ever: what is new stands under one of these (`coordination:lock/deploy`)."""

RESOLVED: Final = "conflict.resolved"
REOPENED: Final = "conflict.reopened"
REDACTED: Final = "event.redacted"
REINCARNATED: Final = "node.reincarnated"
COMPACTED: Final = "node.compacted"

OWN_TYPES: Final = frozenset({RESOLVED, REOPENED, REDACTED})
"""Types that mean something to every node, whatever aggregate they are about."""


def is_own(aggregate: str) -> bool:
    """Tell whether an aggregate belongs to Syncdeck's own journal."""
    kind, colon, _ = aggregate.partition(":")
    return bool(colon) and kind in OWN_KINDS


def refuse_own(events: Iterable[NewEvent]) -> None:
    """Raise `EventRefused` if somebody outside the engine wants to write its journal."""
    for event in events:
        kind = event.aggregate_id.partition(":")[0]
        if kind in OWN_KINDS and kind != event.aggregate_id:
            raise EventRefused(
                f"{event.aggregate_id} belongs to Syncdeck's own journal, as every aggregate that begins with {kind}: "
                f"does; only Syncdeck writes it. Name yours otherwise, say app-{event.aggregate_id}."
            )
        if event.type in OWN_TYPES:
            raise EventRefused(
                f"Events of type {event.type} are written by Syncdeck alone: they decide what every node shows. "
                "Settle conflicts with syncdeck conflicts, redact with syncdeck events redact, or choose another type."
            )
