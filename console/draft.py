"""An edit of one adapter, sync or peer that is not saved yet: checked, shown, saved. On the engine's thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine.errors import SettingsError
from engine.settings.editing import WorkspaceFile

if TYPE_CHECKING:
    import msgspec

    from engine.assembly import Engine
    from engine.settings.document import Problem
    from engine.settings.sections import Section


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What became of a draft: problems as (path within the entry, sentence), or its settings and the file's diff."""

    problems: tuple[tuple[str, str], ...] = ()
    settings: msgspec.Struct | None = None
    diff: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """`was` is the name in the file; empty for something new. A `removed` entry needs no values."""

    section: Section
    name: str
    was: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    removed: bool = False

    def edited(self, engine: Engine) -> WorkspaceFile:
        """Return the workspace's file with this edit in it. Raises `SettingsError` for a name that is taken or is
        none, and for removing what is in use."""
        file = WorkspaceFile.read(engine.workspace.file, engine.catalogue)
        if self.removed:
            file.remove(self.section, self.was)
            return file
        if self.name != self.was and self.name in file.names(self.section):
            kind = self.section.removesuffix("s")
            raise SettingsError(f"There already is a {kind} {self.name}. Choose another name.")
        file.put(self.section, self.name, self.values, self.was)
        return file

    async def check(self, engine: Engine) -> Checked:
        """Return the draft's problems, or what it would make of the file. Writes nothing."""
        try:
            file = self.edited(engine)
        except SettingsError as error:
            return Checked(problems=tuple(("name", problem) for problem in error.problems))
        problems = tuple(within(problem, f"{self.section}.{self.name}") for problem in file.problems())
        if problems:
            return Checked(problems=problems)
        settings = None if self.removed else file.checked(self.section, self.name, self.values)
        return Checked(settings=settings, diff=file.diff())

    async def save(self, engine: Engine) -> None:
        """Write the file. Raises `SettingsError` when the draft has problems or the file changed meanwhile."""
        self.edited(engine).save()


async def written_values(section: Section, name: str, engine: Engine) -> dict[str, Any]:
    """Return what the file says of an entry now."""
    return WorkspaceFile.read(engine.workspace.file, engine.catalogue).values(section, name)


def within(problem: Problem, entry: str) -> tuple[str, str]:
    """Return a problem as the path within its entry and the sentence; problems of other entries keep their place."""
    if problem.path == entry:
        return "", problem.sentence
    if problem.path.startswith(f"{entry}."):
        return problem.path.removeprefix(f"{entry}."), problem.sentence
    return "", str(problem)
