"""The journal in the state file and the one in dictionaries keep the same contract."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.reconcile.journal import Journal
from engine.storage import leases, run_writing
from engine.storage.database import open_database
from engine.storage.event_log import StoredEventLog
from engine.storage.processes import mark_of
from engine.storage.run_journal import RunJournal
from tests.contracts.journal import Elsewhere, JournalContract
from tests.doubles.clock import ManualClock
from tests.doubles.journal import MemoryJournal


class TestJournalInDictionaries(JournalContract):
    @pytest.fixture
    def journal(self) -> Journal:
        return MemoryJournal()

    @pytest.fixture
    def elsewhere(self, journal: MemoryJournal) -> Elsewhere:
        @contextmanager
        def another_process() -> Iterator[None]:
            journal.process += 1
            yield
            journal.process -= 1

        return another_process


class TestJournalInTheStateFile(JournalContract):
    @pytest.fixture
    async def journal(self, tmp_path: Path) -> AsyncIterator[Journal]:
        clock = ManualClock()
        async with open_database(tmp_path / "state.db") as database:
            yield RunJournal(database, StoredEventLog(database, clock, "berlin-1"), clock, actor="anna")

    @pytest.fixture
    def elsewhere(self, other: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
        @contextmanager
        def another_process() -> Iterator[None]:
            with monkeypatch.context() as patch:
                for module in (leases, run_writing):
                    patch.setattr(module, "this_process", lambda: mark_of(other.pid))
                yield

        return another_process

    @pytest.fixture
    def other(self) -> Iterator[subprocess.Popen[bytes]]:
        """A process that lives until the test has ended."""
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
            yield process
