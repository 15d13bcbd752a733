"""The means by which a server's clock is set works: else nothing would follow from what it does to locks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import redis

from engine.clock import SystemClock
from tests.servers.postgres import Postgres, start_postgres
from tests.servers.redis import start_redis
from tests.servers.set_clock import settable_clock

HALF_A_MINUTE = timedelta(seconds=30)


def test_a_lock_that_lives_by_the_servers_clock_is_given_to_a_second_one_when_that_is_set() -> None:
    with (
        settable_clock() as clock,
        start_redis(environment=clock.environment) as server,
        redis.Redis(port=server.port) as client,
    ):
        assert client.set("lock", "the first", nx=True, px=HALF_A_MINUTE)
        assert not client.set("lock", "the second", nx=True, px=HALF_A_MINUTE)
        clock.set(timedelta(hours=2))
        assert client.set("lock", "the second", nx=True, px=HALF_A_MINUTE)


@pytest.mark.parametrize("off_by", [timedelta(hours=2), timedelta(hours=-1, milliseconds=-1)], ids=str)
def test_postgresql_tells_the_time_it_was_set_to(off_by: timedelta) -> None:
    with settable_clock() as clock, start_postgres(environment=clock.environment) as server:
        assert isinstance(server, Postgres)
        with server.connect() as connection:
            assert abs(_told(connection) - SystemClock().now()) < HALF_A_MINUTE
            clock.set(off_by)
            assert abs(_told(connection) - SystemClock().now() - off_by) < HALF_A_MINUTE


def _told(connection: Any) -> datetime:
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    moment: datetime = row[0]
    return moment
