"""Care for a log that needs none."""

from __future__ import annotations

import asyncio

from engine.storage.log_care import LogCare


class RestingLogCare(LogCare):
    """Does nothing behind; `rests` tells whether somebody let it run."""

    def __init__(self) -> None:
        self.rests = False

    async def run(self) -> None:
        self.rests = True
        await asyncio.Event().wait()
