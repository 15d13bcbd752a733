"""Edits of the workspace file by the console: what is not edited keeps every byte, comments and order included."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import yaml

from engine.errors import NothingFound, SettingsError
from engine.redaction import redact
from engine.settings.catalogue import TypeCatalogue
from engine.settings.document import Problem, entries, parse, plain
from engine.settings.model import AdapterSettings, Workspace
from engine.settings.reading import NAME, NAMES_ARE, Reading, find_workspace
from engine.settings.replacing import replace_file
from engine.settings.replication import ConflictSettings
from engine.settings.rule_list import inserted
from engine.settings.sections import Section, append, mappings, references, section_node, settled, targets_of
from engine.settings.spelling import did_you_mean
from engine.settings.splicing import Splice, apply, remove_entry, same, scalar_like, update

_BOM = b"\xef\xbb\xbf"


class WorkspaceFile:
    """A workspace file opened for editing. Edits change `text` alone until `save`; an edit that raises changes nothing.

    Values given and returned are as the file writes them: durations as `15m`, secrets as references.
    """

    def __init__(self, path: Path, data: bytes, catalogue: TypeCatalogue) -> None:
        self.path = path
        self._catalogue = catalogue
        self._saved = data
        root = parse(data, path.name).root
        self.text = data.decode("utf-8-sig")
        self._parsed = (self.text, root)

    @classmethod
    def read(cls, path: Path, catalogue: TypeCatalogue) -> WorkspaceFile:
        """Open a file, or the nearest one upward from a folder. Raises `SettingsError` when it is no readable YAML."""
        file = find_workspace(path) if path.is_dir() else path.absolute()
        try:
            return cls(file, file.read_bytes(), catalogue)
        except OSError as error:
            raise SettingsError(f"{file}: cannot be read: {error.strerror or error}.") from error

    @property
    def changed(self) -> bool:
        """Whether `save` would write anything."""
        return self._data() != self._saved

    def names(self, section: Section) -> tuple[str, ...]:
        """Return the names in a section, in the order of the file."""
        return tuple(self._plain().get(section) or {})

    def values(self, section: Section, name: str) -> dict[str, Any]:
        """Return what the file says of one entry, defaults left out. Raises `NothingFound`."""
        self._known(section, name)
        return dict(self._plain()[section][name] or {})

    def put(self, section: Section, name: str, values: Mapping[str, Any], was: str = "") -> None:
        """Make an entry hold exactly these values; a new name is added at the section's end.

        An existing entry is changed setting by setting, so comments between them stay. `was` is its name so far: it
        is renamed first, and syncs that name a renamed adapter follow.
        """
        before = self.text
        try:
            if was and was != name:
                self.rename(section, was, name)
            self._put(section, name, deepcopy(dict(values)))
        except (SettingsError, NothingFound):
            self.text = before
            raise

    def _put(self, section: Section, name: str, wanted: dict[str, Any]) -> None:
        def splices(root: yaml.MappingNode) -> list[Splice]:
            if known:
                return list(update(self.text, section_node(root, section), {**self._plain()[section], name: wanted}))
            return [append(self.text, root, section, (name, wanted))]

        def meant(data: dict[str, Any]) -> None:
            data[section] = {**(data.get(section) or {}), name: wanted}

        known = name in self.names(section)
        if not known:
            self._free(section, name)
        self._edit(splices, meant)

    def rename(self, section: Section, name: str, new: str) -> None:
        """Rename an entry; syncs that name a renamed adapter follow."""
        self._known(section, name)
        if name == new:
            return
        self._free(section, new)

        def splices(root: yaml.MappingNode) -> list[Splice]:
            key = next(node for word, node, _ in entries(section_node(root, section)) if word == name)
            nodes = [key, *(references(root, name) if section == "adapters" else [])]
            return [Splice(node.start_mark.index, node.end_mark.index, scalar_like(node, new)) for node in nodes]

        def meant(data: dict[str, Any]) -> None:
            data[section] = {new if key == name else key: value for key, value in data[section].items()}
            for _, sync in mappings(data.get("syncs") if section == "adapters" else None):
                if sync.get("source") == name:
                    sync["source"] = new
                if isinstance(sync.get("targets"), list):
                    sync["targets"] = [new if target == name else target for target in sync["targets"]]

        self._edit(splices, meant)

    def remove(self, section: Section, name: str) -> None:
        """Remove an entry. Raises `SettingsError` naming the syncs that use an adapter."""
        self._known(section, name)
        if users := self.dependents(section, name):
            raise SettingsError(
                f"The adapter {name} is used by {', '.join(users)}. Change or remove what uses it first."
            )

        def splices(root: yaml.MappingNode) -> list[Splice]:
            return [remove_entry(self.text, section_node(root, section), name)]

        self._edit(splices, lambda data: data[section].pop(name))

    def insert_rule(self, rule: Mapping[str, Any], *, at_top: bool) -> None:
        """Put a rule about conflicts before or behind all others."""
        new = deepcopy(dict(rule))

        def meant(data: dict[str, Any]) -> None:
            section = data.get("conflicts")
            known = section if isinstance(section, dict) else {}
            rules = list(known.get("rules") or ())
            data["conflicts"] = {**known, "rules": [new, *rules] if at_top else [*rules, new]}

        self._edit(lambda root: [inserted(self.text, root, new, at_top=at_top)], meant)

    def rules(self) -> ConflictSettings:
        """Return the rules about conflicts as they would be read now. Raises `SettingsError` with their problems."""
        reading = self._reading()
        problems = [problem for problem in reading.document.problems if problem.path.startswith("conflicts")]
        if problems:
            raise SettingsError(tuple(map(str, problems)))
        settings: ConflictSettings = reading.conflicts
        return settings

    def dependents(self, section: Section, name: str) -> tuple[str, ...]:
        """Return the syncs that name an adapter; nothing depends on a sync or a peer."""
        syncs = self._plain().get("syncs") if section == "adapters" else None
        return tuple(
            sync for sync, values in mappings(syncs) if name == values.get("source") or name in targets_of(values)
        )

    def diff(self) -> str:
        """Return the edits as a unified diff for people; empty when there are none."""
        name = self.path.name
        before, after = self._saved.decode("utf-8-sig").splitlines(), self.text.splitlines()
        return redact(
            "\n".join(difflib.unified_diff(before, after, f"{name} (saved)", f"{name} (edited)", lineterm=""))
        )

    def problems(self) -> tuple[Problem, ...]:
        """Return every problem of the file as edited, in its order; each has the path of its setting."""
        return self._reading().document.problems

    def checked(self, section: Section, name: str, values: Mapping[str, Any]) -> msgspec.Struct:
        """Return an entry as it would be read with these values: a sync, a peer, or an adapter's own settings.

        Changes nothing. Raises `SettingsError` with the problems of this entry alone.
        """
        trial = WorkspaceFile(self.path, self._data(), self._catalogue)
        trial.put(section, name, values)
        reading = trial._reading()
        path = f"{section}.{name}"
        problems = [each for each in reading.document.problems if f"{each.path}.".startswith((f"{path}.", f"{path}["))]
        if problems:
            raise SettingsError(tuple(map(str, problems)))
        read: Mapping[str, Any] = getattr(reading, section)
        found: msgspec.Struct = read[name]
        return found.settings if isinstance(found, AdapterSettings) else found

    def save(self) -> Workspace:
        """Check and write. Raises `SettingsError`, and then nothing was written, when the result has problems or when
        somebody else changed the file since it was opened."""
        workspace = self._reading().workspace(self.path)
        if not self.changed:
            return workspace
        try:
            if self.path.read_bytes() != self._saved:
                raise SettingsError(
                    f"{self.path} was changed by somebody else since it was opened here. "
                    "Nothing was written: open it again and repeat the edit."
                )
            replace_file(self.path, self._data())
        except OSError as error:
            raise SettingsError(f"{self.path} cannot be written: {error.strerror or error}.") from error
        self._saved = self._data()
        return workspace

    def _reading(self) -> Reading:
        return Reading(parse(self._data(), self.path.name), self._catalogue)

    def _data(self) -> bytes:
        return (_BOM if self._saved.startswith(_BOM) else b"") + self.text.encode()

    def _plain(self) -> dict[str, Any]:
        data: dict[str, Any] = plain(self._root())
        return data

    def _root(self) -> yaml.MappingNode:
        if self._parsed[0] is not self.text:
            self._parsed = (self.text, parse(self.text.encode(), self.path.name).root)
        return self._parsed[1]

    def _known(self, section: Section, name: str) -> None:
        names = self.names(section)
        if name not in names:
            raise NothingFound(f"There is no {section.removesuffix('s')} {name}. {did_you_mean(name, names)}")

    def _free(self, section: Section, name: str) -> None:
        if not NAME.match(name):
            raise SettingsError(f"{name!r} is no name. {NAMES_ARE}")
        if name in self.names(section):
            raise SettingsError(f"The name {name} is taken by another {section.removesuffix('s')}. Choose another.")

    def _edit(
        self, splices: Callable[[yaml.MappingNode], list[Splice]], meant: Callable[[dict[str, Any]], object]
    ) -> None:
        """Splice, read back, and keep the new text only if it says what was meant and nothing else changed."""
        wanted = deepcopy(self._plain())
        meant(wanted)
        text = apply(self.text, splices(self._root()))
        try:
            result = plain(parse(text.encode(), self.path.name).root)
        except SettingsError:
            result = None
        if result is None or not same(settled(result), settled(wanted)):
            raise SettingsError(
                f"{self.path.name} is written in a way that this edit would damage (anchors and aliases?). "
                "Nothing was changed: edit the file by hand."
            )
        self.text = text
