"""The targets of a run, open and read afresh before the first call."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from engine.errors import SyncdeckError, TargetDrifted
from engine.reconcile.acting.means import Means
from engine.reconcile.acting.pace import READ_PATIENCE, Retry, patiently
from engine.reconcile.acting.readback import Reader, Sighting
from engine.reconcile.plan import TargetPlan
from engine.reconcile.ports import Target
from engine.settings.model import SyncSettings
from engine.together import together

NAMED = 10
"""How many drifted members are told one by one."""


@dataclass(slots=True, kw_only=True)
class OpenTarget:
    """One target of a run. Either it was read (`reader`, `seen`) or `error` says why not."""

    target_plan: TargetPlan
    places: Sequence[int]
    """The changes in question."""
    reader: Reader | None = None
    seen: Sighting | None = None
    error: str = ""

    @property
    def target(self) -> str:
        return self.target_plan.target


async def open_targets(
    means: Means, sync: SyncSettings, targets: Sequence[OpenTarget], stack: AsyncExitStack
) -> Sequence[OpenTarget]:
    """Enter every target and read all of them at once. One that is away has its error; the others are unharmed."""
    for one in targets:
        try:
            target = await _enter(means, one.target, stack)
        except SyncdeckError as error:
            one.error = means.redact(str(error))
        else:
            one.reader = Reader(means=means, sync=sync, target=target)
    async with together() as group:
        for one in targets:
            group.create_task(_look(means, one))
    return targets


async def _enter(means: Means, name: str, stack: AsyncExitStack) -> Target:
    async def once() -> Target:
        return await stack.enter_async_context(means.endpoints.target(name))

    return await patiently(once, Retry(READ_PATIENCE, means.clock, means.chance), means.clock.sleep)


async def _look(means: Means, one: OpenTarget) -> None:
    if one.reader is None:
        return
    try:
        one.seen = await one.reader.look(one.target_plan, one.places)
    except SyncdeckError as error:
        one.error = means.redact(str(error))
    else:
        one.target_plan = one.seen.target_plan


def refuse_drifted_removals(targets: Sequence[OpenTarget]) -> None:
    """Raise `TargetDrifted` when somebody changed a member that the plan would remove or rename."""
    sentences = [
        f"{one.target_plan.changes[place].spelling} at {one.target}: {one.seen.drifted[place]}"
        for one in targets
        if one.seen is not None
        for place in one.seen.drifted_removals
    ]
    if sentences:
        more = len(sentences) - NAMED
        sentences[NAMED:] = [f"And {more:,} more."] if more > 0 else []
        raise TargetDrifted(
            "Nothing was done, for somebody changed what this plan would remove since it was made. Make a new plan.\n"
            + "\n".join(sentences)
        )
