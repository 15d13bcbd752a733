"""YAML files: one entry a line with comments between them, mappings, and a list in brackets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import yaml

from adapters.endpoints.yaml_file import YamlFile
from engine.reconcile.records import text_of
from tests.contracts.sandbox import Circumstance, Member, Sandbox, Surroundings
from tests.contracts.sandboxes.whole_files import NO_FILE_DOES_THIS, FileSandbox

ABOVE = "# Who is in engineering. Ask ann before you change it.\nowner: &owner 'ann'   # the lead\nteam:\n"
BELOW = "  # the end of the list\n  backup: *owner\nnorway: no\n"


class CommentedYaml(FileSandbox):
    """`team.members` is a list of mappings, one field a line, with comments above, behind and below."""

    label = "list_of_mappings"
    file_name = "eng.yaml"

    def open(self) -> YamlFile:
        settings = YamlFile.Settings(path=self.file_name, at="team.members", key="email")
        return YamlFile(settings, Surroundings(self.folder))

    def written(self, members: Sequence[Member]) -> bytes:
        entries = "".join(map(self._entry, members))
        return f"{ABOVE}  members:{'' if members else ' []'}  # by Syncdeck\n{entries}{BELOW}".encode()

    def half(self, data: bytes) -> bytes:
        return data[: data.index(b"p006000") + 7]

    async def held(self) -> Sequence[Member]:
        return [
            Member(entry["email"], {name: entry[name] for name in self.attributes if name in entry})
            for entry in self._members()
            if entry.get("email")
        ]

    async def carry(self) -> None:
        text = self.file.read_text()
        bots = "    - name: Printer bot  # no address\n    - {name: Guest, email: }\n"
        self.file.write_text(text.replace(BELOW, bots + BELOW))

    async def carried(self) -> Sequence[str]:
        return [entry["name"] for entry in self._members() if not entry.get("email")]

    async def foreign(self) -> object:
        text = self.file.read_text()
        kept = [line for line in text.splitlines() if "since: '2020" in line]
        return text[: text.index("    -")], text[text.index(BELOW) :], kept[0]

    def _entry(self, member: Member) -> str:
        fields = "".join(f"      {name}: {text_of(value)}\n" for name, value in member.attributes.items())
        return f"    - email: \"{member.spelling}\"   # known\n      since: '2020'  # a year\n{fields}"

    def _members(self) -> list[Any]:
        members: list[Any] = yaml.load(self.file.read_bytes(), Loader=yaml.CSafeLoader)["team"]["members"] or []
        return members


class BracketedYaml(FileSandbox):
    """`members` is a list of texts in brackets."""

    label = "list_in_brackets"
    file_name = "eng.yaml"
    attributes: ClassVar[tuple[str, ...]] = ()
    lacks: ClassVar = {**NO_FILE_DOES_THIS, Circumstance.ATTRIBUTES: "A plain text has no attributes."}

    def open(self) -> YamlFile:
        return YamlFile(YamlFile.Settings(path=self.file_name, at="members"), Surroundings(self.folder))

    def written(self, members: Sequence[Member]) -> bytes:
        entries = ", ".join(f'"{member.spelling}"' for member in members)
        return f"# the team\nmembers: [{entries}]  # all of them\nnorway: no\n".encode()

    def half(self, data: bytes) -> bytes:
        return data[: data.index(b"p006000") + 7]

    async def held(self) -> Sequence[Member]:
        return [Member(entry) for entry in self._entries() if entry]

    async def carry(self) -> None:
        text = self.file.read_text()
        self.file.write_text(text.replace("]  #", ", null, '']  #"))

    async def carried(self) -> Sequence[str]:
        return [repr(entry) for entry in self._entries() if not entry]

    async def foreign(self) -> object:
        text = self.file.read_text()
        around = text.partition("#")[0] if "[" in text else ""
        return around, text[: text.index("members:")], text[text.index("norway") :], "# all of them" in text

    def _entries(self) -> list[Any]:
        entries: list[Any] = yaml.load(self.file.read_bytes(), Loader=yaml.CSafeLoader)["members"] or []
        return entries


SANDBOXES: tuple[type[Sandbox], ...] = (CommentedYaml, BracketedYaml)
