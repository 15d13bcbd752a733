"""What the command line says of peers: never more than was found."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from console.commands.peer_lines import compared, outcome
from engine.events.replicating.standing import Comparison, Differing, SyncResult
from engine.settings.replication import Direction

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LEFT_OUT = "Looked at: user:*. The filter leaves out events of all others."
VERIFY = "The histories are the same, so what is stored of them is not: run syncdeck events verify on both nodes."
DIFFERS = (Differing(aggregate_id="user:ann", here="aa", there="bb"),)

STATES: dict[str, tuple[dict[str, Any], str]] = {
    "all are equal": (
        {"states_equal": True},
        "states   equal: every aggregate has the same state on both sides.",
    ),
    "those a filter lets through are equal": (
        {"states_equal": True, "note": LEFT_OUT},
        f"states   equal: what was looked at has the same state on both sides. {LEFT_OUT}",
    ),
    "some differ": (
        {"states_equal": False, "differing": DIFFERS},
        f"states   1 aggregate differs: user:ann here aa there bb {VERIFY}",
    ),
    "vectors differ": ({}, "states   not compared: vectors or chains differ."),
}


@pytest.mark.parametrize("case", STATES)
def test_states_are_told_as_far_as_they_were_looked_at(case: str) -> None:
    changes, words = STATES[case]
    lines = list(compared(Comparison(peer="hamburg", at=NOW, order="equal", **changes)))

    told = " ".join(" ".join(lines[lines.index(_states(lines)) :]).split())
    assert told == " ".join(words.split())
    assert max(map(len, lines)) <= 80


def _states(lines: list[str]) -> str:
    return next(line for line in lines if line.startswith("states"))


OUTCOMES: dict[str, tuple[dict[str, Any], str]] = {
    "one event": ({"pulled": 1}, "1 event pulled, 0 pushed"),
    "edits that met": (
        {"pulled": 3, "pushed": 2, "conflicts": 1},
        "3 events pulled, 2 pushed, 1 aggregate edited on both sides",
    ),
    "nothing": ({}, "nothing new on either side"),
}


@pytest.mark.parametrize("case", OUTCOMES)
def test_a_sync_is_told_by_what_it_moved_and_calls_no_edit_a_conflict(case: str) -> None:
    changes, words = OUTCOMES[case]
    result = SyncResult(peer="hamburg", direction=Direction.BOTH, started_at=NOW, ended_at=NOW, **changes)
    assert outcome(result) == words
