"""A whole engine on a real state file: opened, used by several at once, closed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.assembly import Engine, open_engine
from engine.errors import Locked, ReadOnly, RemoteRefused
from engine.events.event import Position
from engine.ground import who
from engine.reconcile.history import RunState
from engine.reconcile.ports import Limits
from engine.settings.model import AdapterSettings, Workspace
from tests.doubles.targets import ALL_ACTIONS, FakeCatalogue, FakeSettings, Service
from tests.doubles.workplace import SYNC, service, workspace

SECRET = "correct horse battery staple"


def _secrets(reference: str, folder: Path) -> str:
    assert (reference, folder.is_absolute()) == ("env:TOKEN", True)
    return SECRET


def _world(folder: Path, source: Service, target: Service) -> tuple[Workspace, FakeCatalogue]:
    services = {"source": source, "list": target}
    return workspace(services, folder), FakeCatalogue(services)


async def _types(engine: Engine) -> list[str]:
    return [event.type for event in await engine.log.page(Position(0), 1_000)]


async def test_everything_an_engine_does_is_in_the_log_under_its_actor(tmp_path: Path) -> None:
    settings, catalogue = _world(tmp_path, service("a"), service("x"))

    async with open_engine(settings, catalogue, _secrets, actor="anna@test") as engine:
        stored = await engine.reconcile.plan(SYNC)
        await engine.reconcile.approve(stored.digest, comment="looks right")
        result = await engine.reconcile.apply(stored.digest)
        await engine.inspection.check("list")
        events = await engine.log.page(Position(0), 1_000)

    told = [event.type for event in events]
    assert result.summary.state is RunState.DONE
    assert {"source.read", "plan.kept", "plan.approved", "run.started", "run.ended", "adapter.checked"} <= set(told)
    assert told.index("run.intended") < told.index("run.concluded")
    assert {event.metadata["actor"] for event in events} == {"anna@test"}


async def test_what_was_done_is_known_to_the_next_engine(tmp_path: Path) -> None:
    settings, catalogue = _world(tmp_path, service("a"), service("x"))
    async with open_engine(settings, catalogue, _secrets) as engine:
        stored = await engine.reconcile.plan(SYNC)
        await engine.reconcile.apply(stored.digest, confirmed=True)

    async with open_engine(settings, catalogue, _secrets) as engine:
        (run,) = await engine.reconcile.runs()
        undo = await engine.reconcile.undo(run.run)
        await engine.reconcile.apply(undo.digest, confirmed=True)

    assert (run.counts, run.started_by) == ({"done": 2}, who())
    assert catalogue.services["list"].keys() == {"x"}


async def test_a_secret_that_a_service_repeats_is_hidden_everywhere(tmp_path: Path) -> None:
    settings, catalogue = _world(tmp_path, service("a"), service())
    source = AdapterSettings(name="source", type="fake", settings=FakeSettings(service="source", secret="env:TOKEN"))
    settings = replace(settings, adapters={**settings.adapters, "source": source})
    catalogue.services["source"].read_faults = {1: RemoteRefused(f"Bad token {SECRET!r}"), 2: RemoteRefused(SECRET)}

    async with open_engine(settings, catalogue, _secrets) as engine:
        stored = await engine.reconcile.plan(SYNC)
        report = await engine.inspection.check("source")

    assert stored.plan.error == "Bad token '***'"
    assert report.steps[-1].detail == "***"
    for file in tmp_path.iterdir():
        assert SECRET.encode() not in file.read_bytes()


async def test_an_engine_that_only_looks_sees_everything_and_changes_nothing(tmp_path: Path) -> None:
    settings, catalogue = _world(tmp_path, service("a"), service("x"))
    async with open_engine(settings, catalogue, _secrets) as engine:
        kept = await engine.reconcile.plan(SYNC)

    async with open_engine(settings, catalogue, _secrets, read_only=True) as looking:
        before = await _types(looking)
        assert (await looking.reconcile.load(kept.digest)).plan == kept.plan
        assert (await looking.reconcile.plan(SYNC, keep=False)).plan.change_count == 2
        assert (await looking.inspection.check("list")).passed
        with pytest.raises(ReadOnly):
            await looking.reconcile.apply(kept.digest, confirmed=True)
        assert await _types(looking) == before

    assert catalogue.services["list"].writes == []


async def test_two_engines_on_one_workspace_exclude_each_other_from_a_target(tmp_path: Path) -> None:
    target = HeldUp(members={"x": {}})
    settings, catalogue = _world(tmp_path, service("a", "b"), target)

    async with (
        open_engine(settings, catalogue, _secrets, actor="anna@test") as one,
        open_engine(settings, catalogue, _secrets, actor="berta@test") as other,
        asyncio.TaskGroup() as group,
    ):
        whole = await one.reconcile.plan(SYNC)
        part = await other.reconcile.select(whole.digest, ["list/add/b"])
        task = group.create_task(one.reconcile.apply(whole.digest, confirmed=True))
        await target.reached.wait()
        with pytest.raises(Locked, match="anna@test"):
            await other.reconcile.apply(part.digest)
        assert (await other.reconcile.runs())[0].state is RunState.RUNNING
        target.go_on.set()

    assert (task.result().summary.state, target.keys()) == (RunState.DONE, {"a", "b"})


async def test_another_process_stops_a_run_through_the_state_file(tmp_path: Path) -> None:
    target = HeldUp(members={"x": {}}, limits=Limits(actions=ALL_ACTIONS, batch_size=1))
    settings, catalogue = _world(tmp_path, service("a", "b"), target)

    async with (
        open_engine(settings, catalogue, _secrets, actor="anna@test") as one,
        open_engine(settings, catalogue, _secrets, actor="berta@test") as other,
        asyncio.TaskGroup() as group,
    ):
        stored = await one.reconcile.plan(SYNC)
        task = group.create_task(one.reconcile.apply(stored.digest, confirmed=True))
        await target.reached.wait()
        (run,) = await other.reconcile.runs()
        with one.notices.subscribe("run.stopping") as heard:
            await other.reconcile.cancel(run.run)
            await anext(aiter(heard))
        target.go_on.set()

    assert task.result().summary.state is RunState.CANCELLED
    assert target.keys() == {"a", "x"}


class HeldUp(Service):
    """A service whose writes wait until a test lets them go on."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def wait_before_writing(self) -> None:
        self.reached.set()
        await self.go_on.wait()
