"""The composition root: settings and factories in, a running engine out."""

from __future__ import annotations

import getpass
import os
import random
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.clock import Clock, SystemClock
from engine.coordination.store import Backend
from engine.errors import SettingsError
from engine.events.event import NewEvent
from engine.events.log import EventLog
from engine.events.merging.conflicts import Conflicts
from engine.events.merging.strategies import STRATEGIES
from engine.events.merging.strategy import Strategy
from engine.events.pages import EventPages
from engine.events.replicating.admission import AdmissionLimits
from engine.events.replicating.means import Means as ReplicationMeans
from engine.events.replicating.ports import Transport
from engine.events.replicating.recording import Recording
from engine.events.replicating.replication import Replication
from engine.events.replicating.responder import Responder
from engine.events.upcast import Upcasts
from engine.notices import Notices
from engine.reconcile.acting.endpoints import Endpoints
from engine.reconcile.acting.means import Means, Record
from engine.reconcile.inspection import Inspection
from engine.reconcile.ports import Catalogue
from engine.reconcile.reconciler import Reconciler
from engine.redaction import REDACTOR
from engine.settings.context import AdapterContext
from engine.settings.coordination import CoordinationSettings
from engine.settings.model import Workspace
from engine.settings.replication import PeerSettings
from engine.storage.care import Care
from engine.storage.database import Database, open_database
from engine.storage.event_digest import EventDigest
from engine.storage.event_history import StoredHistories
from engine.storage.event_log import StoredEventLog
from engine.storage.event_pages import open_event_pages
from engine.storage.log_care import LogCare
from engine.storage.log_compaction import Neighbours
from engine.storage.peer_book import StoredPeerBook
from engine.storage.replica import StoredReplica
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
    conflicts: Conflicts
    replica: StoredReplica
    responder: Responder
    replication: Replication
    log_care: LogCare


@dataclass(frozen=True, slots=True, kw_only=True)
class Extensions:
    """What installed packages add beside endpoints."""

    transport: Callable[[PeerSettings, AdapterContext, Clock], Transport] | None = None
    """The way to a peer, by the scheme of its URL; without it no peer can be reached."""
    backend: Callable[[CoordinationSettings, AdapterContext, Clock], Backend] | None = None
    """The coordination backend, where it is not the embedded one."""
    strategies: Mapping[str, Strategy] = field(default_factory=lambda: STRATEGIES)
    upcasts: Upcasts = field(default_factory=Upcasts)


@asynccontextmanager
async def open_engine(
    workspace: Workspace,
    catalogue: Catalogue,
    secrets: Secrets,
    *,
    actor: str = "",
    read_only: bool = False,
    clock: Clock | None = None,
    extensions: Extensions | None = None,
) -> AsyncIterator[Engine]:
    """Open the workspace's state and everything that works on it; close it all, in reverse order, at the end.

    `actor` is who is named in events and approvals (default: the user at this host). Raises `StorageError`.
    """
    clock = clock or SystemClock()
    extensions = extensions or Extensions()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(workspace.state, read_only=read_only))
        ground = _Ground(
            workspace=workspace,
            secrets=secrets,
            database=database,
            log=StoredEventLog(database, clock, workspace.node, redactor=REDACTOR, upcasts=extensions.upcasts),
            clock=clock,
            notices=Notices(),
            actor=actor or who(),
            read_only=read_only,
            extensions=extensions,
        )
        means, replica = _reconciling(ground, catalogue), _replica(ground)
        yield Engine(
            workspace=workspace,
            catalogue=catalogue,
            clock=clock,
            actor=ground.actor,
            read_only=read_only,
            notices=ground.notices,
            log=ground.log,
            event_pages=stack.enter_context(open_event_pages(workspace.state, extensions.upcasts)),
            reconcile=Reconciler(means),
            inspection=Inspection(means),
            care=Care(workspace.state),
            conflicts=_conflicts(ground),
            replica=replica,
            responder=Responder(replica, notices=ground.notices),
            replication=_replication(ground, replica),
            log_care=_log_care(ground, replica),
        )


def who() -> str:
    """Return who runs this process, as events name him: user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user id need not have a name
        user = f"uid-{os.getuid()}"
    return f"{user}@{socket.gethostname()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What all parts of an engine stand on."""

    workspace: Workspace
    secrets: Secrets
    database: Database
    log: StoredEventLog
    clock: Clock
    notices: Notices
    actor: str
    read_only: bool
    extensions: Extensions

    @property
    def holder(self) -> str:
        """How locks name this process."""
        return f"{self.actor} pid {os.getpid()}"

    @property
    def book(self) -> StoredPeerBook:
        """What is remembered of peers."""
        return StoredPeerBook(self.database, self.clock, self.holder)

    def context(self, name: str) -> AdapterContext:
        return AdapterContext(adapter=name, folder=self.workspace.folder, secrets=self.secrets)

    def transport(self, peer: PeerSettings) -> Transport:
        """Return the way to a peer."""
        if self.extensions.transport is None:
            raise SettingsError(f"peers.{peer.name}: this program has no way to other nodes.")
        return self.extensions.transport(peer, self.context(f"peer {peer.name}"), self.clock)


def _reconciling(ground: _Ground, catalogue: Catalogue) -> Means:
    return Means(
        workspace=ground.workspace,
        endpoints=Endpoints(workspace=ground.workspace, catalogue=catalogue, context=ground.context),
        journal=RunJournal(ground.database, ground.log, ground.clock, actor=ground.actor),
        clock=ground.clock,
        chance=random.random,
        notices=ground.notices,
        redact=REDACTOR.text,
        record=_recording(ground.log, ground.actor, read_only=ground.read_only),
        actor=ground.actor,
        holder=ground.holder,
        read_only=ground.read_only,
    )


def _replica(ground: _Ground) -> StoredReplica:
    ahead = round(ground.workspace.server.max_clock_ahead.total_seconds() * 1000)
    return StoredReplica(
        ground.database,
        ground.log,
        ground.clock,
        ground.workspace.node,
        EventDigest(ground.database),
        AdmissionLimits(clock_ahead_ms=ahead),
    )


def _replication(ground: _Ground, replica: StoredReplica) -> Replication:
    return Replication(
        ReplicationMeans(
            replica=replica,
            book=ground.book,
            recording=Recording(ground.log, ground.actor),
            log=ground.log,
            transports=ground.transport,
            advances=replica.advances,
            peers=ground.workspace.peers,
            clock=ground.clock,
            notices=ground.notices,
            chance=random.random,
            read_only=ground.read_only,
        )
    )


def _log_care(ground: _Ground, replica: StoredReplica) -> LogCare:
    neighbours = Neighbours(node=ground.workspace.node, peers=tuple(ground.workspace.peers), book=ground.book)
    return LogCare(ground.database, ground.log, replica, clock=ground.clock, neighbours=neighbours, actor=ground.actor)


def _conflicts(ground: _Ground) -> Conflicts:
    return Conflicts(
        ground.log,
        StoredHistories(ground.database, ground.extensions.upcasts),
        ground.workspace.conflicts.rules,
        ground.extensions.strategies,
        ground.notices,
        actor=ground.actor,
        read_only=ground.read_only,
    )


def _recording(log: EventLog, actor: str, *, read_only: bool) -> Record:
    """Return what writes an event of the reconcile engine, unless this engine only looks."""

    async def record(event_type: str, aggregate: str, data: Mapping[str, Any]) -> None:
        if not read_only:
            event = NewEvent(type=event_type, aggregate_id=aggregate, data=data, metadata={"actor": actor})
            await log.append([event], own=True)

    return record
