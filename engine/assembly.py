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
from engine.settings.model import Workspace
from engine.settings.replication import PeerSettings
from engine.storage.care import Care
from engine.storage.database import open_database
from engine.storage.event_digest import EventDigest
from engine.storage.event_history import StoredHistories
from engine.storage.event_log import StoredEventLog
from engine.storage.event_pages import open_event_pages
from engine.storage.log_care import LogCare
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
    actor = actor or who()
    extensions = extensions or Extensions()
    holder = f"{actor} pid {os.getpid()}"
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(workspace.state, read_only=read_only))
        log = StoredEventLog(database, clock, workspace.node, redactor=REDACTOR, upcasts=extensions.upcasts)
        notices = Notices()
        ahead = AdmissionLimits(clock_ahead_ms=round(workspace.server.max_clock_ahead.total_seconds() * 1000))
        replica = StoredReplica(database, log, clock, workspace.node, EventDigest(database), ahead)
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
            holder=holder,
            read_only=read_only,
        )
        replication = Replication(
            ReplicationMeans(
                replica=replica,
                book=StoredPeerBook(database, clock, holder),
                recording=Recording(log, actor),
                log=log,
                transports=_transports(workspace, secrets, clock, extensions),
                advances=replica.advances,
                peers=workspace.peers,
                clock=clock,
                notices=notices,
                chance=random.random,
                read_only=read_only,
            )
        )
        yield Engine(
            workspace=workspace,
            catalogue=catalogue,
            clock=clock,
            actor=actor,
            read_only=read_only,
            notices=notices,
            log=log,
            event_pages=stack.enter_context(open_event_pages(workspace.state, extensions.upcasts)),
            reconcile=Reconciler(means),
            inspection=Inspection(means),
            care=Care(workspace.state),
            conflicts=Conflicts(
                log,
                StoredHistories(database, extensions.upcasts),
                workspace.conflicts.rules,
                extensions.strategies,
                notices,
                actor=actor,
                read_only=read_only,
            ),
            replica=replica,
            responder=Responder(replica),
            replication=replication,
            log_care=LogCare(database, log, replica, actor=actor),
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


def _transports(
    workspace: Workspace, secrets: Secrets, clock: Clock, extensions: Extensions
) -> Callable[[PeerSettings], Transport]:
    def transport(peer: PeerSettings) -> Transport:
        if extensions.transport is None:
            raise SettingsError(f"peers.{peer.name}: this program has no way to other nodes.")
        context = AdapterContext(adapter=f"peer {peer.name}", folder=workspace.folder, secrets=secrets)
        return extensions.transport(peer, context, clock)

    return transport


def _recording(log: EventLog, actor: str, *, read_only: bool) -> Record:
    """Return what writes an event of the reconcile engine, unless this engine only looks."""

    async def record(event_type: str, aggregate: str, data: Mapping[str, Any]) -> None:
        if not read_only:
            event = NewEvent(type=event_type, aggregate_id=aggregate, data=data, metadata={"actor": actor})
            await log.append([event], own=True)

    return record
