"""The journal in the state file and the one in dictionaries keep the same contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.reconcile.journal import Journal
from engine.storage.database import open_database
from engine.storage.event_log import StoredEventLog
from engine.storage.run_journal import RunJournal
from tests.contracts.journal import JournalContract
from tests.doubles.clock import ManualClock
from tests.doubles.journal import MemoryJournal


class TestJournalInDictionaries(JournalContract):
    @pytest.fixture
    def journal(self) -> Journal:
        return MemoryJournal()


class TestJournalInTheStateFile(JournalContract):
    @pytest.fixture
    async def journal(self, tmp_path: Path) -> AsyncIterator[Journal]:
        clock = ManualClock()
        async with open_database(tmp_path / "state.db") as database:
            yield RunJournal(database, StoredEventLog(database, clock, "berlin-1"), clock, actor="anna")
