"""What changes in a namespace, told to followers: a blocking query for each kind of thing, compared with what was there
before. Runs while somebody follows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

from adapters.coordination.chores import Chores
from adapters.coordination.consul.calls import ConsulCalls
from adapters.coordination.consul.layout import Layout
from adapters.coordination.mailboxes import Mailboxes
from engine.coordination.standing import Change, Entry, Kind, Revision
from engine.errors import CoordinationError, CoordinationUnavailable
from engine.together import together

NameOf = Callable[[str], str]
"""From a key in Consul."""


class ConsulFeed:
    """One for each store, whoever follows."""

    def __init__(self, calls: ConsulCalls, layout: Layout, chores: Chores) -> None:
        self._calls = calls
        self._layout = layout
        self._chores = chores
        self._mailboxes = Mailboxes()
        self._task: asyncio.Task[None] | None = None
        self._up: asyncio.Future[None] | None = None

    async def follow(self) -> AsyncIterator[Change]:
        try:
            with self._mailboxes.opened() as box:
                if self._up is None:
                    self._up = asyncio.get_running_loop().create_future()
                    self._task = self._chores.begin(self._run(self._up))
                await asyncio.shield(self._up)
                yield Change(kind=Kind.SYNCED)
                async for change in box.changes():
                    yield change
        finally:
            if not self._mailboxes and self._task is not None:
                self._task.cancel()
                self._task = self._up = None

    async def _run(self, up: asyncio.Future[None]) -> None:
        layout = self._layout
        kinds: Mapping[Kind, tuple[str, NameOf]] = {
            Kind.KEY: (layout.keys, layout.key_of),
            Kind.SESSION: (layout.sessions, layout.session_of),
            Kind.CLAIM: (layout.claims, layout.name_of),
        }
        begun = asyncio.Barrier(len(kinds) + 1)
        try:
            async with together() as group:
                for kind, (prefix, name_of) in kinds.items():
                    group.create_task(self._ask(kind, prefix, name_of, begun))
                await begun.wait()
                up.set_result(None)
        except CoordinationUnavailable as error:
            self._broke(up, error)
        except CoordinationError as error:
            self._broke(up, CoordinationUnavailable(str(error)))
        except asyncio.CancelledError:
            self._broke(up, CoordinationUnavailable("The connection to Consul was closed."))
            raise

    def _broke(self, up: asyncio.Future[None], fault: CoordinationUnavailable) -> None:
        if not up.done():
            up.set_exception(fault)
            up.exception()  # whoever asked may have left
        if self._up is up:
            self._task = self._up = None
            self._mailboxes.fail(fault)

    async def _ask(self, kind: Kind, prefix: str, name_of: NameOf, begun: asyncio.Barrier) -> None:
        seen = await self._calls.watch(prefix, 0, below=True)
        known = {pair.key: pair.modify_index for pair in seen.pairs}
        newest = seen.newest
        await begun.wait()
        while True:
            seen = await self._calls.watch(prefix, newest, below=True)
            # Consul may have been restored from a snapshot: what it counts began anew.
            newest = seen.newest if seen.newest >= newest else 0
            found = {pair.key: pair for pair in seen.pairs}
            for key in known.keys() - found.keys():
                self._mailboxes.tell(Change(kind=kind, name=name_of(key)))
            for key, pair in found.items():
                if known.get(key) != pair.modify_index:
                    name = name_of(key)
                    entry = Entry(key=name, value=pair.content, revision=Revision(pair.modify_index))
                    self._mailboxes.tell(Change(kind=kind, name=name, entry=entry if kind is Kind.KEY else None))
            known = {key: pair.modify_index for key, pair in found.items()}
