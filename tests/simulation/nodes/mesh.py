"""Who can reach whom: lines, rings, stars and random meshes, and how far apart their farthest ends are."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from random import Random

Edge = tuple[int, int]

SHAPES = ("line", "ring", "star", "mesh")


def edges_of(shape: str, size: int, chance: Random) -> list[Edge]:
    """Return the edges between nodes 0 to `size` - 1; the graph is connected."""
    if shape == "star":
        return [(0, leaf) for leaf in range(1, size)]
    line = [(number, number + 1) for number in range(size - 1)]
    if shape == "line":
        return line
    if shape == "ring":
        return [*line, (0, size - 1)]
    tree = [(chance.randrange(number), number) for number in range(1, size)]
    others = [(one, other) for one in range(size) for other in range(one + 1, size) if (one, other) not in tree]
    return tree + chance.sample(others, min(len(others), size // 2))


def diameter(size: int, edges: Sequence[Edge]) -> int:
    """Return the longest of all shortest ways."""
    return max(max(_distances(start, edges).values()) for start in range(size))


def _distances(start: int, edges: Sequence[Edge]) -> dict[int, int]:
    distances = {start: 0}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        for one, other in edges:
            for begin, end in ((one, other), (other, one)):
                if begin == here and end not in distances:
                    distances[end] = distances[here] + 1
                    waiting.append(end)
    return distances
