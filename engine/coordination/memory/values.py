"""Keys in a dict: the reference for all backends. Every method is one atomic step at the moment `now` of a monotonic
clock."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from engine.coordination.memory.holdings import Tell, left_of
from engine.coordination.standing import Change, Entry, Kind, Revision
from engine.errors import KeyChanged


@dataclass(slots=True, kw_only=True)
class Value:
    """What stands under a key."""

    value: bytes
    revision: Revision
    deadline: float | None


class Values:
    """Keys."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._revisions = count(1)
        self._values: dict[str, Value] = {}
        self._deadlines: dict[str, float] = {}
        """Of the keys that expire, which are few: they are looked through at every step."""

    def next_deadline(self) -> float | None:
        """Return when the next key expires."""
        return min(self._deadlines.values(), default=None)

    def sweep(self, now: float) -> None:
        """Remove what has expired."""
        for key in [key for key, deadline in self._deadlines.items() if deadline <= now]:
            self.remove(key)

    def get(self, key: str, now: float) -> Entry | None:
        value = self._values.get(key)
        if value is None:
            return None
        left = None if value.deadline is None else left_of(value.deadline, now)
        return Entry(key=key, value=value.value, revision=value.revision, left=left)

    def expect(self, key: str, expected: Revision | None) -> None:
        """Raise `KeyChanged` unless the key has this revision."""
        found = self._values.get(key)
        revision = found.revision if found is not None else Revision(0)
        if expected is not None and expected != revision:
            there = f"has revision {revision}" if revision else "is not there"
            raise KeyChanged(f"{key} {there}; {expected} was expected. Read it again.", key=key, revision=revision)

    def put(self, key: str, value: bytes, deadline: float | None) -> Revision:
        revision = Revision(next(self._revisions))
        self._values[key] = Value(value=value, revision=revision, deadline=deadline)
        self._deadlines.pop(key, None)
        if deadline is not None:
            self._deadlines[key] = deadline
        self._tell(Change(kind=Kind.KEY, name=key, entry=Entry(key=key, value=value, revision=revision)))
        return revision

    def remove(self, key: str) -> bool:
        if self._values.pop(key, None) is None:
            return False
        self._deadlines.pop(key, None)
        self._tell(Change(kind=Kind.KEY, name=key))
        return True

    def entries(self, prefix: str, after: str, limit: int, now: float) -> list[Entry]:
        keys = sorted(key for key in self._values if key.startswith(prefix) and key > after)[:limit]
        return [entry for key in keys if (entry := self.get(key, now)) is not None]
