"""The coordination file beside a state file."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from engine.storage.coordination.store import SqliteStore
from tests.contracts.store_sandbox import Circumstance, StoreSandbox

NO_SERVER = "There is no server and no line: every process has the file open."


class CoordinationFile(StoreSandbox):
    label = "sqlite"
    promises = SqliteStore.promises
    lacks = dict.fromkeys(Circumstance, NO_SERVER)
    ttl = timedelta(milliseconds=500)
    slack = timedelta(milliseconds=200)
    expiry = timedelta(milliseconds=100)
    expiry_slack = timedelta(milliseconds=200)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._path = folder / "coordination.db"

    def backend(self) -> SqliteStore:
        return SqliteStore(self._path, self.clock, "test")


SANDBOXES = (CoordinationFile,)
