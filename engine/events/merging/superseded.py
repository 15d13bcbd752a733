"""Which events of an aggregate say nothing any more: everything they wrote was written again later. Pure.

Only for an aggregate that nobody disagrees about and whose one head every live node knows: whatever is written next
knows all of it, so what later merges compare with is the state as it is, and no event before the head is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.events.event import Event
from engine.events.merging.evaluate import evaluate, state_hash
from engine.events.merging.patches import OBJECT, writes_of
from engine.events.merging.values import Path
from engine.events.own import OWN_TYPES


def superseded(events: Sequence[Event], before: int) -> Sequence[Event]:
    """Return those stamped before a time without which state, contests and heads are the same; none where an operator
    settled something. `events` are all there are of an aggregate, in the order of the log.

    What is covered is found by a rule of thumb, which may miss some; that nothing changes is then computed, so what is
    returned is right whatever the rule.
    """
    if any(event.type in OWN_TYPES for event in events):
        return ()
    found = _covered(events, before)
    if not found:
        return ()
    whole, gone = evaluate(events), {event.dot for event in found}
    rest = [event for event in events if event.dot not in gone]
    name = events[0].aggregate_id
    if len(whole.heads) != 1 or whole.heads[0] in gone or evaluate(rest).heads != whole.heads:
        return ()
    return found if state_hash(name, rest) == state_hash(name, events) else ()


def _covered(events: Sequence[Event], before: int) -> list[Event]:
    """Return events, but the newest, all of whose paths were written later, or a field above them was."""
    paths: set[Path] = set()
    found: list[Event] = []
    for event in reversed(events):
        writes = [] if event.redacted else writes_of(event.data)
        if paths and event.hlc < before and all(_is_in(path, paths) for path, _ in writes):
            found.append(event)
        paths.update(path for path, value in writes if value is not OBJECT)
    return found[::-1]


def _is_in(path: Path, paths: set[Path]) -> bool:
    return any(path[:length] in paths for length in range(len(path) + 1))
