"""An edit of one adapter or sync that is not saved yet: checked, shown as a diff, saved."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import SettingsError
from engine.settings.editing import Section, WorkspaceFile

if TYPE_CHECKING:
    from engine.settings.catalogue import TypeCatalogue
    from engine.settings.model import Workspace

_PLACED = re.compile(r"^[^:\n]+:\d+:\d+: (?P<path>[\w.\[\]#-]+): (?P<sentence>.+)$", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What became of a draft: problems by the path within its entry ("" and `name` for the entry itself), or the
    workspace as it would be, and the diff of the file."""

    problems: tuple[tuple[str, str], ...] = ()
    workspace: Workspace | None = None
    diff: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """`was` is the name in the file; empty for something new. Without values the entry is to be removed."""

    section: Section
    name: str
    was: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    removed: bool = False

    def put_into(self, file: WorkspaceFile) -> None:
        """Edit the text of the file. Raises `SettingsError` for a name that is taken or is none, or that is in use."""
        if self.removed:
            file.remove(self.section, self.was)
            return
        if self.was and self.was != self.name:
            file.rename(self.section, self.was, self.name)
        elif not self.was and self.name in file.names(self.section):
            kind = self.section.removesuffix("s")
            raise SettingsError(f"There already is a {kind} {self.name}. Choose another name.")
        file.set(self.section, self.name, self.values)

    def check(self, path: Path, catalogue: TypeCatalogue) -> Checked:
        """Return the draft's problems, or what it would make of the file. Writes nothing."""
        try:
            file = WorkspaceFile.open(path)
            self.put_into(file)
        except SettingsError as error:
            return Checked(problems=tuple(("name", problem) for problem in error.problems))
        try:
            workspace = file.check(catalogue)
        except SettingsError as error:
            return Checked(problems=tuple(placed(problem, f"{self.section}.{self.name}") for problem in error.problems))
        return Checked(workspace=workspace, diff=file.diff())

    def save(self, path: Path, catalogue: TypeCatalogue) -> None:
        """Write the file. Raises `SettingsError` when the draft has problems or the file changed meanwhile."""
        file = WorkspaceFile.open(path)
        self.put_into(file)
        file.save(catalogue)


def placed(problem: str, entry: str) -> tuple[str, str]:
    """Take a problem apart into the path within an entry and the sentence; problems of other entries stay whole."""
    match = _PLACED.match(problem)
    if match is None:
        return "", problem
    path, sentence = match["path"], match["sentence"]
    sentence = sentence[:1].upper() + sentence[1:]
    if path == entry:
        return "", sentence
    if path.startswith(f"{entry}."):
        return path.removeprefix(f"{entry}."), sentence
    return "", problem
