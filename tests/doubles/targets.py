"""A remote service in a dictionary, with its own log of what really took effect, and faults at chosen calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from engine.clock import Clock
from engine.errors import RemoteRefused, RemoteUnavailable
from engine.reconcile.plan import Action, Change
from engine.reconcile.ports import Catalogue, Found, Limits, Miss, Outcome, Result, Source, Target
from engine.reconcile.records import Batch, Carried, Value, fold
from engine.settings.catalogue import BackendType, EndpointContext, EndpointType
from engine.settings.coordination import SQLITE, SqliteSettings

ALL_ACTIONS = frozenset(Action)


@dataclass(frozen=True, kw_only=True)
class Effect:
    """One thing that really happened at the service; `by` tells us from an outsider."""

    by: str
    action: Action
    key: str


@dataclass
class Service:
    """The remote side: what it holds, what it went through, and how it misbehaves.

    `write_faults` maps the number of a write call (from 1) to the error it raises before anything takes effect;
    `lost_answers` are numbers of writes that take effect and whose answer is lost; `stale_reads` is how many reads
    after a write still show what was before it.
    """

    members: dict[str, dict[str, Value]] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    carried: tuple[Carried, ...] = ()
    limits: Limits = field(default_factory=lambda: Limits(actions=ALL_ACTIONS, batch_size=10))
    clock: Clock | None = None
    latency: timedelta = timedelta(0)
    page_size: int = 3
    write_faults: dict[int, Exception] = field(default_factory=dict)
    read_faults: dict[int, Exception] = field(default_factory=dict)
    lost_answers: set[int] = field(default_factory=set)
    silent_answers: set[int] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    poison: set[str] = field(default_factory=set)
    strangers: dict[str, str] = field(default_factory=dict)
    without_proof: bool = False
    stale_reads: int = 0
    before_write: Callable[[Service, Sequence[Change]], None] | None = None
    before_read: Callable[[int], object] | None = None
    writes: list[tuple[Change, ...]] = field(default_factory=list)
    write_times: list[float] = field(default_factory=list)
    reads: int = 0
    resolved: list[int] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0
    _before_last_write: dict[str, dict[str, Value]] = field(default_factory=dict)
    _stale_left: int = 0

    async def wait_before_writing(self) -> None:
        """Let a write through; a service that a test holds up waits here."""

    def keys(self) -> set[str]:
        """Return the folded keys it really holds."""
        return {str(fold(spelling)) for spelling in self.members}

    def outsider(self, action: Action, spelling: str, values: dict[str, Value] | None = None) -> None:
        """Let somebody else change it."""
        self.take_effect("outsider", action, spelling, values or {})

    def take_effect(self, by: str, action: Action, spelling: str, values: dict[str, Value]) -> None:
        """Change what it holds and note it in the log."""
        if action is Action.REMOVE:
            self.members.pop(spelling, None)
        else:
            self.members[spelling] = {**self.members.get(spelling, {}), **values}
        self.effects.append(Effect(by=by, action=action, key=str(fold(spelling))))

    def visible(self) -> dict[str, dict[str, Value]]:
        """Return what a read shows now: the past, as long as reads are stale."""
        if self._stale_left > 0:
            self._stale_left -= 1
            return self._before_last_write
        return self.members

    def remember_past(self) -> None:
        """Keep the state that stale reads will show."""
        if self.stale_reads:
            self._before_last_write = {spelling: dict(values) for spelling, values in self.members.items()}
            self._stale_left = self.stale_reads


class FakeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which service of the double is meant."""

    service: Annotated[str, Meta(description="Name of the service in the double.")]
    secret: Annotated[str, Meta(description="A reference that is resolved on connecting, if given.")] = ""


class FakeEndpoint(Target):
    """A connection to a `Service`."""

    def __init__(self, service: Service, settings: FakeSettings, context: EndpointContext) -> None:
        self._service = service
        self._settings = settings
        self._context = context
        self._connected = False

    async def __aenter__(self) -> Self:
        if self._settings.secret:
            self._context.secret(self._settings.secret)
        self._connected = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    @property
    def limits(self) -> Limits:
        assert self._connected, "what a service can do is known only once it is connected"
        return self._service.limits

    async def read(self) -> AsyncIterator[Batch]:
        service = self._service
        service.reads += 1
        await self._wait()
        if service.before_read is not None:
            service.before_read(service.reads)
        if (fault := service.read_faults.get(service.reads)) is not None:
            raise fault
        rows = list(service.visible().items())
        size = service.page_size
        pages = [rows[start : start + size] for start in range(0, len(rows), size)] or [[]]
        for number, page in enumerate(pages, 1):
            last = number == len(pages)
            yield Batch(
                spellings=[spelling for spelling, _ in page],
                names=service.names,
                rows=[tuple(values.get(name) for name in service.names) for _, values in page] if service.names else (),
                carried=service.carried if last else (),
                proof=f"{number} pages, {len(rows)} members" if last and not service.without_proof else "",
            )

    async def resolve(self, spellings: Sequence[str]) -> Mapping[str, Found | Miss]:
        self._service.resolved.append(len(spellings))
        strangers = self._service.strangers
        return {name: Miss(reason=strangers[name]) if name in strangers else Found() for name in spellings}

    async def write(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        service = self._service
        service.writes.append(tuple(changes))
        number = len(service.writes)
        service.write_times.append(service.clock.monotonic() if service.clock else 0.0)
        service.under_way += 1
        service.most_under_way = max(service.most_under_way, service.under_way)
        try:
            await self._wait()
            await service.wait_before_writing()
            return self._carry_out(number, changes)
        finally:
            service.under_way -= 1

    def _carry_out(self, number: int, changes: Sequence[Change]) -> list[Outcome]:
        service = self._service
        if service.before_write is not None:
            service.before_write(service, changes)
        if (fault := service.write_faults.get(number)) is not None:
            raise fault
        if service.poison & {str(change.key) for change in changes}:
            raise RemoteRefused("The service refuses the whole request: one of its members is deactivated.")
        service.remember_past()
        outcomes = [self._one(change) for change in changes]
        if number in service.lost_answers:
            raise RemoteUnavailable("No answer within 30 s.", maybe_done=True)
        if number in service.silent_answers:
            return [Outcome(result=Result.UNKNOWN) for _ in changes]
        return outcomes

    def _one(self, change: Change) -> Outcome:
        service = self._service
        if (reason := service.refused.get(change.key)) is not None:
            return Outcome(result=Result.REFUSED, reason=reason)
        present = change.spelling in service.members
        if present == (change.action is Action.ADD):
            return Outcome(result=Result.ALREADY)
        if change.action is Action.RENAME:
            service.members[change.renamed_to] = service.members.pop(change.spelling)
            service.effects.append(Effect(by="syncdeck", action=Action.RENAME, key=str(change.key)))
            if change.after:
                service.members[change.renamed_to].update(change.after)
            return Outcome(result=Result.DONE)
        service.take_effect("syncdeck", change.action, change.spelling, dict(change.after or {}))
        return Outcome(result=Result.DONE)

    async def _wait(self) -> None:
        if self._service.clock is not None and self._service.latency:
            await self._service.clock.sleep(self._service.latency)


class EndpointsOnly(Catalogue):
    """No strategies, and no backend but the embedded one."""

    def strategies(self) -> Mapping[str, str]:
        return {}

    def backends(self) -> Mapping[str, BackendType]:
        return {SQLITE.type: SQLITE}

    def backend_settings(self, type_name: str) -> type[msgspec.Struct]:
        return SqliteSettings


@dataclass
class FakeCatalogue(EndpointsOnly):
    """One type, `fake`, whose adapters each reach one of these services."""

    services: dict[str, Service] = field(default_factory=dict)

    def types(self) -> Mapping[str, EndpointType]:
        return {
            "fake": EndpointType(type="fake", title="Fake", summary="A dictionary.", path="tests.doubles.targets:Fake")
        }

    def settings_of(self, type_name: str) -> type[msgspec.Struct]:
        return FakeSettings

    def open(self, type_name: str, settings: msgspec.Struct, context: EndpointContext) -> Source:
        assert isinstance(settings, FakeSettings)
        return FakeEndpoint(self.services[settings.service], settings, context)
