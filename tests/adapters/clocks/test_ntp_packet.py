"""What an NTP answer is believed: nothing that was not asked, nothing impossible, and no more than its bounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.clocks.ntp_packet import (
    PACKET,
    SECOND,
    WRAP,
    Answer,
    Kiss,
    Unusable,
    learn,
    ntp_time,
    question,
    read_answer,
)
from engine.coordination.clocks.agreement import DRIFT
from tests.doubles.ntp_responder import answer

NONCE = b"\x01nonce!\xff"
ASKED = question(NONCE)


def test_a_question_tells_nobody_what_time_it_is_here() -> None:
    version_four_of_a_client = b"\x23"
    assert question(NONCE) == version_four_of_a_client + bytes(39) + NONCE


def test_an_answer_to_the_question_is_read() -> None:
    said = read_answer(answer(ASKED, stratum=3, root_delay=timedelta(seconds=1)), NONCE)
    assert said is not None
    assert (said.stratum, said.precision, said.root_delay) == (3, -20, SECOND)


def test_what_comes_after_48_bytes_is_not_looked_at() -> None:
    assert read_answer(answer(ASKED) + b"\xff" * 100, NONCE) is not None


def with_first_byte(first: int) -> bytes:
    return bytes([first]) + answer(ASKED)[1:]


NOT_OURS = {
    "the origin is another one": answer(ASKED, origin=b"12345678"),
    "the origin is zero": answer(ASKED, origin=bytes(8)),
    "it is too short": answer(ASKED)[:47],
    "it is empty": b"",
    "it is our own question": ASKED,
    "it is a broadcast": with_first_byte(0x25),
    "it is of a version before our time": with_first_byte(0x0C),
    "it is of a version to come": with_first_byte(0x3C),
}


@pytest.mark.parametrize("why", NOT_OURS)
def test_it_is_no_answer_when(why: str) -> None:
    assert read_answer(NOT_OURS[why], NONCE) is None


USELESS = {
    "its leap indicator says so": answer(ASKED, leap=3),
    "its stratum says so": answer(ASKED, stratum=16),
    "it has just started": answer(ASKED, stratum=0, reference=b"INIT"),
    "it is too far from the truth": answer(ASKED, root_dispersion=timedelta(seconds=16)),
    "it went too far for the truth": answer(ASKED, root_delay=timedelta(seconds=32)),
    "it sent no time": answer(ASKED)[:40] + bytes(8),
    "its clock is too coarse": answer(ASKED)[:3] + b"\x01" + answer(ASKED)[4:],
}


@pytest.mark.parametrize("why", USELESS)
def test_a_server_that_does_not_know_the_time_is_not_believed_when(why: str) -> None:
    with pytest.raises(Unusable) as unusable:
        read_answer(USELESS[why], NONCE)
    assert not isinstance(unusable.value, Kiss)


@pytest.mark.parametrize(("code", "final"), [(b"DENY", True), (b"RSTR", True), (b"RATE", False)])
def test_a_kiss_asks_to_be_left_alone(code: bytes, final: bool) -> None:
    with pytest.raises(Kiss, match=code.decode()) as kiss:
        read_answer(answer(ASKED, stratum=0, reference=code), NONCE)
    assert kiss.value.final is final


def test_a_forged_kiss_is_no_answer() -> None:
    assert read_answer(answer(ASKED, stratum=0, reference=b"DENY", origin=b"a guess!"), NONCE) is None


@given(st.binary(max_size=120))
@example(bytes(48))
@example(b"\xff" * 48)
def test_whatever_comes_is_read_refused_or_ignored(datagram: bytes) -> None:
    assert read_answer(datagram, NONCE) is None  # eight bytes by chance: not in the life of this universe


@given(st.binary(min_size=48, max_size=48), st.integers(0, WRAP - 1), st.integers(0, 4 * SECOND))
def test_whatever_an_answer_says_its_bounds_are_no_smaller_than_its_delay(
    datagram: bytes, asked: int, waited: int
) -> None:
    hostile = bytes([0x24]) + datagram[1:24] + NONCE + datagram[32:]
    try:
        said = read_answer(hostile, NONCE)
        assert said is not None
        sample = learn(said, asked, asked + waited, drift=DRIFT)
    except Unusable:
        return
    assert timedelta(0) <= sample.delay / 2 <= sample.error + timedelta(microseconds=1)


SECONDS = st.floats(0, 3).map(lambda seconds: round(seconds * SECOND))
YEAR = 365 * 86_400 * SECOND


@given(
    truth=st.integers(-60 * YEAR, 60 * YEAR),
    there=SECONDS,
    thought=SECONDS,
    back=SECONDS,
    asked=st.integers(0, WRAP - 1),
)
@example(truth=0, there=0, thought=0, back=0, asked=WRAP - 1)
def test_the_truth_is_within_the_bounds_whatever_the_way_was(
    truth: int, there: int, thought: int, back: int, asked: int
) -> None:
    received = (asked + truth + there) % WRAP
    said = Answer(
        stratum=1, precision=-20, root_delay=0, root_dispersion=0, received=received, sent=(received + thought) % WRAP
    )
    sample = learn(said, asked, asked + there + thought + back, drift=DRIFT)
    assert abs(sample.offset - timedelta(seconds=truth / SECOND)) <= sample.error + timedelta(microseconds=10)
    assert abs(sample.delay - timedelta(seconds=(there + back) / SECOND)) <= timedelta(microseconds=1)


def test_a_server_cannot_think_for_longer_than_we_waited() -> None:
    said = Answer(stratum=1, precision=-20, root_delay=0, root_dispersion=0, received=0, sent=2 * SECOND)
    with pytest.raises(Unusable, match="contradict"):
        learn(said, 0, SECOND, drift=DRIFT)


def test_a_server_cannot_answer_before_it_was_asked() -> None:
    said = Answer(stratum=1, precision=-20, root_delay=0, root_dispersion=0, received=SECOND, sent=0)
    with pytest.raises(Unusable, match="contradict"):
        learn(said, 0, SECOND, drift=DRIFT)


def test_what_a_server_owes_to_its_own_source_is_in_the_bounds() -> None:
    said = Answer(stratum=2, precision=-10, root_delay=SECOND // 5, root_dispersion=SECOND // 10, received=1, sent=1)
    sample = learn(said, 0, SECOND // 2, drift=0)
    assert sample.error == timedelta(seconds=0.25 + 0.1 + 0.1 + 2**-10)


def test_times_are_right_over_the_end_of_the_era() -> None:
    before, after = datetime(2036, 2, 7, 6, 28, 15, tzinfo=UTC), datetime(2036, 2, 7, 6, 28, 17, tzinfo=UTC)
    assert ntp_time(after) < ntp_time(before)
    said = Answer(
        stratum=1, precision=-20, root_delay=0, root_dispersion=0, received=ntp_time(after), sent=ntp_time(after)
    )
    assert learn(said, ntp_time(before), ntp_time(before), drift=0).offset == timedelta(seconds=2)


def test_a_packet_is_48_bytes() -> None:
    assert PACKET.size == 48
