"""A whole reconcile engine on doubles: one source, some targets, a journal, a clock that stands still."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from engine.notices import Notices
from engine.reconcile.acting.endpoints import Endpoints
from engine.reconcile.acting.means import Means
from engine.reconcile.history import RunId, RunItem
from engine.reconcile.plan import Action
from engine.reconcile.ports import Limits
from engine.reconcile.reconciler import Reconciler
from engine.reconcile.results import RunResult, StoredPlan
from engine.settings.context import AdapterContext
from engine.settings.model import AdapterSettings, GuardSettings, SyncSettings, Workspace
from tests.doubles.clock import ManualClock
from tests.doubles.journal import MemoryJournal
from tests.doubles.locks import SharedLocks
from tests.doubles.targets import ALL_ACTIONS, FakeCatalogue, FakeSettings, Service

SYNC = "team"
NO_LIMITS = GuardSettings(
    max_removals=None,
    max_removal_percent=None,
    max_additions=None,
    min_source=0,
    max_source_drop_percent=None,
    window_removal_percent=None,
)


def service(*spellings: str, batch_size: int = 10, **more: Any) -> Service:
    """Return a service that holds these keys and takes so many changes at once."""
    limits = more.pop("limits", Limits(actions=ALL_ACTIONS, batch_size=batch_size))
    return Service(members={spelling: {} for spelling in spellings}, limits=limits, **more)


def workspace(services: Mapping[str, Service], folder: Path, **sync: Any) -> Workspace:
    """Return a workspace with one sync from `source` to all other services."""
    adapters = {name: AdapterSettings(name=name, type="fake", settings=FakeSettings(service=name)) for name in services}
    targets = tuple(name for name in services if name != "source")
    settings = replace(SyncSettings(name=SYNC, source="source", targets=targets, guards=NO_LIMITS), **sync)
    return Workspace(
        folder=folder,
        file=folder / "syncdeck.yaml",
        node="test-1",
        state=folder / "state.db",
        adapters=adapters,
        syncs={SYNC: settings},
    )


@dataclass
class Workplace:
    """The engine of one process; `another` is the next process on the same journal and services."""

    services: dict[str, Service]
    sync: dict[str, Any] = field(default_factory=dict)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    locks: SharedLocks = field(default_factory=SharedLocks)
    clock: ManualClock = field(default_factory=ManualClock)
    actor: str = "anna@test"
    read_only: bool = False

    def __post_init__(self) -> None:
        self.notices = Notices()
        self.recorded: list[tuple[str, str, Mapping[str, Any]]] = []
        self.workspace = workspace(self.services, Path("/workspace"), **self.sync)
        for one in self.services.values():
            one.clock = self.clock
        self.means = Means(
            workspace=self.workspace,
            endpoints=Endpoints(
                workspace=self.workspace,
                catalogue=FakeCatalogue(self.services),
                context=lambda name: AdapterContext(
                    adapter=name, folder=self.workspace.folder, secrets=lambda reference, folder: "a secret text"
                ),
            ),
            journal=self.journal,
            locks=self.locks,
            clock=self.clock,
            chance=lambda: 0.0,
            notices=self.notices,
            redact=lambda text: text.replace("a secret text", "***"),
            record=self._record,
            actor=self.actor,
            holder=f"{self.actor} pid {self.journal.process}",
            read_only=self.read_only,
        )
        self.reconciler = Reconciler(self.means)

    async def _record(self, event_type: str, aggregate: str, data: Mapping[str, Any]) -> None:
        self.recorded.append((event_type, aggregate, data))

    @property
    def target(self) -> Service:
        """The target, where there is one."""
        (name,) = (name for name in self.services if name != "source")
        return self.services[name]

    def another(self, *, actor: str = "", **sync: Any) -> Workplace:
        """Return the engine of another process, perhaps with other settings of the sync."""
        return Workplace(
            services=self.services,
            sync={**self.sync, **sync},
            journal=self.journal,
            locks=self.locks,
            clock=self.clock,
            actor=actor or self.actor,
        )

    async def plan(self) -> StoredPlan:
        """Make and keep a plan, letting time pass as needed."""
        return await self.clock.finish(self.reconciler.plan(SYNC))

    async def apply(self, stored: StoredPlan) -> RunResult:
        """Apply a plan with a person's yes, letting time pass as needed."""
        return await self.clock.finish(self.reconciler.apply(stored.digest, confirmed=True))

    async def sync_once(self) -> RunResult:
        """Plan and apply."""
        return await self.apply(await self.plan())

    async def resume(self, run: int) -> RunResult:
        """Go on with a run, letting time pass as needed."""
        return await self.clock.finish(self.reconciler.resume(RunId(run)))

    async def items(self, run: int = 1) -> dict[str, RunItem]:
        """Return a run's items by `action key`."""
        return {f"{item.action} {item.key}": item for item in await self.journal.run_items(RunId(run))}

    async def states(self, run: int = 1) -> dict[str, str]:
        """Return the state of each of a run's items by `action key`."""
        return {name: item.state.value for name, item in (await self.items(run)).items()}


def workplace(source: Service, target: Service, **sync: Any) -> Workplace:
    """Return a place with one source and one target, without limits unless `guards` says otherwise."""
    return Workplace(services={"source": source, "list": target}, sync=sync)


def effects(one: Service, action: Action) -> list[str]:
    """Return the keys on which we had this effect at the service, in order."""
    return [effect.key for effect in one.effects if effect.by == "syncdeck" and effect.action is action]


SECOND = timedelta(seconds=1)
