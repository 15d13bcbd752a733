"""Keys: a tree, and the value of the one under the cursor; written only if nobody was quicker."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import BindingType

from console.keymap import bindings
from console.panes.changed import Changed
from console.panes.key_editing import KeyEditing
from console.presentation import key_tree as tree
from console.presentation import key_values as values
from console.presentation.spans import Line, Span
from console.widgets.key_rows import KeyRows
from console.widgets.record_list import NoRows, RecordList, Rows
from engine.coordination.naming import KEY
from engine.coordination.promises import Feature

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.coordination.standing import Entry

PAGE = 500
MOST = 100_000
"""Keys that are listed; more are said to be more."""
MOST_CHANGED = 50
"""With more keys changed at once, all are read again."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was read: all keys there are, or only what became of some that changed."""

    leaves: Sequence[tree.Leaf]
    gone: Sequence[str] = ()
    whole: bool = False


class KeysPane(KeyEditing):
    """A tree by the `/` in the keys."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("keys")]
    title = "Keys"
    about = "the keys"
    feature = Feature.LIST
    hint = "part of a key"

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.key_tree = tree.KeyTree()
        self.form: values.Form | None = None
        """How values are shown, once somebody chose; else as each is best shown."""
        self.changed = Changed(KEY, MOST_CHANGED)

    # -- reading ----------------------------------------------------------------------------------------------------

    def question(self) -> Callable[[Engine], Awaitable[Found]]:
        changed = self.changed.take()
        return _read_all if changed is None else partial(_read_some, changed)

    def took(self, found: Found) -> None:
        if found.whole:
            self.key_tree.take(found.leaves)
            if len(found.leaves) <= tree.UNFOLDED_AT_FIRST and not self.known:
                self.key_tree.unfold_all()
        else:
            self.key_tree.update(found.leaves, found.gone)

    def overdue(self) -> bool:
        now = self.now_elapsed
        return any(leaf.left is not None and not tree.left_of(leaf, now) for leaf in self.key_tree.leaves.values())

    @property
    def now_elapsed(self) -> float:
        """The clock of elapsed time, which stands still while the backend is gone."""
        return self.elapsed if self.lost_at is None else self.lost_at

    # -- showing ----------------------------------------------------------------------------------------------------

    def head(self, width: int) -> Sequence[Line]:  # noqa: ARG002  as wide as the list
        return (tree.titles(self.row_width),) if self.key_tree.leaves else ()

    def rows(self) -> Rows:
        return KeyRows(self.key_tree.rows(), lambda node, width: tree.node_line(node, self.now_elapsed, width))

    def draw(self) -> None:
        super().draw()
        if not self.blank:
            self.read_value()

    def narrowed(self) -> None:
        self.key_tree.wanted = self.wanted
        super().narrowed()

    def empty(self) -> Iterable[Line]:
        return tree.empty(filtered=bool(self.wanted))

    def detail(self, width: int) -> Sequence[Line]:
        node = self.node
        if node is None:
            return ()
        if node.leaf is None:
            below = [leaf.size for key, leaf in self.key_tree.leaves.items() if key.startswith(node.path)]
            return values.folder_lines(node.path, len(below), sum(below), width)
        entry = self.entry
        if entry is None or entry.key != node.path:
            return [(Span("…", "dim"),)]
        form = self.form or values.natural(entry.value)
        return values.detail(entry, form, tree.left_of(node.leaf, self.now_elapsed), width)

    @property
    def node(self) -> tree.Node | None:
        """The row under the cursor."""
        rows = self.records.rows
        within = getattr(rows, "within", NoRows())
        return within.node(self.records.key) if isinstance(within, KeyRows) else None

    @property
    def leaf(self) -> tree.Leaf | None:
        """The key under the cursor."""
        node = self.node
        return node.leaf if node is not None else None

    @property
    def audited(self) -> str:
        return f"coordination:key/{self.leaf.key}" if self.leaf is not None else ""

    # -- the value under the cursor ---------------------------------------------------------------------------------

    @on(RecordList.Moved)
    def other_key(self) -> None:
        self.read_value()

    def read_value(self) -> None:
        """Read the value under the cursor, unless it is here already."""
        leaf = self.leaf
        if leaf is None or self.lost_at is not None:
            return
        if self.entry is None or (self.entry.key, self.entry.revision) != (leaf.key, leaf.revision):
            self.place.ask("read the key", partial(_read_one, leaf.key), self._took_value, failed=self._failed)

    def _took_value(self, entry: Entry | None) -> None:
        if entry is not None:
            self.entry = entry
        self.panel.draw_afresh()
        self.place.hint_again()

    # -- keys -------------------------------------------------------------------------------------------------------

    def open_row(self) -> None:
        if self.node is not None and self.node.leaf is None:
            self.fold(self.node.path)
        else:
            super().open_row()

    def fold(self, path: str) -> None:
        """Open a folder, or close it."""
        self.key_tree.fold(path)
        self.draw()

    def action_unfold(self) -> None:
        node = self.node
        if node is not None and node.leaf is None and not node.unfolded:
            self.fold(node.path)

    def action_fold(self) -> None:
        """Close the folder, or go to the one that this is in."""
        node = self.node
        if node is None:
            return
        if node.unfolded and not self.wanted:
            self.fold(node.path)
        else:
            parent = node.path.rstrip("/").rpartition("/")[0]
            self.records.go_to_key((f"{parent}/", True))

    def action_form(self) -> None:
        if self.entry is not None:
            self.form = (self.form or values.natural(self.entry.value)).following
            self.panel.show(self._shown_detail)

    def impossible(self, action: str) -> str:
        if action in {"add_key", "fold", "unfold"}:
            return ""
        if self.node is None:
            return "There is no key here: a adds one."
        return "" if self.leaf is not None else "This is a folder: go to one of its keys."

    def copied(self) -> str:
        return self.node.path if self.node is not None else ""

    def command(self) -> str:
        return f"syncdeck keys get {self.leaf.key}" if self.leaf is not None else "syncdeck keys list"


async def _read_all(engine: Engine) -> Found:
    leaves: list[tree.Leaf] = []
    after = ""
    while len(leaves) < MOST:
        page = await engine.coordination.keys.list("", after=after, limit=PAGE)
        read_at = engine.clock.monotonic()
        leaves += [tree.Leaf.of(entry, read_at) for entry in page]
        if len(page) < PAGE:
            break
        after = page[-1].key
    return Found(leaves, whole=True)


async def _read_some(keys: Sequence[str], engine: Engine) -> Found:
    entries = {key: await engine.coordination.keys.get(key) for key in keys}
    read_at = engine.clock.monotonic()
    there = [tree.Leaf.of(entry, read_at) for entry in entries.values() if entry is not None]
    return Found(there, [key for key, entry in entries.items() if entry is None])


async def _read_one(key: str, engine: Engine) -> Entry | None:
    return await engine.coordination.keys.get(key)
