"""A set of records that lives as long as the process: for tutorials, tests and trying things out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Annotated, Any, Self

import msgspec
from msgspec import Meta

from adapters.endpoints.document import carry_out
from adapters.endpoints.entries import Entries, Shape, batches_of
from adapters.endpoints.file_endpoint import WHOLE_FILE, take_any
from engine.errors import RemoteRefused
from engine.reconcile.plan import Change
from engine.reconcile.ports import Found, Limits, Miss, Outcome, Target
from engine.reconcile.records import Batch, Value
from engine.settings.catalogue import EndpointContext

SETS: dict[str, list[Any]] = {}
"""The sets of this process by name; all endpoints that name the same set share it."""


class Memory(Target):
    """Members are held in this process, and gone with it."""

    class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Settings of a set in memory."""

        key: Annotated[
            str, Meta(description="Field that identifies a record; without it all records are plain texts.")
        ] = ""
        records: Annotated[
            tuple[str | dict[str, Value], ...],
            Meta(
                description="What the set holds when the process first opens it: plain keys, or mappings with the key.",
                examples=[["ann@acme.example"], [{"email": "ann@acme.example", "name": "Ann"}]],
            ),
        ] = ()
        shared: Annotated[
            str,
            Meta(description="Name of the set: adapters with the same name share it. Default: the adapter's own name."),
        ] = ""

    def __init__(self, settings: Settings, context: EndpointContext) -> None:
        self.name = settings.shared or context.name
        self.shape = Shape(where=f"the set {self.name}", key=settings.key)
        self.records = settings.records

    async def __aenter__(self) -> Self:
        SETS.setdefault(self.name, list(self.records))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The set stays for whoever opens it next."""

    async def read(self) -> AsyncIterator[Batch]:
        entries = list(self._entries())
        for batch in batches_of(entries, self.shape, f"end of the set, {len(entries)} entries"):
            yield batch

    @property
    def limits(self) -> Limits:
        return WHOLE_FILE

    async def resolve(self, spellings: Sequence[str]) -> Mapping[str, Found | Miss]:
        return {spelling: take_any(spelling) for spelling in spellings}

    async def write(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        document = Entries(self._entries(), self.shape)
        outcomes = carry_out(changes, document)
        SETS[self.name] = [document.items[place] for place in document.kept()]
        return outcomes

    def _entries(self) -> list[Any]:
        if self.name not in SETS:
            raise RemoteRefused(f"There is no set {self.name} in this process any more. Open the adapter again.")
        return SETS[self.name]
