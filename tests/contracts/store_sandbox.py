"""What a coordination backend needs in order to be tried: a namespace of its own at a real one, stores opened there as
several processes would, and the means to make trouble.

Each backend has a module `tests/contracts/coordination_sandboxes/<type>.py` with a tuple `SANDBOXES` of sandbox
classes; the suites run every case on every one of them. `backend` is all that one of them has to write; a backend with
a server builds on `ServerSandbox`, whose stores reach it through a switch. What a backend refuses (`promises.refusals`)
must be refused by name; what cannot happen to it (a file's line cannot be cut) is declared in `lacks` with the
reason.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, ExitStack, contextmanager
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar

from engine.clock import Clock, SystemClock
from engine.coordination.promises import Promises
from engine.coordination.store import Backend, Store
from tests.servers.switch_proxy import Line, SwitchProxy, start_switch

T = TypeVar("T")


class Circumstance(StrEnum):
    """Something that happens to some backends and cannot to others: either a sandbox makes it happen, or it is declared
    in `lacks`."""

    RESTART = "the server is killed and started again, and keeps what it acknowledged"
    BROKEN_LINE = "the connections of all stores break; new ones can be made at once"
    UNREACHABLE = "the backend cannot be reached"
    SILENT = "the backend takes requests and does not answer"


class StoreSandbox(ABC):
    """A namespace that nobody else uses. Everything happens within `async with`, in one task."""

    label: ClassVar[str]
    """What it is, for the name of the test: `redis`, `valkey`, `durable`."""
    promises: ClassVar[Promises]
    """What is known before anything is connected; decides which cases are made."""
    lacks: ClassVar[Mapping[Circumstance, str]] = {}
    """What cannot happen here, each with the reason as a sentence."""
    ttl: ClassVar[timedelta]
    """Of sessions that are to lapse: the shortest that makes sense."""
    slack: ClassVar[timedelta]
    """How long after the ttl a session has lapsed, and the next in line is served, at the latest."""
    expiry: ClassVar[timedelta] = timedelta(seconds=1)
    """Of keys that are to vanish: the shortest that makes sense."""
    expiry_slack: ClassVar[timedelta] = timedelta(seconds=2)
    """How long after that they are gone, and it is told, at the latest."""
    long: ClassVar[timedelta] = timedelta(seconds=60)
    """A ttl that no case outlives."""
    clock: Clock = SystemClock()

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stores: dict[int, tuple[Store, AsyncExitStack]] = {}

    @classmethod
    def play(cls, case: Coroutine[Any, Any, T]) -> T:
        """Run a case to its end, in an event loop of its own."""
        with asyncio.Runner() as runner:
            return runner.run(case)

    @abstractmethod
    def backend(self) -> Backend:
        """Return the backend with this sandbox's namespace, as another process would have it; called for each."""

    async def open(self) -> Store:
        """Return the store of a new process."""
        stack = AsyncExitStack()
        store = await stack.enter_async_context(self.backend().open())
        self._stores[id(store)] = (store, stack)
        return store

    async def kill(self, store: Store) -> None:
        """Let the process with this store die: its connections are gone, its sessions were not ended."""
        _, stack = self._stores.pop(id(store))
        await stack.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all stores, and take the namespace away where it would stay."""
        for store, _ in reversed(list(self._stores.values())):
            await self.kill(store)

    async def restart(self) -> None:
        """Kill the server and start it again; return when it can be reached."""
        raise LookupError(f"{type(self).__name__} does not declare in `lacks` why it has no `restart`.")

    async def break_line(self) -> None:
        """Break the connections of all stores once."""
        raise LookupError(f"{type(self).__name__} does not declare in `lacks` why it has no `break_line`.")

    def unreachable(self) -> AbstractContextManager[None]:
        """Let nobody reach the backend for a block."""
        raise LookupError(f"{type(self).__name__} does not declare in `lacks` why it has no `unreachable`.")

    def silent(self) -> AbstractContextManager[None]:
        """Let the backend answer nobody for a block."""
        raise LookupError(f"{type(self).__name__} does not declare in `lacks` why it has no `silent`.")

    @classmethod
    def happens(cls, circumstance: Circumstance) -> bool:
        return circumstance not in cls.lacks


class ServerSandbox(StoreSandbox):
    """A sandbox whose stores reach a server through a switch, at `self.address` (`host:port`)."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._ends = ExitStack()
        self.switch: SwitchProxy = self._ends.enter_context(start_switch(self.server_port()))

    @abstractmethod
    def server_port(self) -> int:
        """Return the port of the running server, starting it if need be."""

    @property
    def address(self) -> str:
        return self.switch.address

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.switch.turn(Line.THROUGH)
            await super().__aexit__(kind, error, trace)
        finally:
            self._ends.close()

    async def break_line(self) -> None:
        self.switch.cut()

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        with self.switch.turned(Line.REFUSED):
            yield

    @contextmanager
    def silent(self) -> Iterator[None]:
        with self.switch.turned(Line.BLACKHOLE):
            yield
