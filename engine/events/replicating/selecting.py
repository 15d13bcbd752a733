"""Which events a peer wants. Pure, the same on every node."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.events.own import OWN_TYPES, REDACTED
from engine.events.replicating.messages import Selection

Wants = Callable[[str, str], bool]
"""(type, aggregate) to whether such an event is wanted."""


def wanted_by(selection: Selection) -> Wants | None:
    """Return what tells the wanted events; None: all are.

    What decides over events that were sent goes with them, whatever types are named: redactions always, resolutions
    with their aggregate.
    """
    types, aggregates = selection.types, selection.aggregates
    if not types and not aggregates:
        return None

    def wants(kind: str, aggregate: str) -> bool:
        if kind == REDACTED:
            return True
        if aggregates and not _fits_any(aggregates, aggregate):
            return False
        return not types or kind in OWN_TYPES or _fits_any(types, kind)

    return wants


def _fits_any(patterns: Sequence[str], text: str) -> bool:
    return any(text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern for pattern in patterns)
