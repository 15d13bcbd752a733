"""A node's schedules stand under its name: two workspaces of one name do not overwrite one another there."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace

from engine.coordination.scheduling.fires import Plan
from engine.coordination.scheduling.ledger import NODE
from engine.errors import CoordinationError
from engine.together import together
from tests.doubles.coordinated import Process
from tests.doubles.line_trouble import Trouble
from tests.engine.coordination.world import TTL, World, play

HOURLY = Plan(name="hourly", task="job", every=3600.0)
DAILY = Plan(name="daily", task="job", every=86400.0)

SECOND = timedelta(seconds=1)


async def ran_for(process: Process, world: World, length: timedelta) -> None:
    """Let a process do what `serve` does with schedules, for a time."""
    async with together() as group:
        running = group.create_task(process.cron.run())
        await world.clock.sleep(length)
        running.cancel()


async def known(process: Process) -> list[str]:
    return [each.plan.name for each in await process.cron.schedules()]


def test_a_second_living_workspace_of_the_same_name_is_refused_and_told_what_to_do() -> None:
    async def story(world: World) -> None:
        async with (
            world.member("berlin", plans=[HOURLY], workspace="acme") as first,
            world.member("berlin", plans=[DAILY], workspace="umbrella") as second,
            world.member("paris") as onlooker,
            together() as group,
        ):
            leading = group.create_task(first.cron.run())
            await world.until(lambda: _stands(onlooker, "hourly"))
            with pytest.raises(CoordinationError) as refusal:
                await second.cron.run()
            assert await known(onlooker) == ["hourly"]
            leading.cancel()

        assert str(refusal.value) == (
            "Two workspaces on this backend call themselves berlin: /srv/acme on berlin, which is at work, and this "
            "one, /srv/umbrella on berlin. Each would overwrite the schedules of the other. Set `node:` in the "
            "syncdeck.yaml of one of them to another name, and start it again."
        )

    play(story)


async def _stands(process: Process, name: str) -> bool:
    return name in await known(process)


def test_two_that_begin_at_once_are_told_apart_too() -> None:
    async def story(world: World) -> None:
        async with (
            world.member("berlin", plans=[HOURLY], workspace="acme") as first,
            world.member("berlin", plans=[DAILY], workspace="umbrella") as second,
        ):
            with pytest.raises(CoordinationError, match="call themselves berlin"):
                await _both(first, second)

    play(story)


async def _both(first: Process, second: Process) -> None:
    async with together() as group:
        group.create_task(first.cron.run())
        group.create_task(second.cron.run())


def test_a_workspace_that_starts_anew_takes_its_entry_over_at_once() -> None:
    async def story(world: World) -> None:
        gone = Trouble()
        async with world.member("berlin", gone, plans=[HOURLY]) as first:
            await ran_for(first, world, SECOND)
            gone.cut()
        async with world.member("berlin", plans=[DAILY]) as again, world.member("paris") as onlooker:
            await ran_for(again, world, SECOND)
            assert await known(onlooker) == ["daily"]

    play(story)


def test_the_name_of_a_workspace_that_died_is_free_as_soon_as_its_session_is_over() -> None:
    async def story(world: World) -> None:
        gone = Trouble()
        async with world.member("berlin", gone, plans=[HOURLY], workspace="acme") as first:
            await ran_for(first, world, SECOND)
            gone.cut()
        async with world.member("berlin", plans=[DAILY], workspace="umbrella") as next_one:
            await ran_for(next_one, world, TTL + 3 * SECOND)
            assert await known(next_one) == ["daily"]

    play(story)


def test_a_workspace_without_schedules_leaves_those_of_its_namesake_alone() -> None:
    async def story(world: World) -> None:
        async with (
            world.member("berlin", plans=[HOURLY], workspace="acme") as first,
            world.member("berlin", workspace="umbrella") as second,
        ):
            await ran_for(first, world, SECOND)
            await ran_for(second, world, SECOND)
            assert await known(second) == ["hourly"]

    play(story)


def test_an_entry_of_an_older_version_is_read_and_taken_over() -> None:
    async def story(world: World) -> None:
        async with world.member("berlin", plans=[DAILY]) as berlin, world.member("paris") as onlooker:
            old = msgspec.json.encode({"plans": [{"name": "hourly", "task": "job", "every": 3600.0, "node": "berlin"}]})
            await onlooker.coordination.line.put(NODE + "berlin", old)
            assert await known(onlooker) == ["hourly"]
            await ran_for(berlin, world, SECOND)
            assert await known(onlooker) == ["daily"]

    play(story)


MANY = [Plan(name=f"hourly-{number}", task="job", every=3600.0, payload="x" * 100_000) for number in range(3)]
SECRET = Plan(name="hourly", task="job", every=3600.0, payload={"password": "correct horse battery staple"})


@pytest.mark.parametrize(
    ("plans", "said"),
    [
        (MANY, "The schedules of berlin have 300,[0-9]+ bytes together; 262,144 are the most"),
        ([SECRET], "The payload for hourly seems to hold a secret"),
    ],
)
def test_payloads_that_no_backend_should_keep_are_refused_before_anything_is_written(
    plans: list[Plan], said: str
) -> None:
    async def story(world: World) -> None:
        async with world.member("berlin", plans=plans) as berlin, world.backend.open() as store:
            with pytest.raises(CoordinationError, match=said):
                await berlin.cron.run()
            with pytest.raises(CoordinationError, match="seems to hold a secret"):
                await berlin.cron.add(replace(SECRET, name="added"))
            assert await store.entries("cron/") == []

    play(story)
