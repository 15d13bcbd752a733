"""A plan as a list that folds and in which items are taken in and out."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message

from console.keymap import bindings
from console.presentation.change_filter import ChangeFilter
from console.presentation.change_lines import tree_line
from console.presentation.change_tree import ChangeTree
from console.presentation.changes import Group, Level, Place
from console.presentation.spans import Line
from console.widgets.record_list import RecordList, Rows


class TreeRows(Rows):
    """The lines of a `ChangeTree`; a line's key is its place."""

    def __init__(self, tree: ChangeTree) -> None:
        self.tree = tree

    def __len__(self) -> int:
        return len(self.tree)

    def key_at(self, index: int) -> Place:
        return self.tree.at(index)

    def index_of(self, key: Hashable) -> int | None:
        return self.tree.line_of(key) if isinstance(key, Place) else None

    def line_at(self, index: int, width: int) -> Line | None:
        return tree_line(self.tree, self.tree.at(index), width)


class DifferenceView(RecordList):
    """Says `Ticked` when something was taken in or out."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("difference")]

    class Ticked(Message):
        """What is taken has changed."""

    plan_tree: ChangeTree | None = None
    choosable = True
    """Whether items can be taken in and out: a plan that has run or was rejected is only looked at."""

    def show_tree(self, tree: ChangeTree) -> None:
        """Show another plan."""
        self.plan_tree = tree
        self.show(TreeRows(tree))

    def rearrange(self, groups: list[Group], wanted: ChangeFilter, *, by_name: bool) -> None:
        """Show what `ChangeTree.arranged` found."""
        if self.plan_tree is not None:
            self.plan_tree.arrange(groups, wanted, by_name=by_name)
            self.rows_changed()

    @property
    def place(self) -> Place | None:
        """The line under the cursor."""
        return self.key if isinstance(self.key, Place) else None

    # -- folding ----------------------------------------------------------------------------------------------------

    def action_open(self) -> None:
        place = self.place
        if place is not None and place.level is Level.FIELD and self.plan_tree is not None:
            self.action_fold()
        elif place is not None:
            self._fold(place, None)

    def action_unfold(self) -> None:
        place = self.place
        if place is not None and not self._fold(place, wanted=True):
            self.action_cursor(1)

    def action_fold(self) -> None:
        """Close what the cursor is on; what is closed already, or cannot be, sends the cursor to its head."""
        place = self.place
        if place is None or self.plan_tree is None:
            return
        if place.level is Level.FIELD or not self._fold(place, wanted=False):
            self.go_to_key(self.plan_tree.parent_of(place))
            if place.level is Level.FIELD:
                self._fold(self.plan_tree.parent_of(place), wanted=False)

    def action_unfold_all(self) -> None:
        if self.plan_tree is not None:
            self.plan_tree.fold_all()
            self.rows_changed()
            self.keep_in_sight()

    def _fold(self, place: Place, wanted: bool | None) -> bool:
        if self.plan_tree is None or not self.plan_tree.fold(place, wanted):
            return False
        self.rows_changed()
        return True

    # -- taking in and out ------------------------------------------------------------------------------------------

    def action_tick(self) -> None:
        place = self.place
        if place is None or self.plan_tree is None or not self.choosable:
            return
        self.plan_tree.ticks.tick(self.plan_tree.items_under(place))
        self._ticked()
        if place.level is Level.ITEM:
            self.action_cursor(1)

    def action_tick_all(self) -> None:
        if self.plan_tree is not None and self.choosable:
            self.plan_tree.ticks.tick(self.plan_tree.shown_changes())
            self._ticked()

    def action_invert(self) -> None:
        if self.plan_tree is not None and self.choosable:
            self.plan_tree.ticks.invert(self.plan_tree.shown_changes())
            self._ticked()

    def _ticked(self) -> None:
        self.redraw()
        self.post_message(self.Ticked())
