"""What all parts of an engine stand on: the workspace, its state, this process, and what is installed beside."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.clock import Clock, SystemClock
from engine.coordination.clocks.timekeeping import TimeSource, Unasked
from engine.coordination.clocks.timing import PeerSkew, skew_of
from engine.coordination.scheduling.publishing import Home
from engine.coordination.standing import Who
from engine.coordination.store import Backend
from engine.errors import SettingsError
from engine.events.event import NewEvent
from engine.events.upcast import AS_WRITTEN, Upcasts
from engine.notices import Notices
from engine.redaction import REDACTOR
from engine.settings.context import AdapterContext
from engine.settings.coordination import ClockSettings, CoordinationSettings, SqliteSettings
from engine.settings.model import Workspace
from engine.settings.replication import PeerSettings
from engine.storage.coordination.store import SqliteStore
from engine.storage.database import Database, open_database
from engine.storage.identity import workspace_id
from engine.together import together

if TYPE_CHECKING:
    from engine.events.merging.strategy import Strategy
    from engine.events.replicating.ports import Transport
    from engine.storage.event_log import StoredEventLog

Secrets = Callable[[str, Path], str]
"""(reference, workspace folder) to the secret itself; `adapters.secrets.resolve` in production."""


def own_strategies() -> Mapping[str, Strategy]:
    """Return the ways to end a conflict that Syncdeck brings along."""
    from engine.events.merging.strategies import STRATEGIES  # of no use to whoever only coordinates

    return STRATEGIES


@dataclass(frozen=True, slots=True, kw_only=True)
class Extensions:
    """What installed packages add beside endpoints."""

    transport: Callable[[PeerSettings, AdapterContext, Clock], Transport] | None = None
    """The way to a peer, by the scheme of its URL; without it no peer can be reached."""
    backend: Callable[[CoordinationSettings, AdapterContext, Clock], Backend] | None = None
    """The coordination backend, where it is not the embedded one."""
    strategies: Callable[[], Mapping[str, Strategy]] = own_strategies
    """All ways to end a conflict, looked for when it is called."""
    upcasts: Callable[[], Upcasts] = lambda: AS_WRITTEN
    """How older data is read, looked for when it is called."""
    time_sources: Callable[[ClockSettings, Clock], Sequence[TimeSource]] | None = None
    """This host's own clock, then every server that is named; without it nobody is asked."""
    peer_clock: Callable[[PeerSettings, AdapterContext, Clock], TimeSource] | None = None
    """A peer's clock; without it no peer is asked."""


def who() -> str:
    """Return who runs this process, as events name him: user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user id need not have a name
        user = f"uid-{os.getuid()}"
    return f"{user}@{socket.gethostname()}"


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What all parts of an engine stand on. What only some of them need is made when it is first asked for."""

    workspace: Workspace
    secrets: Secrets
    database: Database
    clock: Clock
    notices: Notices
    actor: str
    purpose: str
    read_only: bool
    extensions: Extensions

    @cached_property
    def log(self) -> StoredEventLog:
        """The workspace's own log."""
        from engine.storage.event_log import StoredEventLog  # most that only coordinates neither reads nor records

        return StoredEventLog(
            self.database, self.clock, self.workspace.node, redactor=REDACTOR, upcasts=self.extensions.upcasts()
        )

    @property
    def holder(self) -> str:
        """How locks name this process."""
        return f"{self.actor} pid {os.getpid()}"

    @property
    def who(self) -> Who:
        """Who this process is to those that it coordinates with."""
        return Who(node=self.workspace.node, actor=self.actor, pid=os.getpid(), purpose=self.purpose)

    def context(self, name: str) -> AdapterContext:
        return AdapterContext(adapter=name, folder=self.workspace.folder, secrets=self.secrets)

    def secret(self, reference: str) -> str:
        """Return a secret, which is hidden everywhere from then on."""
        return self.context("tasks").secret(reference)

    @property
    def coordination_file(self) -> Path | None:
        """Where the embedded coordination keeps its file; None with any other backend."""
        settings = self.workspace.coordination.own
        if not isinstance(settings, SqliteSettings):
            return None
        if not settings.path:
            return self.workspace.state.with_name("coordination.db")
        return Path(self.context("coordination").path(settings.path))

    def backend(self) -> Backend:
        """Return the coordination backend; nothing is connected yet."""
        settings, file = self.workspace.coordination, self.coordination_file
        if file is not None:
            return SqliteStore(file, self.clock, settings.shared.namespace, read_only=self.read_only)
        if self.extensions.backend is None:
            raise SettingsError(f"coordination: this program has no way to {settings.type}.")
        return self.extensions.backend(settings, self.context("coordination"), self.clock)

    def time_sources(self) -> Sequence[TimeSource]:
        """Return this host's own clock, then every server that is named."""
        if self.extensions.time_sources is None:
            return (Unasked(self.clock),)
        return self.extensions.time_sources(self.workspace.clock, self.clock)

    async def home(self) -> Home:
        """Return which workspace this is, for those on the same backend."""
        return Home(await workspace_id(self.database), f"{self.workspace.folder} on {socket.gethostname()}")

    async def skews(self) -> Sequence[PeerSkew]:
        """Ask every peer that is not paused for its time, all at once, and return how far each clock is from ours."""
        asking = self.extensions.peer_clock
        if asking is None:
            return ()
        peers = [peer for peer in self.workspace.peers.values() if not peer.paused]
        async with together() as group:
            clocks = [asking(peer, self.context(f"peer {peer.name}"), self.clock) for peer in peers]
            readings = [group.create_task(each.read()) for each in clocks]
        return [skew_of(reading.result()) for reading in readings]

    def transport(self, peer: PeerSettings) -> Transport:
        """Return the way to a peer."""
        if self.extensions.transport is None:
            raise SettingsError(f"peers.{peer.name}: this program has no way to other nodes.")
        return self.extensions.transport(peer, self.context(f"peer {peer.name}"), self.clock)

    async def record(self, event_type: str, aggregate: str, data: Mapping[str, Any]) -> None:
        """Write an event of the engine's own, unless this engine only looks."""
        if not self.read_only:
            event = NewEvent(type=event_type, aggregate_id=aggregate, data=data, metadata={"actor": self.actor})
            await self.log.append([event], own=True)


@asynccontextmanager
async def open_ground(
    workspace: Workspace,
    secrets: Secrets,
    *,
    actor: str = "",
    purpose: str = "",
    read_only: bool = False,
    clock: Clock | None = None,
    extensions: Extensions | None = None,
) -> AsyncIterator[Ground]:
    """Open the workspace's state. Raises `StorageError`."""
    async with open_database(workspace.state, read_only=read_only) as database:
        yield Ground(
            workspace=workspace,
            secrets=secrets,
            database=database,
            clock=clock or SystemClock(),
            notices=Notices(),
            actor=actor or who(),
            purpose=purpose,
            read_only=read_only,
            extensions=extensions or Extensions(),
        )
