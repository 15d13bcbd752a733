"""What merging needs beside the event log: which aggregates may be contested, and many histories in one go."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from engine.events.event import Event


class Histories(Protocol):
    """The log, seen aggregate by aggregate. Events come upcast, as `EventLog.history` returns them."""

    @abstractmethod
    async def contested(self) -> Sequence[str]:
        """Return every aggregate that may have a conflict, in any order: more than one head, or contests left.

        Too many do no harm, a missing one hides a conflict. Own aggregates (`engine/events/own.py`) are never among
        them.
        """

    @abstractmethod
    async def histories(self, aggregates: Iterable[str]) -> Mapping[str, Sequence[Event]]:
        """Return all events of each of these aggregates in the order of the log; none of one that is not here.

        One snapshot for all. May be asked for ten thousand at once.
        """
