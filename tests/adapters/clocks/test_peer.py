"""A peer's clock: its offset within the error bound, and whatever goes wrong as a fault in the reading."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from adapters.clocks.peer import PeerClock
from engine.clock import Clock, SystemClock
from engine.settings.context import AdapterContext
from engine.settings.replication import PeerSettings
from tests.adapters.transports.nodes import running_node
from tests.servers.http import Asked, Given, LocalServer


class ShiftedClock(SystemClock):
    """A wall clock that is wrong by so much."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return super().now() + self._by


def peer_clock(url: str, clock: Clock, folder: Path) -> PeerClock:
    context = AdapterContext(adapter="peer hamburg", folder=folder, secrets=lambda reference, _: reference)
    return PeerClock(PeerSettings(name="hamburg", url=url), context, clock)


async def test_a_peer_that_is_ahead_is_ahead_by_that_much_within_the_bound(tmp_path: Path) -> None:
    async with running_node(tmp_path) as node:
        reading = await peer_clock(node.url, ShiftedClock(timedelta(seconds=-90)), tmp_path).read()
    assert reading.source == "hamburg"
    assert reading.offset is not None
    assert reading.error is not None
    assert abs(reading.offset - timedelta(seconds=90)) <= reading.error + timedelta(milliseconds=1)
    assert reading.error < timedelta(seconds=1)


async def test_no_token_is_needed_to_be_told_the_time(tmp_path: Path) -> None:
    async with running_node(tmp_path, tokens=("a long secret",)) as node:
        assert (await peer_clock(node.url, SystemClock(), tmp_path).read()).fault == ""


async def test_a_peer_that_is_away_is_a_fault_in_words(tmp_path: Path) -> None:
    reading = await peer_clock("http://127.0.0.1:9", SystemClock(), tmp_path).read()
    assert (reading.offset, "does not answer" in reading.fault) == (None, True)


async def test_a_peer_that_does_not_tell_the_time_is_a_fault_in_words(tmp_path: Path) -> None:
    answers = {b'{"ok": true}': "does not tell the time", b"<html>": "malformed"}
    for body, fault in answers.items():
        with LocalServer(partial(answer, body)).running() as server:
            assert fault in (await peer_clock(server.url, SystemClock(), tmp_path).read()).fault


def answer(body: bytes, asked: Asked) -> Given:
    return Given(200, body)
