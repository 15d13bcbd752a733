"""The 48 bytes of NTP: what is asked, what an answer says, and what can be learnt from it. Pure.

RFC 5905, and for what a client should doubt RFC 4330 §5.

Times are counted in units of 2^-32 s, as on the wire. They wrap every 136 years: only differences mean anything.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta

from msgspec import Struct

SECOND = 1 << 32
WRAP = 1 << 64
START = datetime(1900, 1, 1, tzinfo=UTC)
LENGTH = 48
PACKET = struct.Struct("!BBbbII4sQ8sQQ")
CLIENT, SERVER = 3, 4
VERSION, OLDEST_VERSION = 4, 3
UNSYNCHRONISED = 3
LAST_STRATUM = 15
MOST_DISTANCE = 16 * SECOND
"""A server that is further than 16 s from its reference knows nothing (MAXDISP)."""

KISSES = {
    b"DENY": "it refuses us (DENY) and is not asked again",
    b"RSTR": "it refuses us (RSTR) and is not asked again",
    b"RATE": "it was asked too often (RATE)",
}
"""Words of four letters that ask a client for something; all others say only that there is no time to be had."""


class Unusable(ValueError):
    """An answer to our question that says nothing about the time; the text says why."""


class Kiss(Unusable):
    """The server asks to be left alone (RFC 5905 §7.4)."""

    def __init__(self, code: bytes) -> None:
        super().__init__(KISSES[code])
        self.final = code != b"RATE"


class Answer(Struct, frozen=True, kw_only=True):
    """What a server says of itself and of the time."""

    stratum: int
    precision: int
    """Power of two, in seconds."""
    root_delay: int
    root_dispersion: int
    received: int
    """When it got the question, by its clock."""
    sent: int
    """When it sent the answer, by its clock."""


class Sample(Struct, frozen=True, kw_only=True):
    """What one question and its answer tell."""

    offset: timedelta
    """To be added to this host's clock to get the server's time."""
    delay: timedelta
    error: timedelta
    """The true offset is within plus or minus this, if the server is honest."""
    stratum: int


def question(nonce: bytes) -> bytes:
    """Return a question. In place of our time goes a number that only the asked server can know: it tells nobody our
    clock, and no answer of a stranger passes for the server's."""
    return PACKET.pack(VERSION << 3 | CLIENT, 0, 0, 0, 0, 0, b"", 0, b"", 0, int.from_bytes(nonce, "big"))


def read_answer(datagram: bytes, nonce: bytes) -> Answer | None:
    """Return what an answer to the question with this nonce says; None for whatever answers something else. Raises
    `Unusable`, `Kiss`."""
    if len(datagram) < LENGTH:
        return None
    first, stratum, _, precision, delay, dispersion, reference, _, origin, received, sent = PACKET.unpack(
        datagram[:LENGTH]
    )
    leap, version, mode = first >> 6, first >> 3 & 7, first & 7
    if origin != nonce or mode != SERVER or not OLDEST_VERSION <= version <= VERSION:
        return None
    if stratum == 0 and reference in KISSES:
        raise Kiss(reference)
    if leap == UNSYNCHRONISED or not 0 < stratum <= LAST_STRATUM:
        raise Unusable("it does not know the time itself (unsynchronised)")
    if not received or not sent or precision > 0:
        raise Unusable("it sent no time that could be used")
    answer = Answer(
        stratum=stratum,
        precision=precision,
        root_delay=delay << 16,
        root_dispersion=dispersion << 16,
        received=received,
        sent=sent,
    )
    if answer.root_delay // 2 + answer.root_dispersion >= MOST_DISTANCE:
        raise Unusable("it does not know the time itself (too far from its reference)")
    return answer


def learn(answer: Answer, asked: int, arrived: int, *, drift: float) -> Sample:
    """Return what an answer tells, given when it was asked and when it arrived by our clock. Raises `Unusable` where
    the server claims to have thought for longer than we waited."""
    waited = _difference(arrived, asked)
    thought = _difference(answer.sent, answer.received)
    precision = _precision(answer.precision)
    delay = waited - thought
    if thought < 0 or delay < -precision:
        raise Unusable("its times contradict each other")
    delay = max(delay, 0)
    offset = (_difference(answer.received, asked) + _difference(answer.sent, arrived)) // 2
    root = answer.root_delay // 2 + answer.root_dispersion
    error = delay // 2 + root + precision + int(drift * waited)
    return Sample(offset=_span(offset), delay=_span(delay), error=_span(error), stratum=answer.stratum)


def ntp_time(moment: datetime) -> int:
    """Return a moment as NTP counts it, in its era."""
    since = moment - START
    whole = since // timedelta(microseconds=1)
    return (whole * SECOND // 1_000_000) % WRAP


def _difference(later: int, earlier: int) -> int:
    """Return the signed difference of two times that may be of different eras, less than 68 years apart."""
    difference = (later - earlier) % WRAP
    return difference - WRAP if difference >= WRAP // 2 else difference


def _precision(power: int) -> int:
    """Return 2^power seconds of a power that is not positive, at least one unit."""
    return SECOND >> min(-power, 32)


def _span(units: int) -> timedelta:
    return timedelta(microseconds=round(units * 1_000_000 / SECOND))
