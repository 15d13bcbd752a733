"""What an endpoint is given beside its own settings, for one adapter of one workspace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.redaction import REDACTOR, Redactor
from engine.settings.catalogue import EndpointContext


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterContext(EndpointContext):
    """Paths relative to the workspace's folder; every secret that is handed out is hidden everywhere from then on."""

    adapter: str
    folder: Path
    secrets: Callable[[str, Path], str]
    """(reference, workspace folder) to the secret; `adapters.secrets.resolve` in production."""
    redactor: Redactor = REDACTOR

    @property
    def name(self) -> str:
        return self.adapter

    def path(self, text: str) -> str:
        return str((self.folder / Path(text).expanduser()).absolute())

    def secret(self, reference: str) -> str:
        secret = self.secrets(reference, self.folder)
        self.redactor.register(secret)
        return secret
