"""Whose an event is: the node that wrote it."""

from __future__ import annotations


def node_of(origin: str) -> str:
    """Return the name of the node that writes, or wrote, under an origin."""
    return origin.rpartition("~")[0] or origin
