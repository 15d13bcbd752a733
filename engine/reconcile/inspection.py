"""Looking at endpoints without planning: connection tests, samples, scope counts, mapping previews."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from engine.reconcile.records import Value
from engine.settings.model import SyncSettings


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a connection test and how it went, with the time it took in milliseconds."""

    name: str
    passed: bool
    detail: str
    milliseconds: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A connection test: its steps, how many records there are, and the first few as they were read."""

    adapter: str
    passed: bool
    steps: tuple[Step, ...]
    count: int = 0
    names: tuple[str, ...] = ()
    sample: tuple[tuple[str, tuple[Value, ...]], ...] = ()
    """(spelling, values in the order of `names`) of the first records."""
    carried: int = 0


class ScopeCount(msgspec.Struct, frozen=True, kw_only=True):
    """What a sync's scope selects: of `total` source records `selected` are wanted; the first few of both kinds."""

    total: int
    selected: int
    examples_in: tuple[str, ...] = ()
    examples_out: tuple[str, ...] = ()
    problem: str = ""
    """A sentence when the expression cannot be used."""


class Mapped(msgspec.Struct, frozen=True, kw_only=True):
    """One real record before and after the sync's mapping."""

    spelling: str
    record: Mapping[str, Value]
    attributes: Mapping[str, Value]
    in_scope: bool
    problem: str = ""


class Inspection:
    """Reads endpoints to show, never to change."""

    async def check(self, adapter: str) -> Report:
        """Test a configured adapter: connect, read all pages, show a sample. Never raises for a remote failure: the
        failing step says it. Raises `NothingFound`. Writes an `adapter.checked` event."""
        raise RuntimeError("under construction")

    async def check_settings(self, name: str, type_name: str, settings: msgspec.Struct) -> Report:
        """The same for settings that are not saved yet."""
        raise RuntimeError("under construction")

    async def scope(self, sync: SyncSettings) -> ScopeCount:
        """Count what a sync's scope selects, from a source read at most a minute old (for live counts in a form)."""
        raise RuntimeError("under construction")

    async def mapped(self, sync: SyncSettings, keys: Sequence[str] = ()) -> Sequence[Mapped]:
        """Show the mapping on the named records, or on the first five in scope."""
        raise RuntimeError("under construction")
