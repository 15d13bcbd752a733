"""Asking NTP servers: real ones, and doubles of those that one does not want to meet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import count

import pytest

from adapters.clocks.ntp import FIRST_PAUSE, GAP, PORT, SAMPLES, NtpServer
from engine.clock import Clock, SystemClock
from tests.doubles.clock import ManualClock
from tests.doubles.ntp_responder import (
    Behaviour,
    Responder,
    answer,
    honest,
    in_turn,
    kissing,
    off_by,
    responder,
    silent,
)
from tests.servers.chrony import start_chrony
from tests.servers.server_process import ServerProcess

AT_ONCE = timedelta(0)
SHORT = timedelta(milliseconds=200)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def chrony() -> Iterator[ServerProcess]:
    with start_chrony(stratum=7) as server:
        yield server


def asking(port: int, *, clock: Clock | None = None, wait: timedelta = SHORT) -> NtpServer:
    return NtpServer("127.0.0.1", port, clock or SystemClock(), gap=AT_ONCE, wait=wait)


async def test_a_real_server_on_this_machine_has_the_time_of_this_machine(chrony: ServerProcess) -> None:
    reading = await asking(chrony.port, wait=timedelta(seconds=5)).read()
    assert reading.fault == ""
    assert reading.stratum == 7
    assert reading.offset is not None
    assert reading.error is not None
    assert reading.delay is not None
    assert abs(reading.offset) <= reading.error
    assert reading.delay / 2 <= reading.error < timedelta(seconds=2)


async def test_a_server_that_is_wrong_is_found_to_be_as_wrong_as_it_is() -> None:
    async with responder(off_by(-HOUR)) as server:
        reading = await asking(server.port).read()
    assert reading.offset is not None
    assert reading.error is not None
    assert abs(reading.offset + HOUR) <= reading.error


async def test_the_quickest_of_several_answers_counts() -> None:
    class Slow(SystemClock):
        """Every answer seems to arrive later than the one before."""

        def __init__(self) -> None:
            self._readings = count()

        def monotonic(self) -> float:
            return next(self._readings) ** 2 / 100

    async with responder(honest) as server:
        reading = await asking(server.port, clock=Slow()).read()
        assert len(server.questions) == SAMPLES
    assert reading.delay is not None
    assert reading.delay < timedelta(seconds=0.04)


async def test_lost_packets_cost_only_themselves() -> None:
    async with responder(in_turn(silent, silent, honest, silent)) as server:
        reading = await asking(server.port).read()
    assert reading.fault == ""
    assert reading.offset is not None


async def test_a_server_that_says_nothing_is_reported_so() -> None:
    async with responder(silent) as server:
        reading = await asking(server.port, wait=timedelta(milliseconds=20)).read()
    assert (reading.offset, reading.fault) == (None, "no answer within 0.02 s")


def forged(question: bytes) -> Iterable[bytes]:
    """Somebody who did not see the question answers before the server does, an hour off."""
    yield answer(question, offset=HOUR, origin=b"a guess!")
    yield b"\x24" * 20


async def test_an_answer_that_was_not_asked_for_is_not_believed() -> None:
    async with responder(lambda question: [*forged(question), answer(question)]) as server:
        reading = await asking(server.port).read()
    assert reading.offset is not None
    assert abs(reading.offset) < timedelta(seconds=1)


async def test_a_server_of_which_only_forgeries_come_has_not_answered() -> None:
    async with responder(forged) as server:
        reading = await asking(server.port, wait=timedelta(milliseconds=20)).read()
    assert reading.fault == "no answer within 0.02 s, only 2 that were not to our question (late or forged)"


async def test_a_late_answer_to_an_earlier_question_is_not_taken_for_this_one() -> None:
    late: list[bytes] = []

    def keeps_it_for_the_next(question: bytes) -> Iterable[bytes]:
        given, late[:] = list(late), [answer(question, offset=HOUR)]
        return given

    async with responder(keeps_it_for_the_next) as server:
        reading = await asking(server.port, wait=timedelta(milliseconds=20)).read()
    assert reading.offset is None


async def test_no_two_questions_are_alike() -> None:
    async with responder(honest) as server:
        await asking(server.port).read()
        assert len(set(server.questions)) == SAMPLES


async def test_a_server_that_refuses_us_is_never_asked_again() -> None:
    async with responder(in_turn(kissing(b"DENY"), honest)) as server:
        source = asking(server.port)
        first, second = await source.read(), await source.read()
        assert len(server.questions) == 1
    assert first.fault == second.fault == "it refuses us (DENY) and is not asked again"


async def test_a_server_that_was_asked_too_often_is_left_alone_for_a_while_and_then_for_longer() -> None:
    clock = ManualClock()
    async with responder(kissing(b"RATE")) as server:
        source = asking(server.port, clock=clock)
        assert (await source.read()).fault == "it was asked too often (RATE)"
        clock.jump(FIRST_PAUSE - timedelta(minutes=1))
        assert (await source.read()).fault == "it was asked too often (RATE) and is left alone for 1 min more"
        assert len(server.questions) == 1
        clock.jump(timedelta(minutes=1))
        await source.read()
        assert len(server.questions) == 2
        clock.jump(2 * FIRST_PAUSE - timedelta(minutes=2))
        assert "2 min more" in (await source.read()).fault


async def test_a_server_that_answers_again_is_forgiven() -> None:
    clock = ManualClock()
    frozen: Behaviour = lambda question: [answer(question, clock=clock)]  # noqa: E731
    async with responder(in_turn(kissing(b"RATE"), *[frozen] * SAMPLES, kissing(b"RATE"))) as server:
        source = asking(server.port, clock=clock)
        await source.read()
        clock.jump(FIRST_PAUSE)
        assert (await source.read()).fault == ""
        await source.read()
        clock.jump(FIRST_PAUSE - timedelta(minutes=1))
        assert "1 min more" in (await source.read()).fault


async def test_a_server_that_does_not_know_the_time_is_reported_so() -> None:
    async with responder(lambda question: [answer(question, leap=3)]) as server:
        reading = await asking(server.port).read()
    assert reading.fault == "it does not know the time itself (unsynchronised)"


async def test_nothing_listens_there() -> None:
    async with responder(honest) as server:
        port = server.port
    reading = await asking(port).read()
    assert reading.fault == "it cannot be reached: Connection refused"


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".example", ""])
async def test_a_name_that_leads_nowhere_is_a_fault_of_the_reading(host: str) -> None:
    reading = await NtpServer(host, PORT, SystemClock(), gap=AT_ONCE, wait=SHORT).read()
    assert reading.offset is None
    assert reading.fault


async def test_servers_are_not_asked_in_a_hurry() -> None:
    clock = ManualClock()
    async with responder(silent) as server:
        await clock.finish(NtpServer("127.0.0.1", server.port, clock, wait=timedelta(milliseconds=5)).read())
    assert clock.slept == [GAP] * (SAMPLES - 1)


@pytest.mark.parametrize(
    ("host", "port", "name"),
    [("ntp.example", 123, "ntp.example"), ("10.0.0.1", 1123, "10.0.0.1:1123"), ("fd00::1", 1123, "[fd00::1]:1123")],
)
def test_a_server_is_called_as_the_settings_would(host: str, port: int, name: str) -> None:
    assert NtpServer(host, port, SystemClock()).name == name


async def test_a_responder_hears_what_it_is_asked() -> None:
    async with Responder(honest).running() as server:
        await asking(server.port).read()
        assert {len(question) for question in server.questions} == {48}
