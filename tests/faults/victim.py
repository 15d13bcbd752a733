"""The process that is killed: the real engine with its real journal, on a workspace of one source and one list.

`python -m tests.faults.victim FOLDER PORT` plans and applies when there is no run yet, and goes on with the newest
otherwise. It says the run's state at the end.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from engine.assembly import open_engine
from engine.errors import NothingFound, RemoteUnavailable
from engine.reconcile.history import RunState
from engine.reconcile.plan import Action, Change
from engine.reconcile.ports import Found, Limits, Miss, Outcome, Result, Source, Target
from engine.reconcile.records import Batch
from engine.settings.catalogue import EndpointContext, EndpointType
from engine.settings.model import AdapterSettings, SyncSettings, Workspace
from tests.doubles.targets import EndpointsOnly
from tests.doubles.workplace import NO_LIMITS

SYNC = "team"
BATCH = 3


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the list answers, or what the source holds."""

    port: int = 0
    file: str = ""


class FileSource(Source):
    """A source that is a JSON list in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def read(self) -> AsyncIterator[Batch]:
        names = json.loads(self._file.read_text())
        yield Batch(spellings=names, proof=f"end of file, {len(names)} rows")


class ListTarget(Target):
    """The remote list, over one connection for each request, so that concurrent calls do not wait for each other."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    @property
    def limits(self) -> Limits:
        return Limits(actions=frozenset({Action.ADD, Action.REMOVE}), batch_size=BATCH, concurrency=2)

    async def read(self) -> AsyncIterator[Batch]:
        names = await self._ask({"verb": "read"})
        yield Batch(spellings=names, proof=f"{len(names)} members in one answer")

    async def resolve(self, spellings: Sequence[str]) -> Mapping[str, Found | Miss]:
        return {spelling: Found() for spelling in spellings}

    async def write(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        answer = await self._ask({"verb": changes[0].action, "spellings": [change.spelling for change in changes]})
        return [Outcome(result=Result(word)) for word in answer]

    async def _ask(self, request: Mapping[str, object]) -> list[str]:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
            try:
                writer.write(json.dumps(request).encode() + b"\n")
                line = await reader.readline()
            finally:
                writer.close()
        except OSError as error:
            raise RemoteUnavailable(f"The list does not answer: {error}", maybe_done=True) from error
        answer: list[str] = json.loads(line)
        return answer


class VictimCatalogue(EndpointsOnly):
    """The two types of this workspace."""

    def types(self) -> Mapping[str, EndpointType]:
        return {
            word: EndpointType(type=word, title=word, summary=word, path=f"{__name__}:{word}")
            for word in ("file", "list")
        }

    def settings_of(self, type_name: str) -> type[msgspec.Struct]:
        return Settings

    def open(self, type_name: str, settings: msgspec.Struct, context: EndpointContext) -> Source:
        assert isinstance(settings, Settings)
        return FileSource(Path(settings.file)) if type_name == "file" else ListTarget(settings.port)


def workspace(folder: Path, port: int) -> Workspace:
    """Return the workspace in a folder, whose list answers on a port."""
    adapters = {
        "people": AdapterSettings(name="people", type="file", settings=Settings(file=str(folder / "people.json"))),
        "list": AdapterSettings(name="list", type="list", settings=Settings(port=port)),
    }
    sync = SyncSettings(name=SYNC, source="people", targets=("list",), guards=NO_LIMITS)
    return Workspace(
        folder=folder,
        file=folder / "syncdeck.yaml",
        node="victim-1",
        state=folder / "state.db",
        adapters=adapters,
        syncs={SYNC: sync},
    )


async def work(folder: Path, port: int) -> RunState:
    """Do what is to be done, from wherever the last process was killed."""
    async with open_engine(workspace(folder, port), VictimCatalogue(), _no_secret, actor="victim@test") as engine:
        runs = await engine.reconcile.runs(limit=1)
        if not runs:
            stored = await engine.reconcile.plan(SYNC)
            return (await engine.reconcile.apply(stored.digest, confirmed=True)).summary.state
        if runs[0].state is not RunState.INTERRUPTED:
            return runs[0].state
        return (await engine.reconcile.resume(runs[0].run)).summary.state


def _no_secret(reference: str, folder: Path) -> str:
    raise NothingFound(f"{reference} is not needed here.")


if __name__ == "__main__":
    print(asyncio.run(work(Path(sys.argv[1]), int(sys.argv[2]))), flush=True)
