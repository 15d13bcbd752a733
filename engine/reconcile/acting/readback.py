"""Reading a target again: how its changes stand now, and whether what was done is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from msgspec.structs import replace

from engine.errors import RemoteError
from engine.reconcile.acting.draining import drain
from engine.reconcile.acting.means import Means
from engine.reconcile.acting.pace import READ_PATIENCE, Patience, Retry, patiently
from engine.reconcile.deciding.staleness import Held, HeldCollector, respelled, sort_changes
from engine.reconcile.plan import Change, Snapshot, TargetPlan
from engine.reconcile.ports import Target
from engine.settings.model import SyncSettings

FRESH = timedelta(seconds=60)
"""How old a read may be when a call relies on it: long enough for most runs, short enough for pauses to matter."""
READS_IN_TEN = 1
"""Of ten seconds, how many may be spent on reading again: a target that is slow to read is believed for longer."""


@dataclass(slots=True, kw_only=True)
class Reader:
    """Reads one open target again and again during a run."""

    means: Means
    sync: SyncSettings
    target: Target
    patience: Patience = READ_PATIENCE
    fresh_until: float = float("-inf")
    """On the monotonic clock: until then the newest read may be relied on."""

    @property
    def stale(self) -> bool:
        """Say whether too much time has passed since the newest read to rely on it."""
        return self.means.clock.monotonic() > self.fresh_until

    async def held(self, target_plan: TargetPlan) -> Held:
        """Read the target now, patiently. Raises `RemoteUnavailable`, `RemoteRefused`, `IncompleteRead`."""

        async def once() -> HeldCollector:
            return await drain(self.target, HeldCollector(target_plan, self.sync))

        began = self.means.clock.monotonic()
        retry = Retry(self.patience, self.means.clock, self.means.chance)
        collector = await patiently(once, retry, self.means.clock.sleep)
        took = self.means.clock.monotonic() - began
        self.fresh_until = began + max(FRESH.total_seconds(), 10 / READS_IN_TEN * took)
        return collector.finish(self.means.now())

    async def look(self, target_plan: TargetPlan, places: Sequence[int]) -> Sighting:
        """Read the target now and tell how the changes at these places stand."""
        return sighting(target_plan, places, await self.held(_only(target_plan, places)))

    async def look_if_readable(self, target_plan: TargetPlan, places: Sequence[int]) -> Sighting | None:
        """The same, but None when the target cannot be read now."""
        try:
            return await self.look(target_plan, places)
        except RemoteError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """Places in the target's plan by what a read says about them; `snapshot` is what was read, `target_plan` the plan
    with the changes at these places calling their records as the target spells them now."""

    target_plan: TargetPlan
    needed: tuple[int, ...]
    already: tuple[int, ...]
    drifted: Mapping[int, str]
    drifted_removals: tuple[int, ...]
    unplanned: tuple[str, ...]
    snapshot: Snapshot


def sighting(target_plan: TargetPlan, places: Sequence[int], held: Held) -> Sighting:
    """Sort the changes at these places by what the target holds."""
    in_question = _only(target_plan, places)
    found = sort_changes(in_question, held)
    return Sighting(
        target_plan=_with_changes(target_plan, places, respelled(in_question, held).changes),
        needed=tuple(places[at] for at in found.needed),
        already=tuple(places[at] for at in found.already),
        drifted={places[at]: why for at, why in found.drifted.items()},
        drifted_removals=tuple(places[at] for at in found.drifted_removals),
        unplanned=found.unplanned,
        snapshot=Snapshot(
            adapter=target_plan.target,
            read_at=held.read_at,
            fingerprint=held.whole,
            proof=held.proof,
            carried=held.carried,
        ),
    )


def _with_changes(target_plan: TargetPlan, places: Sequence[int], changes: Sequence[Change]) -> TargetPlan:
    put = dict(zip(places, changes, strict=True))
    return replace(
        target_plan, changes=tuple(put.get(place, change) for place, change in enumerate(target_plan.changes))
    )


def _only(target_plan: TargetPlan, places: Sequence[int]) -> TargetPlan:
    if len(places) == len(target_plan.changes):
        return target_plan
    return replace(target_plan, changes=tuple(target_plan.changes[place] for place in places))
