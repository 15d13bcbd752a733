"""The composition root: settings and factories in, a running engine out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.clock import Clock, SystemClock
from engine.events.log import EventLog
from engine.events.pages import EventPages
from engine.notices import Notices
from engine.reconcile.inspection import Inspection
from engine.reconcile.ports import Catalogue
from engine.reconcile.reconciler import Reconciler
from engine.settings.model import Workspace

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
    raise RuntimeError(f"under construction: {workspace.file} {clock or SystemClock()}")
    yield
