"""A tree of keys as rows; only those on the screen are drawn."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from console.presentation.key_tree import Node
from console.presentation.spans import Line
from console.widgets.record_list import Rows


class KeyRows(Rows):
    """Keys of the rows are the nodes' places."""

    def __init__(self, nodes: Sequence[Node], draw: Callable[[Node, int], Line]) -> None:
        self._nodes = nodes
        self._draw = draw
        self._places: dict[Hashable, int] = {node.place: place for place, node in enumerate(nodes)}

    def __len__(self) -> int:
        return len(self._nodes)

    def key_at(self, index: int) -> Hashable:
        return self._nodes[index].place

    def index_of(self, key: Hashable) -> int | None:
        return self._places.get(key)

    def node(self, key: Hashable) -> Node | None:
        """Return the node of a row."""
        place = self.index_of(key)
        return None if place is None else self._nodes[place]

    def line_at(self, index: int, width: int) -> Line | None:
        return self._draw(self._nodes[index], width)
