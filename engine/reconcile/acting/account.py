"""The account of one target's items within a run: what the journal knows of them, kept in step with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from engine.reconcile.acting.means import Means
from engine.reconcile.acting.progress import Progress
from engine.reconcile.history import ItemState, Lease, RunId, RunItem
from engine.reconcile.plan import Change, TargetPlan

ENDED_WELL = frozenset({ItemState.DONE, ItemState.ALREADY})
OPEN = frozenset({ItemState.PENDING, ItemState.INTENT})


class Account:
    """Items of one target by their place in `TargetPlan.changes`. Everything noted here is durable first."""

    def __init__(self, means: Means, run: RunId, target_plan: TargetPlan, items: Sequence[RunItem]) -> None:
        """Take over the target's items as the journal holds them, in the plan's order."""
        self.target_plan = target_plan
        self.progress = Progress(means, run, target_plan.target, len(items))
        self._means = means
        self._run = run
        self._items = list(items)
        self.progress.ended(self._count(ENDED_WELL), failed=0)

    @property
    def target(self) -> str:
        return self.target_plan.target

    def change(self, place: int) -> Change:
        """Return the change at a place."""
        return self.target_plan.changes[place]

    def item(self, place: int) -> RunItem:
        """Return the item at a place, as last noted."""
        return self._items[place]

    def places(self, states: frozenset[ItemState]) -> list[int]:
        """Return the places of items in these states, in the plan's order."""
        return [place for place, item in enumerate(self._items) if item.state in states]

    def counts(self) -> dict[str, int]:
        """Return how many items are in which state."""
        return dict(Counter(item.state.value for item in self._items))

    async def intend(self, places: Sequence[int], lease: Lease) -> None:
        """Write the intent for these. Raises `Locked` when the lease is no longer ours."""
        now = self._means.now()
        await self._means.journal.intend(self._run, [self._items[place].index for place in places], lease, now)
        for place in places:
            item = self._items[place]
            self._items[place] = replace(item, state=ItemState.INTENT, attempt=item.attempt + 1, at=now)

    async def conclude(self, endings: Mapping[int, tuple[ItemState, str]]) -> None:
        """Write how the items at these places ended, with the reason."""
        if not endings:
            return
        ended = [replace(self._items[place], state=state, reason=why) for place, (state, why) in endings.items()]
        await self._means.journal.conclude(self._run, ended, self._means.now())
        for place, item in zip(endings, ended, strict=True):
            self._items[place] = item
        final = [item for item in ended if item.state not in (ItemState.PENDING, ItemState.CANCELLED)]
        self.progress.ended(len(final), failed=sum(item.state not in ENDED_WELL for item in final))

    async def conclude_all(self, places: Sequence[int], state: ItemState, why: str = "") -> None:
        """Write that all of these ended alike."""
        await self.conclude(dict.fromkeys(places, (state, why)))

    def _count(self, states: frozenset[ItemState]) -> int:
        return sum(item.state in states for item in self._items)
