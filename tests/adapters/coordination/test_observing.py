"""What one process concludes from looking at all sessions: nothing from when an answer came, nothing over two lines."""

from __future__ import annotations

from datetime import timedelta

from adapters.coordination.observing import Look, Observed, Observer
from engine.coordination.observed import Gone, Sample, margin
from engine.coordination.standing import SessionId
from tests.doubles.clock import ManualClock

TTL = timedelta(seconds=10)
LONG_ENOUGH = TTL + margin(TTL)
SECOND = timedelta(seconds=1)


class OneSession(Observed):
    """A backend with one session, whose heart does not beat; `takes` is how long an answer is under way."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.line = 1
        self.takes = timedelta()
        self.ended: list[Gone] = []

    async def look(self) -> Look:
        await self.clock.advance(self.takes)
        return Look(samples=[Sample(session=SessionId("s"), heartbeat=7, ttl=TTL)], line=self.line)

    async def end_of(self, gone: Gone) -> None:
        self.ended.append(gone)


async def test_a_session_is_over_when_it_was_asked_for_long_enough_after_the_first_answer() -> None:
    clock = ManualClock()
    backend, observer = OneSession(clock), Observer(clock)

    await observer._look_once(backend)
    await clock.advance(LONG_ENOUGH)
    await observer._look_once(backend)

    assert [gone.heartbeat for gone in backend.ended] == [7]


async def test_an_answer_that_was_long_under_way_says_how_it_was_when_it_was_asked_for() -> None:
    """The heart may have beaten since."""
    clock = ManualClock()
    backend, observer = OneSession(clock), Observer(clock)

    await observer._look_once(backend)
    await clock.advance(LONG_ENOUGH - SECOND)
    backend.takes = 5 * SECOND
    await observer._look_once(backend)

    assert backend.ended == []


async def test_what_was_seen_over_one_line_proves_nothing_over_the_next() -> None:
    """The server may have lost heart-beats meanwhile, and count again from where it was."""
    clock = ManualClock()
    backend, observer = OneSession(clock), Observer(clock)

    await observer._look_once(backend)
    await clock.advance(LONG_ENOUGH)
    backend.line = 2
    await observer._look_once(backend)
    assert backend.ended == []

    await clock.advance(LONG_ENOUGH)
    await observer._look_once(backend)
    assert len(backend.ended) == 1
