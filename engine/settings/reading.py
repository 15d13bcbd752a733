"""From the file to a `Workspace`: found, parsed, walked, its references checked; every problem in one error."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import msgspec
import yaml

from engine.errors import SettingsError
from engine.settings.catalogue import TypeCatalogue
from engine.settings.coordination import (
    ClockSettings,
    CommandSettings,
    CoordinationSettings,
    CronSettings,
    SharedSettings,
)
from engine.settings.document import Document, compose, entries, found, inspected, joined, parse, plain
from engine.settings.ends import Ends
from engine.settings.fields import fields_of
from engine.settings.model import FORMAT, AdapterSettings, SyncSettings, Workspace, WorkspaceHeader
from engine.settings.replication import ConflictSettings, PeerSettings, Rule, ServerSettings
from engine.settings.spelling import did_you_mean
from engine.settings.typed import TypedSettings, part_of
from engine.settings.validation import NOTED, Fault, Walker, plain_null

FILE_NAME = "syncdeck.yaml"
NAME = re.compile(r"^[^\W_][\w.-]{0,63}$")
"""Of adapters, syncs and nodes: they stand in commands, events and patterns, so no spaces, colons, slashes or stars."""

SECTIONS = ("adapters", "syncs", "peers", "server", "conflicts", "coordination", "tasks", "cron", "clock")
LATER = ("projections",)
"""Sections that the format knows and this version does not serve yet."""


def find_workspace(start: Path) -> Path:
    """Return the nearest `syncdeck.yaml` in a folder or any above it. Raises `SettingsError` when there is none."""
    folder = start.expanduser().resolve()
    for candidate in (folder, *folder.parents):
        if (candidate / FILE_NAME).is_file():
            return candidate / FILE_NAME
    raise SettingsError(
        f"There is no {FILE_NAME} in {folder} or in any folder above it. "
        "Make one with `syncdeck init`, or name the folder of another with -w DIR."
    )


def load_workspace(path: Path, catalogue: TypeCatalogue) -> Workspace:
    """Read a workspace file, or the nearest one upward from a folder.

    Raises `SettingsError` with every problem of the file, each naming its place, what was found and what is allowed.
    """
    file = find_workspace(path) if path.is_dir() else path.expanduser().absolute()
    try:
        data = file.read_bytes()
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror or error}.") from error
    return read_workspace(data, file, catalogue)


def read_workspace(data: bytes, file: Path, catalogue: TypeCatalogue) -> Workspace:
    """Do the same with bytes that stand, or are about to stand, in `file`."""
    return Reading(parse(data, file.name), catalogue).workspace(file)


def read_rules(data: bytes, name: str, catalogue: TypeCatalogue) -> tuple[Rule, ...]:
    """Return the rules of a file that holds `rules:`, alone or within `conflicts:` as a workspace file does.

    A workspace file without `conflicts:` has none. Raises `SettingsError` with every problem of the rules, each with
    its place.
    """
    root = compose(data, name)
    if not isinstance(root, yaml.MappingNode):
        what = f"{name}:1:1: found {found(root)}" if root is not None else f"{name}: the file is empty"
        raise SettingsError(f"{what}; expected `rules:` with the list of rules below it, or a whole syncdeck.yaml.")
    document = inspected(root, name)
    sections = {key: value for key, _, value in entries(root)}
    if "syncdeck" in sections and "conflicts" not in sections and not document.problems:
        return ()
    node = sections.get("conflicts", root)
    settings = Walker(document).struct(ConflictSettings, node, "conflicts" if node is not document.root else "")
    if isinstance(settings, ConflictSettings) and settings.rules:
        note_unknown_strategies(document, catalogue, settings, node)
    if document.problems or not isinstance(settings, ConflictSettings):
        raise SettingsError(tuple(map(str, document.problems)))
    return settings.rules


def note_unknown_strategies(
    document: Document, catalogue: TypeCatalogue, settings: ConflictSettings, node: yaml.Node
) -> None:
    """Note a problem for each rule whose strategy does not exist here; `node` is the mapping that holds the rules."""
    known = catalogue.strategies()
    rules = next(value for key, _, value in entries(cast("yaml.MappingNode", node)) if key == "rules")
    for index, (rule, written) in enumerate(zip(settings.rules, rules.value, strict=True)):
        if rule.use not in known:
            word = next(value for key, _, value in entries(written) if key == "use")
            sentence = f"found {found(word)}, an unknown strategy. {did_you_mean(rule.use, known)}"
            document.problem(word, f"conflicts.rules[{index}].use", sentence)


@dataclass(slots=True)
class Reading:
    """One reading of one document: what could be read, and the problems of the rest in `document.problems`."""

    document: Document
    catalogue: TypeCatalogue
    header: WorkspaceHeader | Fault = field(init=False)
    adapters: dict[str, Any] = field(init=False)
    """`AdapterSettings` by name; `NOTED` where they have problems."""
    syncs: dict[str, Any] = field(init=False)
    """`SyncSettings` by name; `NOTED` where they have problems."""
    peers: dict[str, Any] = field(init=False)
    """`PeerSettings` by name; `NOTED` where they have problems."""
    server: Any = field(init=False)
    conflicts: Any = field(init=False)
    coordination: Any = field(init=False)
    tasks: dict[str, Any] = field(init=False)
    """`CommandSettings` by name; `NOTED` where they have problems."""
    cron: dict[str, Any] = field(init=False)
    """`CronSettings` by name; `NOTED` where they have problems."""
    clock: Any = field(init=False)
    _walker: Walker = field(init=False)
    _ends: Ends = field(init=False)

    def __post_init__(self) -> None:
        self._walker = Walker(self.document)
        self._ends = Ends(self.document, self.catalogue)
        self.header = self._header()
        sections = {key: node for key, _, node in entries(self.document.root) if key in (*SECTIONS, *LATER)}
        for name in LATER:
            if name in sections:
                self._later(name, sections[name])
        self.adapters = self._section("adapters", sections, self._adapter)
        self.syncs = self._section("syncs", sections, self._sync)
        self._ends.check_rivals(self.syncs)
        self.peers = self._section("peers", sections, self._named(PeerSettings))
        self.server = self._single("server", sections, ServerSettings)
        self.conflicts = self._single("conflicts", sections, ConflictSettings)
        if isinstance(self.conflicts, ConflictSettings) and self.conflicts.rules:
            note_unknown_strategies(self.document, self.catalogue, self.conflicts, sections["conflicts"])
        self.coordination = self._coordination(sections.get("coordination"))
        self.tasks = self._section("tasks", sections, self._named(CommandSettings))
        self.cron = self._section("cron", sections, self._schedule)
        self.clock = self._single("clock", sections, ClockSettings)

    def workspace(self, file: Path) -> Workspace:
        """Return the workspace of a document without problems."""
        if self.document.problems or isinstance(self.header, Fault):
            raise SettingsError(tuple(map(str, self.document.problems)))
        header = self.header
        return Workspace(
            folder=file.parent,
            file=file,
            node=header.node or _host_name(),
            state=file.parent / Path(header.state).expanduser(),
            adapters=self.adapters,
            syncs=self.syncs,
            protected=header.protected,
            title=header.title,
            peers=self.peers,
            server=self.server,
            conflicts=self.conflicts,
            coordination=self.coordination,
            tasks=self.tasks,
            cron=self.cron,
            clock=self.clock,
        )

    def _header(self) -> Any:
        """Read what stands above the sections; unknown names at the top level are noted here."""
        root, known = self.document.root, fields_of(WorkspaceHeader)
        names = [info.encode_name for info in known]
        for key, key_node, _ in entries(root):
            if key not in (*names, *SECTIONS, *LATER):
                self._walker.unknown(key_node, key, dict.fromkeys((*names, *SECTIONS)))
        top = part_of(root, names)
        header = self._walker.struct(WorkspaceHeader, top, "")
        nodes = {key: node for key, _, node in entries(top)}
        if header is not NOTED and header.syncdeck != FORMAT:
            sentence = f"found format {header.syncdeck}; this version reads format {FORMAT}."
            self.document.problem(nodes["syncdeck"], "syncdeck", f"{sentence} Use a newer Syncdeck, or write {FORMAT}.")
        if header is not NOTED and header.node and not NAME.match(header.node):
            self.document.problem(nodes["node"], "node", f"{header.node!r} is no name. {NAMES_ARE}")
        return header

    def _later(self, name: str, node: yaml.Node) -> None:
        if not plain_null(node) and plain(node) not in ([], {}):
            self.document.problem(node, name, "not available yet in this version. Remove the section.")

    def _section(self, section: str, sections: Mapping[str, yaml.Node], read: Any) -> dict[str, Any]:
        """Read each entry of a section by `read(name, node, path)`."""
        node = sections.get(section)
        if node is None or plain_null(node):
            return {}
        if not isinstance(node, yaml.MappingNode):
            self.document.problem(node, section, f"found {found(node)}; expected a mapping of names to settings.")
            return {}
        result = {}
        for name, key_node, value in entries(node):
            if not NAME.match(name):
                self.document.problem(key_node, joined(section, name), f"{name!r} is no name. {NAMES_ARE}")
            result[name] = read(name, value, joined(section, name))
        return result

    def _single(self, section: str, sections: Mapping[str, yaml.Node], settings_class: type[msgspec.Struct]) -> Any:
        """Read a section that is one mapping of settings; its defaults where it is missing."""
        node = sections.get(section)
        if node is None or plain_null(node):
            return settings_class()
        return self._walker.struct(settings_class, node, section)

    def _named(self, settings_class: type[msgspec.Struct]) -> Any:
        """Return what reads an entry of a section whose settings know their name."""
        return lambda name, node, path: self._walker.struct(settings_class, node, path, given={"name": name})

    def _adapter(self, name: str, node: yaml.Node, path: str) -> Any:
        typed = TypedSettings(
            self._walker, what="type of endpoint", words=self.catalogue.types, settings_of=self.catalogue.settings_of
        )
        word, settings = typed.read(node, path)
        self._ends.declared[name] = word
        return NOTED if settings is NOTED else AdapterSettings(name=name, type=word, settings=settings)

    def _coordination(self, node: yaml.Node | None) -> Any:
        if node is None or plain_null(node):
            return CoordinationSettings()
        typed = TypedSettings(
            self._walker,
            what="backend",
            words=self.catalogue.backends,
            settings_of=self.catalogue.backend_settings,
        )
        names = [info.encode_name for info in fields_of(SharedSettings)]
        word, own = typed.read(node, "coordination", shared=names)
        if not isinstance(node, yaml.MappingNode):
            return NOTED
        shared = self._walker.struct(SharedSettings, part_of(node, names), "coordination")
        return NOTED if NOTED in (own, shared) else CoordinationSettings(type=word, shared=shared, own=own)

    def _schedule(self, name: str, node: yaml.Node, path: str) -> Any:
        schedule = self._named(CronSettings)(name, node, path)
        if schedule is not NOTED and schedule.task not in self.tasks:
            task = next(value for key, _, value in entries(cast("yaml.MappingNode", node)) if key == "task")
            what = f"there is no task {schedule.task!r}. {did_you_mean(schedule.task, self.tasks)}"
            self.document.problem(task, f"{path}.task", what)
        return schedule

    def _sync(self, name: str, node: yaml.Node, path: str) -> Any:
        sync = self._walker.struct(SyncSettings, node, path, given={"name": name})
        if isinstance(node, yaml.MappingNode):
            nodes = {key: value for key, _, value in entries(node)}
            self._ends.check(name, nodes, path)
            if sync is not NOTED and sync.rename_by and sync.rename_by not in sync.attributes:
                what = f"{sync.rename_by} is not among this sync's attributes. Map it there too."
                self.document.problem(nodes["rename_by"], f"{path}.rename_by", what)
        return sync


NAMES_ARE = "Names have letters, digits, dots, dashes and underscores, start with a letter or digit, 64 at most."


def _host_name() -> str:
    """Return this host's name as a node's name may be."""
    name = re.sub(r"[^\w.-]+", "-", platform.node()).strip("-._")[:64]
    return name or "node-1"
