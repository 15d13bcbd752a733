"""An edit of one adapter, sync or peer that is not saved yet: checked, shown, saved. On the engine's thread."""

from __future__ import annotations

from abc import ABC, abstractmethod
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


class Edit(ABC):
    """An edit of the settings file. `name` is what a question about it calls it."""

    __slots__ = ()
    name: str

    @property
    @abstractmethod
    def place(self) -> str:
        """The dotted path of what is edited; problems within it are told by their path from there."""

    @abstractmethod
    def edited(self, engine: Engine) -> WorkspaceFile:
        """Return the workspace's file with this edit in it. Raises `SettingsError` when it cannot be made."""

    @abstractmethod
    def meant(self, file: WorkspaceFile) -> msgspec.Struct | None:
        """Return what the edited file says there, as settings."""

    async def check(self, engine: Engine) -> Checked:
        """Return the edit's problems, or what it would make of the file. Writes nothing."""
        try:
            file = self.edited(engine)
        except SettingsError as error:
            return Checked(problems=tuple(("name", problem) for problem in error.problems))
        problems = tuple(within(problem, self.place) for problem in file.problems())
        return Checked(problems=problems) if problems else Checked(settings=self.meant(file), diff=file.diff())

    async def save(self, engine: Engine) -> None:
        """Write the file. Raises `SettingsError` when the edit has problems or the file changed meanwhile."""
        self.edited(engine).save()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft(Edit):
    """A named entry. `was` is the name in the file; empty for something new. A `removed` entry needs no values."""

    section: Section
    name: str
    was: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    removed: bool = False

    @property
    def place(self) -> str:
        return f"{self.section}.{self.name}"

    def edited(self, engine: Engine) -> WorkspaceFile:
        """Raises `SettingsError` for a name that is taken or is none, and for removing what is in use."""
        file = WorkspaceFile.read(engine.workspace.file, engine.catalogue)
        if self.removed:
            file.remove(self.section, self.was)
            return file
        if self.name != self.was and self.name in file.names(self.section):
            kind = self.section.removesuffix("s")
            raise SettingsError(f"There already is a {kind} {self.name}. Choose another name.")
        file.put(self.section, self.name, self.values, self.was)
        return file

    def meant(self, file: WorkspaceFile) -> msgspec.Struct | None:
        return None if self.removed else file.checked(self.section, self.name, self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDraft(Edit):
    """One more rule about conflicts, before or behind all others."""

    name: str
    values: Mapping[str, Any]
    at_top: bool
    behind: int = 0
    """How many rules there are before this one."""

    @property
    def place(self) -> str:
        return f"conflicts.rules[{0 if self.at_top else self.behind}]"

    def edited(self, engine: Engine) -> WorkspaceFile:
        file = WorkspaceFile.read(engine.workspace.file, engine.catalogue)
        file.insert_rule(self.values, at_top=self.at_top)
        return file

    def meant(self, file: WorkspaceFile) -> msgspec.Struct | None:
        """Return all rules, the new one among them."""
        return file.rules()


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
