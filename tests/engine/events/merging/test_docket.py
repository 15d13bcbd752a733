"""What operators said of conflicts is a function of the set of events: the order in which they came never matters."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.events.event import Event, Origin, Position
from engine.events.merging.docket import Docket

CONFLICTS = ("c1", "c2", "c3")


def word(number: int, type_name: str, conflict: str, *, actor: str, stamp: int, redacted: bool) -> Event:
    """Return a decision, a claim or a release."""
    of_sides = type_name == "conflict.resolved"
    links = {"conflict": conflict} if of_sides else {"aggregate": f"user:{conflict}"}
    return Event(
        position=Position(number),
        id=f"id-{number}",
        type=type_name,
        aggregate_id=f"user:{conflict}" if of_sides else f"conflict:{conflict}",
        data={},
        metadata={} if redacted else {"actor": actor, **links},
        origin=Origin(f"{actor}~1"),
        seq=number,
        context={},
        hlc=stamp,
        chain="",
        redacted=redacted,
    )


def numbered(said: list[dict[str, Any]]) -> list[Event]:
    """Return words, each as an event of its own."""
    return [word(number, **each) for number, each in enumerate(said, 1)]


words = st.lists(
    st.fixed_dictionaries(
        {
            "type_name": st.sampled_from(("conflict.resolved", "conflict.claimed", "conflict.released")),
            "conflict": st.sampled_from(CONFLICTS),
            "actor": st.sampled_from(("ann", "bob")),
            "stamp": st.integers(1, 4),
            "redacted": st.booleans(),
        }
    ),
    max_size=9,
).map(numbered)


def after(events: list[Event]) -> tuple[object, ...]:
    """Return all that a docket tells after these events."""
    docket = Docket()
    for event in events:
        docket.note(event)
        docket.past()
    return list(docket.past()), sorted(docket.decided), [docket.claimed_by(conflict) for conflict in CONFLICTS]


@given(words, st.integers(0, 2**32))
@settings(max_examples=200)
def test_order_and_repetition_never_matter(events: list[Event], seed: int) -> None:
    again = events + random.Random(seed).sample(events, len(events) // 2)
    random.Random(seed).shuffle(again)

    assert after(again) == after(events)


@given(words)
@settings(max_examples=200)
def test_what_was_redacted_says_nothing(events: list[Event]) -> None:
    assert after(events) == after([event for event in events if not event.redacted])


def test_the_last_word_by_time_tells_who_is_at_it() -> None:
    claimed = word(1, "conflict.claimed", "c1", actor="ann", stamp=5, redacted=False)
    released = word(2, "conflict.released", "c1", actor="bob", stamp=4, redacted=False)

    assert after([claimed, released])[2] == ["ann", "", ""]
    assert after([claimed, replace(released, hlc=6)])[2] == ["", "", ""]


def test_decided_ones_come_before_claimed_ones_and_the_newest_word_first() -> None:
    events = [
        word(1, "conflict.resolved", "c2", actor="ann", stamp=7, redacted=False),
        word(2, "conflict.resolved", "c1", actor="ann", stamp=5, redacted=False),
        word(3, "conflict.claimed", "c3", actor="bob", stamp=9, redacted=False),
        word(4, "conflict.claimed", "c1", actor="bob", stamp=9, redacted=False),
    ]

    assert after(events)[0] == [("c2", "user:c2"), ("c1", "user:c1"), ("c3", "user:c3")]
