"""The engine's own events read as sentences; anything else is shown as it is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from console.presentation.event_sentences import _WORDS, sentence
from engine.events.event import Position
from tests.doubles.clock import ManualClock
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
            return {event.type: sentence(event.type, event.data) for event in events}

    return asyncio.run(read())


def test_every_event_of_the_sample_has_a_sentence(told: dict[str, str]) -> None:
    assert [event_type for event_type, words in told.items() if not words] == []
    assert set(_WORDS) - set(told) <= {"target.quarantined", "apply.refused"}


def test_a_sentence_has_the_numbers(told: dict[str, str]) -> None:
    assert told["run.started"] == "engineering: 30 changes at eng-list, wiki"
    assert told["plan.rejected"] == "the export broke off"
    assert told["run.ended"].startswith("done: 30 done. ")
    assert told["adapter.checked"] == "passed, 486 records"


def test_an_event_of_another_shape_has_no_sentence() -> None:
    assert sentence("run.started", {"items": "many"}) == ""
    assert sentence("user.invited", {"email": "ann@acme.example"}) == ""
