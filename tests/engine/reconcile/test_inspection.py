"""Connection tests, live counts and mapping previews: reading to show."""

from __future__ import annotations

import pytest

from engine.errors import NothingFound, RemoteRefused
from engine.reconcile.inspection import Inspection
from engine.reconcile.records import Carried
from engine.settings.model import SyncSettings
from tests.doubles.targets import FakeSettings, Service
from tests.doubles.workplace import SECOND, SYNC, Workplace, service, workplace


def _people() -> Service:
    people = service(names=("name", "dept"), carried=(Carried(label="Bot", kind="bot"),), latency=SECOND)
    people.members = {
        "anna@acme.org": {"name": "Anna", "dept": "eng"},
        "Berta@acme.org": {"name": "Berta", "dept": "ops"},
        "carla@acme.org": {"name": "Carla", "dept": "eng"},
        "dora@acme.org": {"name": "Dora", "dept": "eng"},
    }
    return people


def _inspecting(people: Service, **sync: object) -> tuple[Workplace, Inspection]:
    place = workplace(people, service(), **sync)
    return place, Inspection(place.means)


async def test_a_connection_test_shows_its_steps_and_the_first_records() -> None:
    place, inspection = _inspecting(_people())

    report = await place.clock.finish(inspection.check("source"))

    assert [(step.name, step.passed) for step in report.steps] == [
        ("settings", True),
        ("connect", True),
        ("read", True),
        ("completeness", True),
    ]
    assert [step.milliseconds for step in report.steps] == [0, 0, 1_000, 0]
    assert (report.passed, report.count, report.carried, report.names) == (True, 4, 1, ("name", "dept"))
    assert report.sample[1] == ("Berta@acme.org", ("Berta", "ops"))
    assert place.recorded == [("adapter.checked", "adapter:source", {"passed": True, "count": 4, "failed": []})]


@pytest.mark.parametrize(
    ("break_it", "step", "detail"),
    [
        (lambda people: people.read_faults.update({1: RemoteRefused("No a secret text")}), "read", "No ***"),
        (lambda people: setattr(people, "without_proof", True), "completeness", "proof"),
    ],
    ids=["the read is refused", "the read stops early"],
)
async def test_the_failing_step_says_what_is_wrong(break_it: object, step: str, detail: str) -> None:
    people = _people()
    assert callable(break_it)
    break_it(people)
    place, inspection = _inspecting(people)

    report = await place.clock.finish(inspection.check("source"))

    assert not report.passed
    assert (report.steps[-1].name, report.steps[-1].passed) == (step, False)
    assert detail in report.steps[-1].detail


async def test_settings_that_are_not_saved_are_tested_and_not_noted() -> None:
    place, inspection = _inspecting(_people())

    report = await place.clock.finish(inspection.check_settings("new", "fake", FakeSettings(service="source")))

    assert (report.adapter, report.passed, place.recorded) == ("new", True, [])


async def test_an_unknown_adapter_is_named_with_those_that_are_close() -> None:
    _, inspection = _inspecting(_people())

    with pytest.raises(NothingFound, match="'sauce'; there are: source"):
        await inspection.check("sauce")


async def test_a_live_count_reads_the_source_once_a_minute() -> None:
    people = _people()
    place, inspection = _inspecting(people)
    sync = place.workspace.syncs[SYNC]

    for where in ("dept == 'eng'", "dept == 'ops'", ""):
        await place.clock.finish(inspection.scope(_with(sync, where=where)))
    assert people.reads == 1
    await place.clock.advance(61 * SECOND)
    count = await place.clock.finish(inspection.scope(_with(sync, where="dept == 'eng'")))

    assert people.reads == 2
    assert (count.total, count.selected) == (4, 3)
    assert (count.examples_in[0], count.examples_out) == ("anna@acme.org", ("Berta@acme.org",))


@pytest.mark.parametrize("where", ["dept = 'eng'", "departement == 'eng'"], ids=["syntax", "misspelt field"])
async def test_an_expression_that_cannot_be_used_is_a_sentence(where: str) -> None:
    place, inspection = _inspecting(_people())

    count = await place.clock.finish(inspection.scope(_with(place.workspace.syncs[SYNC], where=where)))

    assert "syncs.team.where" in count.problem


async def test_the_mapping_is_shown_on_real_records() -> None:
    place, inspection = _inspecting(_people())
    sync = _with(place.workspace.syncs[SYNC], where="dept == 'eng'", attributes={"title": "name"})

    first = await place.clock.finish(inspection.mapped(sync))
    (berta,) = await place.clock.finish(inspection.mapped(sync, ["BERTA@acme.org"]))

    assert [one.spelling for one in first] == ["anna@acme.org", "carla@acme.org", "dora@acme.org"]
    assert (first[0].record, first[0].attributes) == ({"name": "Anna", "dept": "eng"}, {"title": "Anna"})
    assert (berta.in_scope, berta.attributes) == (False, {"title": "Berta"})


def _with(sync: SyncSettings, where: str = "", attributes: dict[str, str] | None = None) -> SyncSettings:
    return SyncSettings(
        name=sync.name, source=sync.source, targets=sync.targets, where=where, attributes=attributes or {}
    )
