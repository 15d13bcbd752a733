"""The composition root: settings and factories in, a running engine out."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from engine.clock import Clock
from engine.coordinating import coordination_on
from engine.coordination.coordination import Coordination
from engine.events.log import EventLog
from engine.events.merging.conflicts import Conflicts
from engine.events.pages import EventPages
from engine.events.replicating.admission import AdmissionLimits
from engine.events.replicating.means import Means as ReplicationMeans
from engine.events.replicating.recording import Recording
from engine.events.replicating.replication import Replication
from engine.events.replicating.responder import Responder
from engine.ground import Extensions, Ground, Secrets, open_ground
from engine.node_work import Aids, NodeWork
from engine.notices import Notices
from engine.reconcile.acting.endpoints import Endpoints
from engine.reconcile.acting.means import Means
from engine.reconcile.automatic import Automatic
from engine.reconcile.inspection import Inspection
from engine.reconcile.ports import Catalogue
from engine.reconcile.reconciler import Reconciler
from engine.redaction import REDACTOR
from engine.settings.model import Workspace
from engine.storage.care import Care
from engine.storage.event_digest import EventDigest
from engine.storage.event_history import StoredHistories
from engine.storage.event_pages import open_event_pages
from engine.storage.log_care import LogCare
from engine.storage.log_compaction import Neighbours
from engine.storage.peer_book import StoredPeerBook
from engine.storage.replica import StoredReplica
from engine.storage.run_journal import RunJournal
from engine.target_locks import CoordinatedLocks


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
    coordination: Coordination
    work: NodeWork


@asynccontextmanager
async def open_engine(
    workspace: Workspace,
    catalogue: Catalogue,
    secrets: Secrets,
    *,
    actor: str = "",
    purpose: str = "",
    read_only: bool = False,
    clock: Clock | None = None,
    extensions: Extensions | None = None,
) -> AsyncIterator[Engine]:
    """Open the workspace's state and everything that works on it; close it all, in reverse order, at the end.

    `actor` is who is named in events and approvals (default: the user at this host), `purpose` what this process is
    called where it holds something. Nothing is asked of a coordination backend before it is needed.

    Raises `StorageError`.
    """
    opening = open_ground(
        workspace,
        secrets,
        actor=actor,
        purpose=purpose,
        read_only=read_only,
        clock=clock,
        extensions=extensions,
    )
    async with opening as ground, coordination_on(ground).open() as coordination:
        with open_event_pages(workspace.state, ground.extensions.upcasts()) as pages:
            yield _engine(ground, catalogue, coordination, pages)


def _engine(ground: Ground, catalogue: Catalogue, coordination: Coordination, pages: EventPages) -> Engine:
    means, replica = _reconciling(ground, catalogue, coordination), _replica(ground)
    reconciler = Reconciler(means)
    aids = Aids(resolve=ground.secret, clock=ground.clock, notices=ground.notices)
    return Engine(
        workspace=ground.workspace,
        catalogue=catalogue,
        clock=ground.clock,
        actor=ground.actor,
        read_only=ground.read_only,
        notices=ground.notices,
        log=ground.log,
        event_pages=pages,
        reconcile=reconciler,
        inspection=Inspection(means),
        care=Care(ground.workspace.state, ground.coordination_file),
        conflicts=_conflicts(ground),
        replica=replica,
        responder=Responder(replica, notices=ground.notices),
        replication=_replication(ground, replica),
        log_care=_log_care(ground, replica),
        coordination=coordination,
        work=NodeWork(ground.workspace, coordination, Automatic(means, reconciler), aids),
    )


def _reconciling(ground: Ground, catalogue: Catalogue, coordination: Coordination) -> Means:
    return Means(
        workspace=ground.workspace,
        endpoints=Endpoints(workspace=ground.workspace, catalogue=catalogue, context=ground.context),
        journal=RunJournal(ground.database, ground.log, ground.clock, actor=ground.actor),
        locks=CoordinatedLocks(coordination, ground.notices),
        clock=ground.clock,
        chance=random.random,
        notices=ground.notices,
        redact=REDACTOR.text,
        record=ground.record,
        actor=ground.actor,
        holder=ground.holder,
        read_only=ground.read_only,
    )


def _replica(ground: Ground) -> StoredReplica:
    ahead = round(ground.workspace.server.max_clock_ahead.total_seconds() * 1000)
    return StoredReplica(
        ground.database,
        ground.log,
        ground.clock,
        ground.workspace.node,
        EventDigest(ground.database),
        AdmissionLimits(clock_ahead_ms=ahead),
    )


def _replication(ground: Ground, replica: StoredReplica) -> Replication:
    return Replication(
        ReplicationMeans(
            replica=replica,
            book=_book(ground),
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


def _book(ground: Ground) -> StoredPeerBook:
    return StoredPeerBook(ground.database, ground.clock, ground.holder)


def _log_care(ground: Ground, replica: StoredReplica) -> LogCare:
    neighbours = Neighbours(node=ground.workspace.node, peers=tuple(ground.workspace.peers), book=_book(ground))
    return LogCare(ground.database, ground.log, replica, clock=ground.clock, neighbours=neighbours, actor=ground.actor)


def _conflicts(ground: Ground) -> Conflicts:
    return Conflicts(
        ground.log,
        StoredHistories(ground.database, ground.extensions.upcasts()),
        ground.workspace.conflicts.rules,
        ground.extensions.strategies(),
        ground.notices,
        actor=ground.actor,
        read_only=ground.read_only,
    )
