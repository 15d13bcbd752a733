"""What goes on beside the calls: the line is kept up, and sessions of others are seen to end."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from adapters.coordination import redis_key_scripts, redis_scripts
from adapters.coordination.redis_claims import RedisClaims
from adapters.coordination.redis_line import Line, Link
from adapters.coordination.redis_values import sample_of
from engine.clock import Clock
from engine.coordination.observed import CUT_OFF_PATIENCE, gone, observe, on_another_line
from engine.errors import CoordinationError

LOOK_EVERY = timedelta(milliseconds=200)
LOOK_AGAIN = timedelta(milliseconds=50)
"""While somebody is deaf, so that his waiters are served soon after the patience with him has ended."""
DIAL_AGAIN = timedelta(milliseconds=50)
LONGEST_DIAL_PAUSE = timedelta(seconds=1)


async def keep_up(link: Link, claims: RedisClaims, clock: Clock) -> None:
    """Dial again whenever the line broke. What is held is given up before others may take it from one cut off."""
    while True:
        line = await _dialled(link, clock)
        await line.ended.wait()
        try:
            async with asyncio.timeout(CUT_OFF_PATIENCE.total_seconds()):
                await _dialled(link, clock)
        except TimeoutError:
            claims.cut_off(link.address.away())


async def look_after(link: Link, claims: RedisClaims, clock: Clock) -> None:
    """Observe all sessions, end those that are over, and remove keys when they expire."""
    dialled = 0
    while True:
        pause = LOOK_EVERY
        try:
            asked = clock.monotonic()
            rows, next_expiry = await link.script(redis_key_scripts.SAMPLE)
            answered = clock.monotonic()
            before = claims.seen if dialled == link.dialled else on_another_line(claims.seen)
            dialled = link.dialled
            claims.seen = observe(before, map(sample_of, rows), answered)
            for one in gone(claims.seen, asked):
                deaf = int(one.crashed)
                await link.script(redis_scripts.END, one.session, clock.now().isoformat(), one.heartbeat, deaf)
            if any(sighting.deaf_since is not None for sighting in claims.seen.values()):
                pause = LOOK_AGAIN
            if next_expiry:
                pause = min(pause, timedelta(milliseconds=int(next_expiry) + 1))
        except CoordinationError:
            pass  # whoever asks something hears it in words; looking goes on once there is an answer
        await clock.sleep(pause)


async def _dialled(link: Link, clock: Clock) -> Line:
    pause = DIAL_AGAIN
    while True:
        try:
            return await link.line()
        except CoordinationError:
            await clock.sleep(pause)
            pause = min(pause * 2, LONGEST_DIAL_PAUSE)
