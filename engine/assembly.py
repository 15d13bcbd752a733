"""The composition root: settings and factories in, a running engine out."""

from __future__ import annotations

import getpass
import os
import random
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.clock import Clock, SystemClock
from engine.events.event import NewEvent
from engine.events.log import EventLog
from engine.events.pages import EventPages
from engine.notices import Notices
from engine.reconcile.acting.endpoints import Endpoints
from engine.reconcile.acting.means import Means, Record
from engine.reconcile.inspection import Inspection
from engine.reconcile.ports import Catalogue
from engine.reconcile.reconciler import Reconciler
from engine.redaction import REDACTOR
from engine.settings.context import AdapterContext
from engine.settings.model import Workspace
from engine.storage.care import Care
from engine.storage.database import open_database
from engine.storage.event_log import StoredEventLog
from engine.storage.event_pages import open_event_pages
from engine.storage.run_journal import RunJournal

Secrets = Callable[[str, Path], str]
"""(reference, workspace folder) to the secret itself; `adapters.secrets.resolve` in production."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A running engine on one workspace."""

    workspace: Workspace
    catalogue: Catalogue
    clock: Clock
    actor: str
    read_only: bool
    notices: Notices
    log: EventLog
    event_pages: EventPages
    reconcile: Reconciler
    inspection: Inspection
    care: Care


@asynccontextmanager
async def open_engine(
    workspace: Workspace,
    catalogue: Catalogue,
    secrets: Secrets,
    *,
    actor: str = "",
    read_only: bool = False,
    clock: Clock | None = None,
) -> AsyncIterator[Engine]:
    """Open the workspace's state and everything that works on it; close it all, in reverse order, at the end.

    `actor` is who is named in events and approvals (default: the user at this host). Raises `StorageError`.
    """
    clock = clock or SystemClock()
    actor = actor or who()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(workspace.state, read_only=read_only))
        log = StoredEventLog(database, clock, workspace.node, redactor=REDACTOR)
        notices = Notices()
        means = Means(
            workspace=workspace,
            endpoints=_endpoints(workspace, catalogue, secrets),
            journal=RunJournal(database, log, clock, actor=actor),
            clock=clock,
            chance=random.random,
            notices=notices,
            redact=REDACTOR.text,
            record=_recording(log, actor, read_only=read_only),
            actor=actor,
            holder=f"{actor} pid {os.getpid()}",
            read_only=read_only,
        )
        yield Engine(
            workspace=workspace,
            catalogue=catalogue,
            clock=clock,
            actor=actor,
            read_only=read_only,
            notices=notices,
            log=log,
            event_pages=stack.enter_context(open_event_pages(workspace.state)),
            reconcile=Reconciler(means),
            inspection=Inspection(means),
            care=Care(workspace.state),
        )


def who() -> str:
    """Return who runs this process, as events name him: user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user id need not have a name
        user = f"uid-{os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def _endpoints(workspace: Workspace, catalogue: Catalogue, secrets: Secrets) -> Endpoints:
    def context(name: str) -> AdapterContext:
        return AdapterContext(adapter=name, folder=workspace.folder, secrets=secrets)

    return Endpoints(workspace=workspace, catalogue=catalogue, context=context)


def _recording(log: EventLog, actor: str, *, read_only: bool) -> Record:
    """Return what writes an event of the reconcile engine, unless this engine only looks."""

    async def record(event_type: str, aggregate: str, data: Mapping[str, Any]) -> None:
        if not read_only:
            event = NewEvent(type=event_type, aggregate_id=aggregate, data=data, metadata={"actor": actor})
            await log.append([event], own=True)

    return record
