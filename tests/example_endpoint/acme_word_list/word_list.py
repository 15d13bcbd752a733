"""A text file with one member a line, as a source and a target."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from engine.errors import RemoteRefused
from engine.reconcile.plan import Action, Change
from engine.reconcile.ports import Found, Limits, Miss, Outcome, Result, Target
from engine.reconcile.records import Batch, fold
from engine.settings.catalogue import EndpointContext, PathText


class WordList(Target):
    """Every line that is neither blank nor a comment is a member."""

    class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Settings of a word list."""

        path: Annotated[PathText, Meta(description="The text file.", examples=["members.txt"])]
        comment: Annotated[str, Meta(min_length=1, description="What a comment starts with.")] = "#"

    def __init__(self, settings: Settings, context: EndpointContext) -> None:
        self._settings = settings
        self._name = context.name
        self._path = Path(context.path(settings.path))

    async def __aenter__(self) -> Self:
        self._lines()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held open between two calls."""

    async def read(self) -> AsyncIterator[Batch]:
        members = [line.strip() for line in self._lines() if self._is_member(line)]
        yield Batch(spellings=members, proof=f"end of file, {len(members)} members")

    @property
    def limits(self) -> Limits:
        return Limits(actions=frozenset({Action.ADD, Action.REMOVE}), batch_size=1_000)

    async def resolve(self, spellings: Sequence[str]) -> Mapping[str, Found | Miss]:
        """Take any spelling that is one line and no comment."""
        return {
            spelling: Found()
            if self._is_member(spelling) and "\n" not in spelling
            else Miss(reason="is no single line")
            for spelling in spellings
        }

    async def write(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        lines = self._lines()
        outcomes = [self._carry_out(change, lines) for change in changes]
        fresh = self._path.with_name(f".{self._path.name}.new")
        try:
            fresh.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            fresh.replace(self._path)
        except OSError as error:
            raise RemoteRefused(f"{self._name}: {self._path} cannot be written: {error.strerror}.") from error
        return outcomes

    def _carry_out(self, change: Change, lines: list[str]) -> Outcome:
        """Do one change to the lines."""
        held = [line for line in lines if self._is_member(line) and fold(line) == fold(change.spelling)]
        if bool(held) == (change.action is Action.ADD):
            return Outcome(result=Result.ALREADY)
        if change.action is Action.ADD:
            lines.append(change.spelling)
        for line in held:
            lines.remove(line)
        return Outcome(result=Result.DONE)

    def _is_member(self, line: str) -> bool:
        return bool(line.strip()) and not line.lstrip().startswith(self._settings.comment)

    def _lines(self) -> list[str]:
        try:
            return self._path.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise RemoteRefused(f"{self._name}: {self._path} cannot be read: {error.strerror}.") from error
