"""What a tab has to read again of a long list: all of it, or only what changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from console.panes.deeds import DoingPane

if TYPE_CHECKING:
    from engine.coordination.standing import Change


class Changed:
    """The names under a prefix that changed since the last reading; everything may have at first, and whenever changes
    may have been missed."""

    def __init__(self, prefix: str, most: int) -> None:
        self._prefix = prefix
        self._most = most
        """With more of them at once, everything is read again."""
        self._names: set[str] | None = None

    def __bool__(self) -> bool:
        """Tell whether there is anything to read."""
        return self._names is None or bool(self._names)

    def hear(self, changes: Iterable[Change]) -> None:
        for change in changes:
            if change.kind == "synced":
                self._names = None
            elif change.name.startswith(self._prefix) and self._names is not None:
                self._names.add(change.name.removeprefix(self._prefix))

    def forget(self) -> None:
        """Let everything be read."""
        self._names = None

    def take(self) -> Sequence[str] | None:
        """Return the names to read, by name; None: everything. From now on they count as read."""
        names, self._names = self._names, set()
        return None if names is None or len(names) > self._most else sorted(names)


class ChangingPane(DoingPane):
    """A tab that reads again only what changed; `changed` is for the subclass to set, and to take in `question`."""

    changed: Changed

    def look(self) -> None:
        self.changed.forget()
        super().look()

    def heard(self, changes: Iterable[Change]) -> None:
        self.changed.hear(changes)
        if self.changed:
            self.look_soon()
