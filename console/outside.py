"""What `console.__main__` brings together for the others: the adapters, seen only through the engine's protocols.

Everything is a function, so that nothing heavy is imported before it is first needed: the console paints first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.coordinating import Coordinating
    from engine.ground import Extensions
    from engine.reconcile.ports import Catalogue
    from engine.settings.model import Workspace
    from engine.settings.replication import ServerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The adapters' registry, the secret store, and how a workspace file is read."""

    catalogue: Callable[[], Catalogue]
    secret: Callable[[str, Path], str]
    """(reference, workspace folder): the secret behind it. Raises `SecretUnavailable`."""
    keep_secret: Callable[[str, str], None]
    """(name, value): store a secret in the keyring. Raises `SecretUnavailable` where there is none."""
    forget_secret: Callable[[str], None]
    """Remove a secret from the keyring; one that is not there is fine."""
    load: Callable[[Path], Workspace]
    """Read and validate the workspace file of a folder, or of the nearest folder above it. Raises `SettingsError`."""
    complaints: Callable[[Workspace], Sequence[str]]
    """What is wrong outside the settings, as sentences: secret files that others can read, broken adapter packages."""
    serve: Callable[[Engine, ServerSettings], AbstractAsyncContextManager[str]]
    """Serve the engine's node to its peers until the block ends; gives the URL. Raises `SettingsError`."""
    extensions: Callable[[], Extensions]
    """What installed packages add: ways to peers, strategies, upcasts."""
    actor: str = ""
    """Who is named in events and approvals; empty: the user at this host."""

    @asynccontextmanager
    async def open(self, folder: Path, *, purpose: str = "", read_only: bool = False) -> AsyncIterator[Engine]:
        """Open the engine on the workspace that `folder` lies in. `purpose` is what others see this process called."""
        from engine.assembly import open_engine

        workspace = self.load(folder)
        opening = open_engine(
            workspace,
            self.catalogue(),
            self.secret,
            actor=self.actor,
            purpose=purpose,
            read_only=read_only,
            extensions=self.extensions(),
        )
        async with opening as engine:
            yield engine

    @asynccontextmanager
    async def coordinate(
        self, folder: Path, *, purpose: str = "", read_only: bool = False
    ) -> AsyncIterator[Coordinating]:
        """Open the coordination of that workspace alone: quicker, for whoever needs nothing else."""
        from engine.coordinating import open_coordination

        opening = open_coordination(
            self.load(folder),
            self.secret,
            actor=self.actor,
            purpose=purpose,
            read_only=read_only,
            extensions=self.extensions(),
        )
        async with opening as here:
            yield here
