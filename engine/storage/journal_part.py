"""What the parts of the journal share: the file, the log beside the rows, and how rows hold texts."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from msgspec import json

from engine.clock import Clock
from engine.events.event import NewEvent
from engine.reconcile.history import Digest, RunId
from engine.storage.database import Database
from engine.storage.event_log import StoredEventLog

LONGEST_TEXT = 20_000
"""Characters of a reason or a comment."""

DIGEST_SHOWN = 12
"""Digits of a plan's digest in the aggregate's name of its events."""


class JournalPart:
    """`actor` is named in events whose method is not told who acts."""

    def __init__(self, database: Database, log: StoredEventLog, clock: Clock, *, actor: str = "") -> None:
        self._database = database
        self._log = log
        self._clock = clock
        self._actor = actor

    def _tell(
        self,
        connection: sqlite3.Connection,
        type_name: str,
        aggregate: str,
        data: Mapping[str, Any],
        links: Mapping[str, Any],
    ) -> None:
        """Append the event that tells of a change of rows, in the same transaction. `links` become metadata, beside
        the actor: ways to the plan and the run it belongs to."""
        metadata = {"actor": self._actor, **links} if self._actor else links
        event = NewEvent(type=type_name, aggregate_id=aggregate, data=data, metadata=metadata)
        self._log.append_in(connection, [event])

    def _clean(self, text: str) -> str:
        """Return a text as it may stand in a file: without secrets, and no longer than anybody reads. A service may
        answer with megabytes, and a run must not fail because they do not fit into an event."""
        cleaned = self._log.redactor.text(text)
        return cleaned if len(cleaned) <= LONGEST_TEXT else f"{cleaned[:LONGEST_TEXT]}…"


def plan_aggregate(digest: Digest) -> str:
    """Return what events about a plan are about."""
    return f"plan:{digest[:DIGEST_SHOWN]}"


def run_aggregate(run: RunId) -> str:
    """Return what events about a run are about."""
    return f"run:{run}"


def to_text(value: Any) -> str:
    """Return a list or a map as a row holds it."""
    return json.encode(value).decode()
