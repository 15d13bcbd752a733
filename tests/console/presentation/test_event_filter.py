"""The event log's filter language, sentence by sentence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from console.presentation.event_filter import moment, parse
from engine.events.log import Filter

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


UNDERSTOOD = {
    "nothing asks for everything": ("", Filter()),
    "a type with a star": ("type:run.*", Filter(type="run.*")),
    "an aggregate with colons in it": ("aggregate:plan:3f2a*", Filter(aggregate="plan:3f2a*")),
    "a quoted actor": ('actor:"ann lee"', Filter(actor="ann lee")),
    "bare words are one text": ("cy wu", Filter(search="cy wu")),
    "a quoted text keeps colons": ('"level: high"', Filter(search="level: high")),
    "an age": ("since:1h", Filter(since_ms=ms(NOW - timedelta(hours=1)))),
    "a time of day today": ("until:08:30", Filter(until_ms=ms(datetime(2026, 3, 2, 8, 30, tzinfo=UTC)))),
    "a time that is still to come was yesterday": (
        "since:14:00",
        Filter(since_ms=ms(datetime(2026, 3, 1, 14, 0, tzinfo=UTC))),
    ),
    "a run by its number": ("run:12", Filter(aggregate="run:12")),
    "a plan by the beginning of its digest": ("plan:3f2a", Filter(aggregate="plan:3f2a*")),
    "several at once": (
        'type:run.item.failed actor:ann "429"',
        Filter(type="run.item.failed", actor="ann", search="429"),
    ),
}

REFUSED = {
    "an unknown key names the nearest": ("typ:run", "typ: is not known here; did you mean type:?"),
    "a key like no other lists them all": ("zzz:1", "zzz: is not known here; There are type:, aggregate:"),
    "a star in the middle": ("type:run.*.failed", "has a * in the middle"),
    "no value": ("actor:", "actor: needs a value, for example actor:ann"),
    "no time": ("since:soonish", "since:soonish is not a time; write 15m"),
    "twice the same": ("type:a type:b", "type: is asked for twice"),
    "an empty span": ("since:1h until:2h", "since: is not before until:"),
}


@pytest.mark.parametrize(("text", "where"), UNDERSTOOD.values(), ids=UNDERSTOOD)
def test_what_is_understood(text: str, where: Filter) -> None:
    assert parse(text, NOW, UTC).where == where


@pytest.mark.parametrize(("text", "beginning"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_understood_is_said_in_a_sentence(text: str, beginning: str) -> None:
    asked = parse(text, NOW, UTC)
    assert beginning in asked.problem
    assert asked.everything


@pytest.mark.parametrize("text", ["2026-03-01T14:00", "2026-03-01 14:00", "2026-03-01T14:00+00:00"])
def test_dates_are_read_as_they_are_written(text: str) -> None:
    assert moment(text, NOW, UTC) == datetime(2026, 3, 1, 14, 0, tzinfo=UTC)
