"""Carrying out one target's changes, batch by batch: intent before, outcome after, and no guessing in between."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence

from engine.errors import RemoteError, RemoteRefused, RemoteUnavailable
from engine.reconcile.acting.account import OPEN, Account
from engine.reconcile.acting.means import Means
from engine.reconcile.acting.pace import Pace, Patience, Retry
from engine.reconcile.acting.readback import Reader
from engine.reconcile.acting.settling import settle
from engine.reconcile.acting.stopping import Stop
from engine.reconcile.history import ItemState, Lease
from engine.reconcile.plan import ORDER, Action
from engine.reconcile.ports import Outcome, Result, Target
from engine.settings.model import Mode
from engine.together import together

HOPELESS = 20
"""Refusals of whole batches in a row, none accepted between, after which a split stops looking for a culprit: more
than it takes to find one among a million."""

DOING = {Action.ADD: "adding", Action.UPDATE: "updating", Action.RENAME: "renaming", Action.REMOVE: "removing"}

UNMADE = OPEN | {ItemState.FAILED, ItemState.CANCELLED}
"""States of an addition that may still work, or that nobody has heard of."""

ENDINGS = {
    Result.DONE: ItemState.DONE,
    Result.ALREADY: ItemState.ALREADY,
    Result.REFUSED: ItemState.REFUSED,
}


class Carrier:
    """Carries out changes of one open target. `away` is the sentence of why it gave up on the target, if it did."""

    def __init__(self, means: Means, account: Account, reader: Reader, lease: Callable[[], Lease], stop: Stop) -> None:
        self.away = ""
        self._means = means
        self._account = account
        self._reader = reader
        self._target: Target = reader.target
        self._lease = lease
        self._stop = stop
        self._pace = Pace(self._target.limits, means.clock, stop)
        self._refusals_in_a_row = 0
        self._needed: Sequence[int] = ()
        self._called: set[int] = set()
        """Under way, or ended: a read says nothing of these. Those that wait for another try are not among them."""
        self._gate = asyncio.Lock()
        """Held while the target is read again: no call begins on what an older read has shown."""

    async def carry_out(self, mode: Mode, needed: Sequence[int], patience: Patience) -> None:
        """Make the calls for these places in the mode's order; then every one of them has ended, except those whose
        fate could not be read back: they stay intents. Raises `Locked` when the lease was lost."""
        self._needed = needed
        for action in _order(mode):
            places = [place for place in needed if self._account.change(place).action is action]
            if self.away or self._stop.asked:
                break
            if action is Action.REMOVE and mode is not Mode.REMOVE_ADD and (why := self._why_nobody_may_go()):
                await self._account.conclude_all(places, ItemState.CANCELLED, why)
            else:
                await self._phase(action, places, patience)
        left = [place for place in needed if self._account.item(place).state is ItemState.PENDING]
        if self.away:
            await self._account.conclude_all(left, ItemState.FAILED, f"Not tried: {self.away}")
        else:
            await self._account.conclude_all(left, ItemState.CANCELLED, "The run was asked to stop before this.")

    async def _phase(self, action: Action, places: Sequence[int], patience: Patience) -> None:
        size = max(1, self._target.limits.batch_size)
        batches = deque(
            (f"{DOING[action]} {start + 1}-{start + len(batch)} of {len(places)}", batch)
            for start in range(0, len(places), size)
            for batch in [places[start : start + size]]
        )

        async def work_off() -> None:
            while batches and not self.away and not self._stop.asked:
                words, batch = batches.popleft()
                self._account.progress.doing(words)
                await self._carry(batch, Retry(patience, self._means.clock, self._means.chance))

        async with together() as group:
            for _ in range(min(max(1, self._target.limits.concurrency), len(batches))):
                group.create_task(work_off())

    async def _carry(self, batch: Sequence[int], retry: Retry) -> None:
        """Call for one batch until each of its items has ended, patience has, or the run was asked to stop."""
        waiting = list(batch)
        while waiting and not self.away:
            if not await self._pace.admit():
                left = self._open(waiting)
                await self._account.conclude_all(left, ItemState.CANCELLED, "The run was asked to stop before this.")
                return
            async with self._gate:
                waiting = await self._still_to_do(waiting)
                self._called.update(waiting)
            if not waiting or self.away:
                continue
            await self._account.intend(waiting, self._lease())
            self._lease()  # writing the intent took its time: the lock may be gone since
            try:
                outcomes = await self._target.write([self._account.change(place) for place in waiting])
            except RemoteRefused as error:
                await self._refused(waiting, error, retry)
                return
            except RemoteUnavailable as error:
                waiting = await self._unavailable(waiting, error, retry)
            else:
                self._refusals_in_a_row = 0
                waiting = await self._ended(waiting, outcomes, retry)
        await self._account.conclude_all(self._open(waiting), ItemState.FAILED, f"Not tried again: {self.away}")

    async def _ended(self, batch: list[int], outcomes: Sequence[Outcome], retry: Retry) -> list[int]:
        if len(outcomes) != len(batch):  # which belongs to which cannot be told
            outcomes = [Outcome(result=Result.UNKNOWN)] * len(batch)
        await self._account.conclude(
            {
                place: (ENDINGS[outcome.result], self._means.redact(outcome.reason))
                for place, outcome in zip(batch, outcomes, strict=True)
                if outcome.result is not Result.UNKNOWN
            }
        )
        unknown = [place for place, outcome in zip(batch, outcomes, strict=True) if outcome.result is Result.UNKNOWN]
        if not unknown:
            return []
        silence = RemoteUnavailable(f"{self._account.target} does not say how the change ended.", maybe_done=True)
        return await self._unavailable(unknown, silence, retry)

    async def _unavailable(self, batch: list[int], error: RemoteUnavailable, retry: Retry) -> list[int]:
        """Return what has to be tried again, after having read back what may have been done."""
        if error.maybe_done:
            batch = await self._read_back(batch, error)
            if not batch:
                return []
        pause = retry.pause_after(error)
        if pause is None:
            self.away = self.away or self._means.redact(str(error))
            await self._account.conclude_all(batch, ItemState.FAILED, self._means.redact(str(error)))
            return []
        if not error.maybe_done:  # not an intent any more: who is there when somebody looks is not our doing
            await self._account.conclude_all(batch, ItemState.PENDING)
        self._called.difference_update(batch)
        self._pace.hold(pause)
        self._account.progress.doing(_waiting(self._account.target, error, pause.total_seconds()))
        return batch

    async def _read_back(self, batch: list[int], error: RemoteUnavailable) -> list[int]:
        """Return which of these are still needed; the others have ended as the target shows. When it cannot be read
        they stay intents, and the target counts as away."""
        self._account.progress.doing("reading back")
        try:
            async with self._gate:
                return await self._look_again(batch)
        except RemoteError as unreadable:
            self.away = self._means.redact(
                f"{error} Whether the change was made could not be read back: {unreadable} "
                "Resume the run when the target can be read again."
            )
            return []

    async def _still_to_do(self, batch: Sequence[int]) -> list[int]:
        """Return which of these have not ended meanwhile, after a fresh look when the newest is too old to rely on."""
        batch = self._open(batch)
        if not batch or not self._reader.stale:
            return batch
        self._account.progress.doing("reading again")
        try:
            return await self._look_again(batch)
        except RemoteError as unreadable:
            self.away = self._means.redact(
                f"{self._account.target} could not be read again before the next call: {unreadable}"
            )
            return batch

    def _open(self, batch: Sequence[int]) -> list[int]:
        """Return which of these no read has ended meanwhile."""
        return [place for place in batch if self._account.item(place).state in OPEN]

    async def _look_again(self, batch: Sequence[int]) -> list[int]:
        """Return which of these are still needed. The others have ended as the target shows, and so has everything
        that waits for its call: what a read shows, no later call may ignore."""
        waiting = set(self._needed) - self._called
        places = sorted(waiting.union(batch) & set(self._account.places(OPEN)))
        seen = await self._reader.look(self._account.target_plan, places)
        self._account.target_plan = seen.target_plan
        return sorted(set(await settle(self._account, seen)).intersection(batch))

    async def _refused(self, batch: list[int], error: RemoteRefused, retry: Retry) -> None:
        """Park the culprit of a refused batch; try the others without it, half by half."""
        self._refusals_in_a_row += 1
        if len(batch) == 1 or self._refusals_in_a_row > HOPELESS:
            await self._account.conclude_all(batch, ItemState.REFUSED, self._means.redact(str(error)))
            return
        middle = len(batch) // 2
        await self._carry(batch[:middle], retry)
        await self._carry(batch[middle:], retry)

    def _why_nobody_may_go(self) -> str:
        """Return the sentence that holds removals back: additions were called for, in this run or before, and are not
        known to have worked, or not a single one was accepted. One refused among others is parked, and the rest goes
        on: it would be refused again, and hold everybody back for ever."""
        counts = Counter(
            self._account.item(place).state
            for place, change in enumerate(self._account.target_plan.changes)
            if change.action is Action.ADD
        )
        target, refused = self._account.target, counts[ItemState.REFUSED]
        if unmade := sum(counts[state] for state in UNMADE):
            what = f"{_additions(unmade)} to {target} did not work"
            way_out = "Resume the run, or select the removals alone."
        elif refused and not counts[ItemState.DONE]:
            what = f"{target} refused {'the only addition' if refused == 1 else f'every one of {refused} additions'}"
            way_out = "See why it refuses (single refusals hold nobody back), or select the removals alone."
        else:
            return ""
        return f"Not removed, because {what} and nobody is taken out before those who should be in are. {way_out}"


def _order(mode: Mode) -> tuple[Action, ...]:
    """Return the mode's order, with whatever else an undo may hold at the end of it."""
    return (*ORDER[mode], *(action for action in ORDER[Mode.ADD_REMOVE] if action not in ORDER[mode]))


def _additions(count: int) -> str:
    return "1 addition" if count == 1 else f"{count} additions"


def _waiting(target: str, error: RemoteUnavailable, seconds: float) -> str:
    if error.retry_after is not None:
        return f"{target} asks to wait {seconds:.0f} s"
    return f"{target} does not answer; next attempt in {seconds:.0f} s"
