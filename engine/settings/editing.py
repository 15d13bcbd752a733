"""Edits of the workspace file by the console: what is not edited keeps every byte, comments and order included."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal

import yaml

from engine.errors import NothingFound, SettingsError
from engine.redaction import redact
from engine.settings.catalogue import TypeCatalogue
from engine.settings.document import entries, parse, plain
from engine.settings.model import Workspace
from engine.settings.reading import NAME, NAMES_ARE, find_workspace, read_workspace
from engine.settings.replacing import replace_file
from engine.settings.spelling import did_you_mean
from engine.settings.splicing import (
    INDENT,
    Splice,
    add_entries,
    after_colon,
    apply,
    end_of,
    entry_text,
    eol_of,
    remove_entry,
    same,
    scalar_like,
    update,
)

Section = Literal["adapters", "syncs"]
_BOM = b"\xef\xbb\xbf"


class WorkspaceFile:
    """A workspace file opened for editing. Edits change `text` alone until `save`; an edit that raises changes nothing.

    Values given and returned are as the file writes them: durations as `15m`, secrets as references.
    """

    def __init__(self, path: Path, data: bytes) -> None:
        self.path = path
        self._saved = data
        parse(data, path.name)
        self.text = data.decode("utf-8-sig")

    @classmethod
    def open(cls, path: Path) -> WorkspaceFile:
        """Open a file, or the nearest one upward from a folder. Raises `SettingsError` when it is no readable YAML."""
        file = find_workspace(path) if path.is_dir() else path.absolute()
        try:
            return cls(file, file.read_bytes())
        except OSError as error:
            raise SettingsError(f"{file}: cannot be read: {error.strerror or error}.") from error

    @property
    def changed(self) -> bool:
        """Whether `save` would write anything."""
        return self._data() != self._saved

    def names(self, section: Section) -> tuple[str, ...]:
        """Return the names in a section, in the order of the file."""
        return tuple(self._plain().get(section) or {})

    def entry(self, section: Section, name: str) -> dict[str, Any]:
        """Return what the file says of one adapter or sync, defaults left out. Raises `NothingFound`."""
        self._known(section, name)
        return dict(self._plain()[section][name] or {})

    def set(self, section: Section, name: str, values: Mapping[str, Any]) -> None:
        """Make an entry hold exactly these values; a new name is added at the section's end.

        An existing entry is changed setting by setting, so comments between them stay.
        """
        wanted = {key: deepcopy(value) for key, value in values.items()}
        if name in self.names(section):
            self._edit(lambda root: self._updated(root, section, name, wanted), _putting(section, name, wanted))
        else:
            self._free(section, name)
            self._edit(lambda root: [self._added(root, section, name, wanted)], _putting(section, name, wanted))

    def duplicate(self, section: Section, name: str, new: str) -> None:
        """Add a copy of an entry under another name."""
        values = self.entry(section, name)
        self._free(section, new)
        self.set(section, new, values)

    def rename(self, section: Section, name: str, new: str) -> None:
        """Rename an entry; syncs that name a renamed adapter follow."""
        self._known(section, name)
        if name == new:
            return
        self._free(section, new)

        def splices(root: yaml.MappingNode) -> list[Splice]:
            key = next(node for word, node, _ in entries(self._section(root, section)) if word == name)
            nodes = [key, *(self._references(root, name) if section == "adapters" else [])]
            return [Splice(node.start_mark.index, node.end_mark.index, scalar_like(node, new)) for node in nodes]

        def meant(data: dict[str, Any]) -> None:
            data[section] = {new if key == name else key: value for key, value in data[section].items()}
            for sync in _syncs_of(data) if section == "adapters" else ():
                if sync.get("source") == name:
                    sync["source"] = new
                if isinstance(sync.get("targets"), list):
                    sync["targets"] = [new if target == name else target for target in sync["targets"]]

        self._edit(splices, meant)

    def remove(self, section: Section, name: str) -> None:
        """Remove an entry. Raises `SettingsError` naming the syncs that use an adapter."""
        self._known(section, name)
        users = self.users_of(name) if section == "adapters" else ()
        if users:
            raise SettingsError(f"The adapter {name} is used by {', '.join(users)}. Change or remove that first.")

        def splices(root: yaml.MappingNode) -> list[Splice]:
            return [remove_entry(self.text, self._section(root, section), name)]

        self._edit(splices, lambda data: data[section].pop(name))

    def users_of(self, adapter: str) -> tuple[str, ...]:
        """Return what depends on an adapter: `the sync engineering (target)`."""
        return tuple(
            f"the sync {name} ({part})"
            for name, sync in (self._plain().get("syncs") or {}).items()
            for part, used in (("source", sync.get("source") == adapter), ("target", adapter in _targets(sync)))
            if used
        )

    def diff(self) -> str:
        """Return the edits as a unified diff for people; empty when there are none."""
        name = self.path.name
        before, after = self._saved.decode("utf-8-sig").splitlines(), self.text.splitlines()
        return redact(
            "\n".join(difflib.unified_diff(before, after, f"{name} (saved)", f"{name} (edited)", lineterm=""))
        )

    def check(self, catalogue: TypeCatalogue) -> Workspace:
        """Return the workspace as edited. Raises `SettingsError` with every problem."""
        return read_workspace(self._data(), self.path, catalogue)

    def save(self, catalogue: TypeCatalogue) -> Workspace:
        """Check and write. Raises `SettingsError`, and then nothing was written, when the result has problems or when
        somebody else changed the file since it was opened."""
        workspace = self.check(catalogue)
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

    def _data(self) -> bytes:
        return (_BOM if self._saved.startswith(_BOM) else b"") + self.text.encode()

    def _plain(self) -> dict[str, Any]:
        data: dict[str, Any] = plain(self._root())
        return data

    def _root(self) -> yaml.MappingNode:
        return parse(self.text.encode(), self.path.name).root

    def _section(self, root: yaml.MappingNode, section: Section) -> yaml.MappingNode:
        node = next(value for key, _, value in entries(root) if key == section)
        if not isinstance(node, yaml.MappingNode):
            raise SettingsError(f"{self.path.name}: {section} is no mapping of names to settings. Mend it by hand.")
        return node

    def _known(self, section: Section, name: str) -> None:
        names = self.names(section)
        if name not in names:
            raise NothingFound(f"There is no {section.removesuffix('s')} {name}. {did_you_mean(name, names)}")

    def _free(self, section: Section, name: str) -> None:
        if not NAME.match(name):
            raise SettingsError(f"{name!r} is no name. {NAMES_ARE}")
        if name in self.names(section):
            raise SettingsError(f"There already is {section[:-1]} {name}. Choose another name.")

    def _updated(self, root: yaml.MappingNode, section: Section, name: str, wanted: Mapping[str, Any]) -> list[Splice]:
        """Change the entry's settings; one whose value is no mapping is written anew."""
        return list(update(self.text, self._section(root, section), {**self._plain()[section], name: wanted}))

    def _added(self, root: yaml.MappingNode, section: Section, name: str, values: Mapping[str, Any]) -> Splice:
        """Append an entry, making the section where there is none."""
        text, eol, block = self.text, eol_of(self.text), section == "syncs"
        pair = next(((key, value) for word, key, value in entries(root) if word == section), None)
        if pair is None:
            gap = "" if text.endswith("\n") else eol
            line = entry_text(name, values, indent=INDENT, eol=eol, block=block)
            return Splice(len(text), len(text), f"{gap}{eol}{section}:{eol}{' ' * INDENT}{line}{eol}")
        key, node = pair
        if isinstance(node, yaml.MappingNode) and node.value:
            return add_entries(text, node, {name: values}, block=block)
        line = entry_text(name, values, indent=INDENT, eol=eol, block=block)
        return Splice(after_colon(text, key), end_of(text, node), f"{eol}{' ' * INDENT}{line}")

    def _references(self, root: yaml.MappingNode, adapter: str) -> list[yaml.ScalarNode]:
        """Return the nodes by which syncs name an adapter."""
        syncs = next((value for key, _, value in entries(root) if key == "syncs"), None)
        found = []
        for _, _, sync in entries(syncs) if isinstance(syncs, yaml.MappingNode) else ():
            for key, _, value in entries(sync) if isinstance(sync, yaml.MappingNode) else ():
                if key == "source":
                    found.append(value)
                elif key == "targets" and isinstance(value, yaml.SequenceNode):
                    found += value.value
        return [node for node in found if isinstance(node, yaml.ScalarNode) and node.value == adapter]

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
        if result is None or not same(_settled(result), _settled(wanted)):
            raise SettingsError(
                f"{self.path.name} is written in a way that this edit would damage (anchors and aliases?). "
                "Nothing was changed: edit the file by hand."
            )
        self.text = text


def _putting(section: Section, name: str, values: Mapping[str, Any]) -> Callable[[dict[str, Any]], None]:
    def put(data: dict[str, Any]) -> None:
        data[section] = {**(data.get(section) or {}), name: values}

    return put


def _settled(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the file's values with an empty section and a missing one alike."""
    return {key: value for key, value in data.items() if value or key not in ("adapters", "syncs")}


def _syncs_of(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [sync for sync in (data.get("syncs") or {}).values() if isinstance(sync, dict)]


def _targets(sync: Mapping[str, Any]) -> list[Any]:
    targets = sync.get("targets")
    return targets if isinstance(targets, list) else []
