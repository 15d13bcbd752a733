"""The engine's own events read as sentences; anything else is shown as it is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from console.presentation.event_sentences import _WORDS, sentence
from console.presentation.event_sentences import told as what_is_told
from engine.events.event import Event, Position
from tests.doubles.clock import ManualClock
from tests.doubles.event_pages import event
from tests.screenshots import prepare, sample_engine


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every type of event that the sample's history has, with the sentence of its newest."""
    folder: Path = tmp_path_factory.mktemp("sample")
    clock = ManualClock()

    async def read() -> dict[str, str]:
        await prepare(folder, clock, applied="engineering")
        async with sample_engine(folder, clock) as engine:
            await engine.inspection.check("people")
            refused = (await engine.reconcile.plans(sync="contractor-badges"))[0]
            await engine.reconcile.reject(refused.digest, comment="the export broke off")
            events = await engine.log.page(Position(0), 1_000)
            return {one.type: sentence(one.type, one.data) for one in events}

    return asyncio.run(read())


def test_every_event_of_the_sample_has_a_sentence(told: dict[str, str]) -> None:
    assert [event_type for event_type, words in told.items() if not words] == []
    elsewhere = {"conflict.claimed", "conflict.released", "peer.synced", "node.reincarnated", "event.redacted"}
    assert set(_WORDS) - set(told) <= {"target.quarantined", "apply.refused", *elsewhere}


def test_a_sentence_has_the_numbers(told: dict[str, str]) -> None:
    assert told["run.started"] == "engineering: 30 changes at eng-list, wiki"
    assert told["plan.rejected"] == "the export broke off"
    assert told["run.ended"].startswith("done: 30 done. ")
    assert told["adapter.checked"] == "passed, 486 records"


CHANGES = {
    "a field is set": ({"title": "Lead"}, "title: Lead"),
    "several, one of them removed": ({"title": "Lead", "phone": None}, "title: Lead, phone removed"),
    "a field within another": ({"profile": {"city": "Hamburg"}}, "profile.city: Hamburg"),
    "a short list": ({"tags": ["a", 2, True]}, "tags: [a, 2, true]"),
    "a long list": ({"tags": list(range(40))}, "tags: [40 items]"),
    "the whole is replaced": ("gone fishing", "the whole becomes gone fishing"),
    "the aggregate is deleted": (None, "deleted"),
    "nothing": ({}, "nothing changed"),
    "an empty text": ({"title": ""}, 'title: ""'),
}


@pytest.mark.parametrize(("data", "words"), CHANGES.values(), ids=CHANGES)
def test_an_application_s_event_is_told_by_what_it_changes(data: object, words: str) -> None:
    assert what_is_told(event(1, "user.changed", "user:ann", data)) == words


OWN = {
    "a resolution": (
        event(1, "conflict.resolved", "user:ann", {"title": "Lead"}, {"conflict": "3f", "comment": "asked her"}),
        "settled: title: Lead (asked her)",
    ),
    "a resolution taken back": (
        event(1, "conflict.reopened", "user:ann", {}, {"conflict": "3f", "undoes": "desk~00000001#7"}),
        "opened again: desk~00000001#7 no longer counts",
    ),
    "a sync": (
        event(
            1, "peer.synced", "peer:hamburg", {"pulled": 3, "pushed": 0, "conflicts": 1, "refusals": [], "error": ""}
        ),
        "3 pulled, 1 aggregate edited on both sides",
    ),
    "a failed sync": (
        event(1, "peer.synced", "peer:hamburg", {"pulled": 0, "pushed": 0, "error": "hamburg does not answer."}),
        "nothing new; hamburg does not answer.",
    ),
    "a new incarnation": (
        event(1, "node.reincarnated", "node:desk", {"reason": "this state file is a restored backup"}),
        "this node writes under a new origin: this state file is a restored backup",
    ),
    "a redaction": (
        event(1, "event.redacted", "event:desk~00000001#7", {"reason": "asked by the person"}),
        "payload removed for good: asked by the person",
    ),
    "a redacted event": (
        event(1, "user.changed", "user:ann", {}, redacted=True),
        "redacted: its payload is gone, its hash still holds",
    ),
}


@pytest.mark.parametrize(("one", "words"), OWN.values(), ids=OWN)
def test_what_nodes_tell_one_another_is_a_sentence(one: Event, words: str) -> None:
    assert what_is_told(one) == words


def test_an_event_of_another_shape_has_no_sentence() -> None:
    assert sentence("run.started", {"items": "many"}) == ""
    assert sentence("user.invited", {"email": "ann@acme.example"}) == ""
