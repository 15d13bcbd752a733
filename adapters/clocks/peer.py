"""A peer's clock, as its server tells it (`GET /health`): good to half the time that the answer took."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import httpx
from msgspec import DecodeError, Struct, ValidationError, json

from adapters.transports.http_client import HttpTransport
from engine.clock import Clock
from engine.coordination.clocks.timekeeping import TimeSource
from engine.coordination.clocks.timing import Reading
from engine.errors import SyncdeckError
from engine.settings.context import AdapterContext
from engine.settings.replication import PeerSettings

SAMPLES: Final = 3
"""Questions on one connection, of which the quickest answer counts: the first one pays for the connection."""

WAIT: Final = 5.0
"""Seconds."""


class _Health(Struct, frozen=True):
    at: datetime | None = None


class PeerClock(TimeSource):
    """One peer."""

    def __init__(self, settings: PeerSettings, context: AdapterContext, clock: Clock) -> None:
        self._settings = settings
        self._transport = HttpTransport(settings, context, clock)
        self._clock = clock

    @property
    def name(self) -> str:
        return self._settings.name

    async def read(self) -> Reading:
        try:
            async with self._transport.client() as client:
                readings = [await self._ask(client) for _ in range(SAMPLES)]
        except httpx.HTTPError as error:
            return self._fault(f"it does not answer ({type(error).__name__})")
        except (SyncdeckError, DecodeError, ValidationError) as error:
            return self._fault(str(error))
        return min(readings, key=lambda reading: reading.error or timedelta.max)

    async def _ask(self, client: httpx.AsyncClient) -> Reading:
        sent, began = self._clock.now(), self._clock.monotonic()
        answer = await client.get(f"{self._settings.url.rstrip('/')}/health", timeout=WAIT)
        delay = timedelta(seconds=self._clock.monotonic() - began)
        there = json.decode(answer.content, type=_Health).at
        if there is None or there.tzinfo is None:
            return self._fault("it does not tell the time: an older Syncdeck, or no Syncdeck")
        offset = there - (sent + delay / 2)
        return Reading(source=self.name, offset=offset, error=delay / 2, delay=delay, at=self._clock.now())

    def _fault(self, why: str) -> Reading:
        return Reading(source=self.name, offset=None, at=self._clock.now(), fault=why)
