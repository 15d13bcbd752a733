"""A batch that fails as a whole because of one item in it: halve it until the culprit stands alone."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from engine.reconcile.plan import Change
from engine.reconcile.ports import Outcome


class Attempt(Protocol):
    """One call for some changes."""

    @abstractmethod
    async def __call__(self, changes: Sequence[Change], /) -> Sequence[Outcome] | None:
        """Return each change's outcome, in order; None when the target refused them together and did none of them.

        Never None for a single change.
        """


async def bisect(changes: Sequence[Change], attempt: Attempt) -> list[Outcome]:
    """Return the outcome of every change, in order. k culprits among n cost about k·log2(n) calls more."""
    if not changes:
        return []
    outcomes = await attempt(changes)
    if outcomes is not None:
        return list(outcomes)
    middle = len(changes) // 2
    if not middle:
        raise RuntimeError("an attempt gave no outcome for a single change")
    return [*await bisect(changes[:middle], attempt), *await bisect(changes[middle:], attempt)]
