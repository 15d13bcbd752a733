"""When to look again for what was written: at once for this process, soon and then less and less for others."""

from __future__ import annotations

from typing import Final

from engine.storage.database import Database

AT_ONCE: Final = 0.016
AT_MOST: Final = 0.25
"""Seconds between two looks for what other processes wrote."""


class Lookout:
    """For one reader that reads, waits, and reads again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rounds = database.rounds
        self._pause = AT_ONCE

    def begin(self) -> None:
        """Call before reading: what is written from now on ends the next wait."""
        self._rounds = self._database.rounds

    def found(self) -> None:
        """Call when there was something: more may come soon."""
        self._pause = AT_ONCE

    async def wait(self) -> None:
        """Wait until it is time to read again."""
        await self._database.written_since(self._rounds, self._pause)
        self._pause = min(self._pause * 2, AT_MOST)
