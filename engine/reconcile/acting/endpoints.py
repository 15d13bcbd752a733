"""The workspace's adapters as open endpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import cast

from engine.errors import NothingFound, SettingsError
from engine.reconcile.ports import Catalogue, Source, Target
from engine.settings.catalogue import EndpointContext
from engine.settings.model import AdapterSettings, SyncSettings, Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Makes endpoints of adapters; each call returns a new one, not yet entered."""

    workspace: Workspace
    catalogue: Catalogue
    context: Callable[[str], EndpointContext]
    """Adapter's name to what its endpoint is given."""

    def sync(self, name: str) -> SyncSettings:
        """Return a sync's settings. Raises `NothingFound`, naming those that are close."""
        if (sync := self.workspace.syncs.get(name)) is None:
            raise NothingFound(f"There is no sync {name!r}{_nearest(name, list(self.workspace.syncs))}")
        return sync

    def adapter(self, name: str) -> AdapterSettings:
        """Return an adapter's settings. Raises `NothingFound`, naming those that are close."""
        if (adapter := self.workspace.adapters.get(name)) is None:
            raise NothingFound(f"There is no adapter {name!r}{_nearest(name, list(self.workspace.adapters))}")
        return adapter

    def adapters_of(self, sync: SyncSettings) -> tuple[AdapterSettings, ...]:
        """Return the settings of the source and of every target of a sync."""
        return tuple(self.adapter(name) for name in (sync.source, *sync.targets))

    def source(self, name: str) -> Source:
        """Return the endpoint of an adapter, to read."""
        return self.open(self.adapter(name))

    def target(self, name: str) -> Target:
        """Return the endpoint of an adapter, to read and write. Raises `SettingsError` for one that cannot write."""
        adapter = self.adapter(name)
        if not self.catalogue.types()[adapter.type].writes:
            raise SettingsError(f"The adapter {name} ({adapter.type}) can only be read; it cannot be a target.")
        return cast(Target, self.open(adapter))

    def open(self, adapter: AdapterSettings) -> Source:
        """Return the endpoint of these settings, which need not be saved."""
        return self.catalogue.open(adapter.type, adapter.settings, self.context(adapter.name))


def _nearest(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=3, cutoff=0.5) or sorted(known)[:5]
    return f"; there are: {', '.join(close)}." if close else "; the workspace has none yet."
