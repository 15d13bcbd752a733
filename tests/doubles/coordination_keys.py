"""Keys without a backend: revisions rise, and what was changed meanwhile is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

from engine.coordination.promises import Feature
from engine.coordination.standing import Entry, Kind, Revision
from engine.errors import KeyChanged
from tests.doubles.coordination_wire import Wire


@dataclass
class ScriptedKeyspace:
    """Keys in a dictionary."""

    wire: Wire
    entries: dict[str, Entry] = field(default_factory=dict)
    revisions: count[int] = field(default_factory=lambda: count(1))
    quicker: dict[str, bytes] = field(default_factory=dict)
    """What somebody else writes just before the next write of a key."""

    def arrange(self, key: str, value: bytes, left: timedelta | None = None) -> Entry:
        """Have a key there, as if somebody else had written it."""
        entry = Entry(key=key, value=value, revision=Revision(next(self.revisions)), left=left)
        self.entries[key] = entry
        self.wire.tell(Kind.KEY, f"key/{key}", entry)
        return entry

    def vanish(self, key: str) -> None:
        """Have a key go, as if it had expired."""
        del self.entries[key]
        self.wire.tell(Kind.KEY, f"key/{key}")

    async def get(self, key: str) -> Entry | None:
        self.wire.ask("get", key)
        return self.entries.get(key)

    async def list(self, prefix: str = "", *, after: str = "", limit: int = 1_000) -> Sequence[Entry]:
        self.wire.ask("list", prefix, after, limit, needs=Feature.LIST)
        found = sorted(key for key in self.entries if key.startswith(prefix) and key > after)
        return [self.entries[key] for key in found[:limit]]

    async def put(
        self,
        key: str,
        value: bytes,
        *,
        expected: Revision | None = None,
        expires: timedelta | None = None,
        reason: str = "",
    ) -> Revision:
        self.wire.ask("put", key, value, expected, expires, reason)
        if key in self.quicker:
            self.arrange(key, self.quicker.pop(key))
        self._check(key, expected)
        return self.arrange(key, value, expires).revision

    async def delete(self, key: str, *, expected: Revision | None = None, reason: str = "") -> bool:
        self.wire.ask("delete key", key, expected, reason)
        self._check(key, expected)
        if key in self.entries:
            self.vanish(key)
            return True
        return False

    def _check(self, key: str, expected: Revision | None) -> None:
        there = self.entries[key].revision if key in self.entries else 0
        if expected is not None and expected != there:
            raise KeyChanged(f"The key {key} has revision {there}, not {expected}.", key=key, revision=there)
