"""What a plan's tree is made of: entries, groups of one action, and the places of its lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from engine.reconcile.plan import Action, Change, Parked, Plan
from engine.reconcile.records import Carried

Entry = Change | Parked | Carried

FEW = 20
"""A group of at most so many items is open from the start."""


class Kind(StrEnum):
    """What a group holds. Removals come first: they are what an operator has to see."""

    REMOVE = "remove"
    RENAME = "rename"
    ADD = "add"
    UPDATE = "update"
    CHANGE = "change"
    """All actions of a target, by name."""
    PARKED = "parked"
    CARRIED = "carried"


ACTION_KINDS = {Action(kind.value): kind for kind in (Kind.REMOVE, Kind.RENAME, Kind.ADD, Kind.UPDATE)}


class Level(StrEnum):
    """What a line of the tree is."""

    GUARDS = "guards"
    GUARD = "guard"
    TARGET = "target"
    NOTE = "note"
    GROUP = "group"
    ITEM = "item"
    FIELD = "field"


@dataclass(frozen=True, slots=True)
class Place:
    """One line: its level, and the numbers of target, group, item (or guard or note) and field it belongs to."""

    level: Level
    target: int = 0
    group: int = 0
    item: int = 0
    field: int = 0


@dataclass(slots=True, kw_only=True)
class Group:
    """Items [start, end) of the tree; `order` are those shown, `unfolded` the places among them that show fields (with
    how many), in rising order."""

    target: int
    kind: Kind
    start: int
    end: int
    order: Sequence[int]
    open: bool = False
    unfolded: dict[int, int] = field(default_factory=dict)

    @property
    def height(self) -> int:
        """Lines it takes, its own included."""
        return 1 + (len(self.order) + sum(self.unfolded.values()) if self.open else 0)

    @property
    def tickable(self) -> bool:
        """It holds changes, not only what is listed for information."""
        return self.kind not in {Kind.PARKED, Kind.CARRIED}

    def place_of(self, offset: int) -> tuple[int, int | None]:
        """Return (index within `order`, field) of the line `offset` lines below the group's own first item."""
        passed = 0
        for index, height in self.unfolded.items():
            if offset <= index + passed:
                break
            if offset <= index + passed + height:
                return index, offset - index - passed - 1
            passed += height
        return offset - passed, None

    def offset_of(self, item: int, part: int | None) -> int | None:
        """Return the line of an item or one of its fields, counted as in `place_of`; None when it is not shown."""
        try:
            index = self.order.index(item)
        except ValueError:
            return None
        above = sum(height for before, height in self.unfolded.items() if before < index)
        return index + above + (1 + part if part is not None and index in self.unfolded else 0)


@dataclass(slots=True, kw_only=True)
class Contents:
    """A plan's entries in one row: target after target, action after action, then parked and carried records."""

    entries: list[Entry] = field(default_factory=list)
    changes_of: list[range] = field(default_factory=list)
    """For each target, which entries are changes."""
    groups: list[Group] = field(default_factory=list)
    searched: list[str] = field(default_factory=list)
    counts: list[dict[Action, int]] = field(default_factory=list)
    """For each target, changes by action: counted once, drawn often."""

    @classmethod
    def of(cls, plan: Plan) -> Contents:
        """Lay a plan out; a tenth of a second for 100,000 changes."""
        contents = cls()
        for number, target in enumerate(plan.targets):
            first = len(contents.entries)
            contents.counts.append({})
            for action, kind in ACTION_KINDS.items():
                changes = [change for change in target.changes if change.action is action]
                contents.counts[number][action] = len(changes)
                contents._add(number, kind, changes)
            contents.changes_of.append(range(first, len(contents.entries)))
            contents._add(number, Kind.PARKED, target.parked)
            contents._add(number, Kind.CARRIED, target.snapshot.carried if target.snapshot else ())
        contents.searched = [_words(entry) for entry in contents.entries]
        return contents

    def _add(self, target: int, kind: Kind, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        start = len(self.entries)
        self.entries += entries
        end = len(self.entries)
        few = end - start <= FEW
        self.groups.append(Group(target=target, kind=kind, start=start, end=end, order=range(start, end), open=few))


def field_count(entry: Entry) -> int:
    """Return how many lines an item unfolds to: its fields, and why."""
    if isinstance(entry, Change):
        return len(entry.fields()) + 1
    return 1


def _words(entry: Entry) -> str:
    match entry:
        case Change():
            return f"{entry.key} {entry.spelling} {entry.renamed_to} {entry.why}".casefold()
        case Parked():
            return f"{entry.spelling} {entry.reason}".casefold()
        case Carried():
            return f"{entry.label} {entry.kind}".casefold()
