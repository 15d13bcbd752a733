"""Keys as a tree: folders by their `/`, folded until somebody looks inside. Pure."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from console.presentation.ages import in_one_unit
from console.presentation.spans import Line, Span, cell, clean, fit

if TYPE_CHECKING:
    from engine.coordination.standing import Entry

SEEN = 120
"""Bytes of a value that the tree shows the beginning of; the whole is read for the key under the cursor."""
SIZE, REVISION, EXPIRY = 9, 10, 9
UNFOLDED_AT_FIRST = 40
"""With so few keys all is unfolded: nobody wants to open folders to find five keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A key without its value: what the tree has to know."""

    key: str
    revision: int
    size: int
    begins: str
    left: timedelta | None
    read_at: float
    """On the clock of elapsed time: `left` runs from there."""

    @classmethod
    def of(cls, entry: Entry, read_at: float) -> Leaf:
        """Return the leaf of an entry."""
        begins = entry.value[:SEEN].decode(errors="replace")
        return cls(
            key=entry.key,
            revision=entry.revision,
            size=len(entry.value),
            begins=begins,
            left=entry.left,
            read_at=read_at,
        )


@dataclass(frozen=True, slots=True)
class Node:
    """A row of the tree: a folder, whose path ends in `/`, or a key."""

    path: str
    depth: int
    leaf: Leaf | None = None
    count: int = 0
    """Keys below a folder."""
    unfolded: bool = False

    @property
    def place(self) -> tuple[str, bool]:
        """What tells it from all others: a key may be called as a folder is."""
        return self.path, self.leaf is None

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rstrip("/").rpartition("/")[2] + ("/" if self.leaf is None else "")


@dataclass(slots=True)
class KeyTree:
    """All keys that are known, in order, and which folders are open."""

    leaves: dict[str, Leaf] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    open: set[str] = field(default_factory=set)
    wanted: str = ""
    """Only keys with this text in them; all their folders are open then."""

    def take(self, leaves: Sequence[Leaf]) -> None:
        """Know exactly these keys."""
        self.leaves = {leaf.key: leaf for leaf in leaves}
        self.order = sorted(self.leaves)

    def update(self, leaves: Sequence[Leaf], gone: Sequence[str]) -> None:
        """Know some keys as they are now, and forget those that are gone."""
        for leaf in leaves:
            if leaf.key not in self.leaves:
                insort(self.order, leaf.key)
            self.leaves[leaf.key] = leaf
        for key in gone:
            if self.leaves.pop(key, None) is not None:
                del self.order[bisect_left(self.order, key)]

    def unfold_all(self) -> None:
        """Open every folder."""
        for key in self.order:
            self.reveal(key)

    def reveal(self, key: str) -> None:
        """Open the folders that a key is in."""
        parts = key.split("/")[:-1]
        self.open |= {"/".join(parts[:depth]) + "/" for depth in range(1, len(parts) + 1)}

    def fold(self, path: str) -> None:
        """Open a folder, or close it."""
        self.open ^= {path}

    def rows(self) -> list[Node]:
        """Return the rows that are to be seen: the inside of closed folders is skipped without being looked at."""
        if self.wanted:
            needle = self.wanted.casefold()
            found = [key for key in self.order if needle in key.casefold()]
            return list(_rows(found, None, self.leaves))
        return list(_rows(self.order, self.open, self.leaves))


def _rows(order: Sequence[str], open_: set[str] | None, leaves: dict[str, Leaf]) -> Iterator[Node]:
    """Walk sorted keys; `open_` None: every folder is open."""
    place = 0
    within: list[str] = []
    while place < len(order):
        key = order[place]
        while within and not key.startswith(within[-1]):
            within.pop()
        parent = within[-1] if within else ""
        head, separator, rest = key[len(parent) :].partition("/")
        if not separator or not rest:
            yield Node(key, len(within), leaves[key])
            place += 1
            continue
        folder = f"{parent}{head}/"
        end = bisect_left(order, f"{folder}\U0010ffff", lo=place)
        is_open = open_ is None or folder in open_
        yield Node(folder, len(within), None, end - place, is_open)
        if is_open:
            within.append(folder)
        else:
            place = end


def titles(width: int) -> Line:
    """Return the line above the tree."""
    name, value = _rooms(width)
    return (
        cell("KEY", name, "dim"),
        cell("VALUE", value, "dim"),
        cell("SIZE", SIZE, "dim", right=True),
        cell("REVISION", REVISION, "dim", right=True),
        cell("EXPIRES", EXPIRY, "dim", right=True),
    )


def _rooms(width: int) -> tuple[int, int]:
    room = width - SIZE - REVISION - EXPIRY
    name = max(20, room * 3 // 5 if width < 110 else room // 2)
    return min(name, 56), max(room - min(name, 56), 0)


def node_line(node: Node, monotonic: float, width: int) -> Line:
    """Return a row of the tree."""
    name, value = _rooms(width)
    indent = "  " * min(node.depth, 12)
    if node.leaf is None:
        sign = "▾ " if node.unfolded else "▸ "
        told = (Span(f"{indent}{sign}", "accent"), Span(clean(node.name), "strong"), Span(f"  {node.count:,}", "dim"))
        return fit(told, width)
    leaf = node.leaf
    return (
        cell(f"{indent}  {clean(node.name)}", name - 1),
        Span(" "),
        cell(clean(leaf.begins, SEEN), value - 1 if value else 0, "dim"),
        Span(" " if value else ""),
        cell(size_words(leaf.size), SIZE, "dim", right=True),
        cell(f"{leaf.revision}", REVISION, "dim", right=True),
        cell(_expiry(leaf, monotonic), EXPIRY, "warn" if leaf.left is not None else "dim", right=True),
    )


def left_of(leaf: Leaf, monotonic: float) -> timedelta | None:
    """Return how long a key has still to live; None: for ever."""
    if leaf.left is None:
        return None
    return max(leaf.left - timedelta(seconds=monotonic - leaf.read_at), timedelta())


def _expiry(leaf: Leaf, monotonic: float) -> str:
    left = left_of(leaf, monotonic)
    return "never" if left is None else f"in {in_one_unit(left)}" if left else "now"


def size_words(size: int) -> str:
    """Return a size in bytes as people say it."""
    if size < 10_000:
        return f"{size:,} B"
    return f"{size / 1_000:,.0f} kB" if size < 10_000_000 else f"{size / 1_000_000:,.1f} MB"


def empty(*, filtered: bool) -> tuple[Line, ...]:
    """Return what stands where there is no key."""
    if filtered:
        return ((Span("No key has that in it. ", "strong"), Span("esc", "accent"), Span(" shows all.")),)
    return (
        (Span("There is no key.", "strong"),),
        (),
        (Span("Keys keep small values that all nodes share: written only if nobody was quicker."),),
        (
            Span("  a ", "accent"),
            Span("adds one; "),
            Span("syncdeck keys put KEY VALUE", "accent"),
            Span(" does it from a script."),
        ),
    )
