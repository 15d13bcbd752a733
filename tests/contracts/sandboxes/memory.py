"""A set in this process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from adapters.endpoints.memory import SETS, Memory
from tests.contracts.sandbox import Circumstance, Member, Sandbox, Surroundings
from tests.contracts.sandboxes.whole_files import NO_FILE_DOES_THIS


class MemorySet(Sandbox):
    """Mappings in a list that only this sandbox names."""

    label = "mappings"
    attributes: ClassVar[tuple[str, ...]] = ("name", "role")
    lacks: ClassVar = {
        **NO_FILE_DOES_THIS,
        Circumstance.MISSING: "A set in this process comes into being when it is opened.",
        Circumstance.WRONG_CREDENTIALS: "A set in this process asks for nothing.",
        Circumstance.NO_RIGHTS: "A set in this process knows no users.",
        Circumstance.SERVER_ERROR: "A list in memory does not fail.",
        Circumstance.CUT_SHORT: "A list in memory is always whole.",
    }

    def open(self) -> Memory:
        return Memory(Memory.Settings(key="email", shared=str(self.folder)), Surroundings(self.folder))

    async def fill(self, members: Sequence[Member]) -> None:
        SETS[str(self.folder)] = [{"email": member.spelling, **member.attributes, "since": 2020} for member in members]

    async def held(self) -> Sequence[Member]:
        return [
            Member(entry["email"], {name: entry[name] for name in self.attributes if name in entry})
            for entry in self._entries()
            if entry["email"]
        ]

    async def carry(self) -> None:
        self._entries().extend([{"email": None, "name": "Printer bot"}, {"email": "", "name": "Guest"}])

    async def carried(self) -> Sequence[str]:
        return [entry["name"] for entry in self._entries() if not entry["email"]]

    async def foreign(self) -> object:
        return next(entry["since"] for entry in self._entries() if entry["email"].startswith("ann"))

    def _entries(self) -> list[Any]:
        return SETS[str(self.folder)]


SANDBOXES: tuple[type[Sandbox], ...] = (MemorySet,)
