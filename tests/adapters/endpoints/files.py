"""Verbs for tests of file endpoints: a file's bytes in, changes, the file's bytes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from engine.reconcile.plan import Action, Change
from engine.reconcile.ports import Outcome, Target
from engine.reconcile.records import Value, fold
from tests.contracts.case import Reading, read
from tests.contracts.sandbox import Surroundings


@dataclass(frozen=True, slots=True)
class Tried:
    """A file under an endpoint."""

    endpoint: Target
    file: Path

    async def read(self) -> Reading:
        async with self.endpoint as endpoint:
            return await read(endpoint)

    async def write(self, *changes: Change) -> list[Outcome]:
        async with self.endpoint as endpoint:
            return [outcome for change in changes for outcome in await endpoint.write([change])]

    async def after(self, *changes: Change) -> str:
        """Return the file's text after these changes, line ends as they are."""
        await self.write(*changes)
        return self.file.read_bytes().decode()


def on_file(kind: Any, content: str | bytes, folder: Path, settings: Mapping[str, Any]) -> Tried:
    """Put content into a file and an endpoint of this kind on it."""
    file = folder / "team.file"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    converted = msgspec.convert({"path": file.name, **settings}, kind.Settings)
    return Tried(kind(converted, Surroundings(folder)), file)


def add(spelling: str, **attributes: Value) -> Change:
    return Change(action=Action.ADD, key=fold(spelling), spelling=spelling, after=attributes)


def update(spelling: str, **attributes: Value) -> Change:
    return Change(action=Action.UPDATE, key=fold(spelling), spelling=spelling, after=attributes)


def remove(spelling: str) -> Change:
    return Change(action=Action.REMOVE, key=fold(spelling), spelling=spelling)


def rename(spelling: str, wanted: str) -> Change:
    return Change(action=Action.RENAME, key=fold(spelling), spelling=spelling, renamed_to=wanted)


def reasons(outcomes: Sequence[Outcome]) -> list[str]:
    return [outcome.reason for outcome in outcomes]
