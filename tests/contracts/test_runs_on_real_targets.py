"""The whole engine on every real target: what it plans it applies, what it applied it takes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import pytest

from adapters.registry import ENDPOINTS
from engine.assembly import open_engine
from engine.reconcile.history import RunState
from engine.reconcile.ports import Source
from engine.reconcile.results import RunResult
from engine.settings.catalogue import EndpointContext, EndpointType
from engine.settings.model import AdapterSettings, SyncSettings, Workspace
from tests.contracts.rows import sandboxes_of
from tests.contracts.sandbox import Circumstance, Member, Sandbox, Servers
from tests.doubles.targets import EndpointsOnly, FakeEndpoint, FakeSettings, Service
from tests.doubles.workplace import NO_LIMITS, service

EVERY_SANDBOX = {f"{row.type}-{sandbox.label}": sandbox for row in ENDPOINTS for sandbox in sandboxes_of(row.type)}
LOSING_ANSWERS = {name: each for name, each in EVERY_SANDBOX.items() if each.offers(Circumstance.ANSWER_LOST)}

STAYER, LEAVER, JOINER, IRISH = "sam@acme.example", "leo@acme.example", "jo@acme.example", "o'brien@acme.example"


class SandboxCatalogue(EndpointsOnly):
    """A source in a dictionary, and a sandbox's real target."""

    def __init__(self, people: Service, sandbox: Sandbox) -> None:
        self._people = people
        self._sandbox = sandbox

    def types(self) -> Mapping[str, EndpointType]:
        return {
            word: EndpointType(type=word, title=word, summary=word, path=f"{__name__}:{word}")
            for word in ("people", "sandbox")
        }

    def settings_of(self, type_name: str) -> type[msgspec.Struct]:
        return FakeSettings

    def open(self, type_name: str, settings: msgspec.Struct, context: EndpointContext) -> Source:
        if type_name == "sandbox":
            return self._sandbox.open()
        return FakeEndpoint(self._people, FakeSettings(service="people"), context)


def _workspace(folder: Path) -> Workspace:
    adapters = {
        name: AdapterSettings(name=name, type=name, settings=FakeSettings(service=name))
        for name in ("people", "sandbox")
    }
    sync = SyncSettings(name="team", source="people", targets=("sandbox",), guards=NO_LIMITS)
    return Workspace(
        folder=folder,
        file=folder / "syncdeck.yaml",
        node="test-1",
        state=folder / "engine" / "state.db",
        adapters=adapters,
        syncs={"team": sync},
    )


async def _filled(sandbox: Sandbox) -> None:
    await sandbox.know([STAYER, LEAVER, JOINER, IRISH])
    await sandbox.fill([Member(STAYER), Member(LEAVER)])


async def _sync(folder: Path, sandbox: Sandbox, wanted: Sequence[str]) -> tuple[RunResult, int]:
    """Plan and apply; return the result, and how many changes the next plan has."""
    catalogue = SandboxCatalogue(service(*wanted), sandbox)
    async with open_engine(_workspace(folder), catalogue, lambda *_: "") as engine:
        stored = await engine.reconcile.plan("team")
        result = await engine.reconcile.apply(stored.digest, confirmed=True)
        return result, (await engine.reconcile.plan("team", keep=False)).plan.change_count


@pytest.mark.parametrize("sandbox_type", EVERY_SANDBOX.values(), ids=EVERY_SANDBOX)
async def test_what_is_planned_is_applied_and_taken_back(
    sandbox_type: type[Sandbox], tmp_path: Path, servers: Servers
) -> None:
    async with sandbox_type(tmp_path, servers) as sandbox:
        await _filled(sandbox)

        result, left = await _sync(tmp_path, sandbox, [STAYER, JOINER, IRISH])

        assert (result.summary.state, result.summary.verified, left) == (RunState.DONE, True, 0)
        assert {member.spelling for member in await sandbox.held()} == {STAYER, JOINER, IRISH}

        async with open_engine(_workspace(tmp_path), SandboxCatalogue(service(), sandbox), lambda *_: "") as engine:
            undo = await engine.reconcile.undo(result.summary.run)
            undone = await engine.reconcile.apply(undo.digest, confirmed=True)

        assert undone.summary.verified
        assert {member.spelling for member in await sandbox.held()} == {STAYER, LEAVER}


@pytest.mark.parametrize("sandbox_type", LOSING_ANSWERS.values(), ids=LOSING_ANSWERS)
async def test_a_write_whose_answer_is_lost_is_found_done_and_not_repeated(
    sandbox_type: type[Sandbox], tmp_path: Path, servers: Servers
) -> None:
    async with sandbox_type(tmp_path, servers) as sandbox:
        await _filled(sandbox)
        await sandbox.provoke(Circumstance.ANSWER_LOST)

        result, left = await _sync(tmp_path, sandbox, [STAYER, LEAVER, JOINER])

        assert (result.summary.state, result.summary.counts, left) == (RunState.DONE, {"done": 1}, 0)
        assert {member.spelling for member in await sandbox.held()} == {STAYER, LEAVER, JOINER}
