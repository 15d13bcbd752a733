"""JSON files: a list of mappings deep inside a document, and a bare list of texts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from adapters.endpoints.json_file import JsonFile
from tests.contracts.sandbox import Circumstance, Member, Sandbox, Surroundings
from tests.contracts.sandboxes.whole_files import NO_FILE_DOES_THIS, FileSandbox


class DeepJson(FileSandbox):
    """`teams.eng.members` is a list of mappings; around it stands what Syncdeck has nothing to do with."""

    label = "list_of_mappings"
    file_name = "teams.json"

    def open(self) -> JsonFile:
        settings = JsonFile.Settings(path=self.file_name, at="teams.eng.members", key="email")
        return JsonFile(settings, Surroundings(self.folder))

    def written(self, members: Sequence[Member]) -> bytes:
        return self._bytes([{"email": member.spelling, **member.attributes, "since": 1.50} for member in members])

    def half(self, data: bytes) -> bytes:
        return data[: data.index(b"p006000") + 7]

    async def held(self) -> Sequence[Member]:
        return [
            Member(entry["email"], {name: entry[name] for name in self.attributes if name in entry})
            for entry in self._members()
            if entry.get("email")
        ]

    async def carry(self) -> None:
        self.file.write_bytes(
            self._bytes([*self._members(), {"name": "Printer bot"}, {"name": "Guest", "email": None}])
        )

    async def carried(self) -> Sequence[str]:
        return [entry["name"] for entry in self._members() if not entry.get("email")]

    async def foreign(self) -> object:
        text = self.file.read_text()
        ann = next(entry for entry in self._members() if str(entry.get("email")).startswith("ann"))
        return {"before": text[: text.index('"members"')], "after": text[text.rindex("]") :], "since": ann["since"]}

    def _bytes(self, members: Sequence[Any]) -> bytes:
        document = {
            "version": 1.10,
            "teams": {"eng": {"lead": "zoë", "members": members}, "ops": {"members": ["x@acme.example"]}},
        }
        text = json.dumps(document, indent=4, ensure_ascii=False).replace("1.1,", "1.10,", 1)
        return f"{text}\n".encode()

    def _members(self) -> list[Any]:
        members: list[Any] = json.loads(self.file.read_bytes())["teams"]["eng"]["members"]
        return members


class BareJson(FileSandbox):
    """The file is a list of texts on one line."""

    label = "list_of_texts"
    file_name = "members.json"
    attributes: ClassVar[tuple[str, ...]] = ()
    lacks: ClassVar = {
        **NO_FILE_DOES_THIS,
        Circumstance.ATTRIBUTES: "A plain text has no attributes.",
        Circumstance.FOREIGN_FIELDS: "The file holds nothing but the list.",
    }

    def open(self) -> JsonFile:
        return JsonFile(JsonFile.Settings(path=self.file_name), Surroundings(self.folder))

    def written(self, members: Sequence[Member]) -> bytes:
        return json.dumps([member.spelling for member in members]).encode()

    def half(self, data: bytes) -> bytes:
        return data[: data.index(b"p006000") + 7]

    async def held(self) -> Sequence[Member]:
        return [Member(entry) for entry in self._entries() if entry]

    async def carry(self) -> None:
        self.file.write_text(json.dumps([*self._entries(), None, ""]))

    async def carried(self) -> Sequence[str]:
        return [repr(entry) for entry in self._entries() if not entry]

    def _entries(self) -> list[Any]:
        entries: list[Any] = json.loads(self.file.read_bytes())
        return entries


SANDBOXES: tuple[type[Sandbox], ...] = (DeepJson, BareJson)
