"""What `console.__main__` brings together for the others: the adapters, seen only through the engine's protocols."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.assembly import Engine, Secrets, open_engine
from engine.reconcile.ports import Catalogue
from engine.settings.model import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The adapters' registry, the secret store, and how a workspace file is read."""

    catalogue: Catalogue
    secrets: Secrets
    keep_secret: Callable[[str, str], None]
    """(name, value): store a secret in the keyring. Raises `SecretUnavailable` where there is none."""
    load: Callable[[Path], Workspace]
    """Read and validate the workspace file of a folder, or of the nearest folder above it. Raises `SettingsError`."""

    actor: str = ""
    """Who is named in events and approvals; empty: the user at this host."""

    @asynccontextmanager
    async def open(self, folder: Path, *, read_only: bool = False) -> AsyncIterator[Engine]:
        """Open the engine on the workspace that `folder` lies in."""
        workspace = self.load(folder)
        opening = open_engine(workspace, self.catalogue, self.secrets, actor=self.actor, read_only=read_only)
        async with opening as engine:
            yield engine
