"""Schedules and their fires as keys. A fire is taken by writing a key that is not there yet: whoever comes second finds
it, whether or not he believed himself to be the leader."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from engine.coordination.naming import FIRE, PLAN, SCHEDULES, full_name
from engine.coordination.scheduling.due import timing_of
from engine.coordination.scheduling.fires import Fire, Outcome, Plan
from engine.coordination.standing import ABSENT, UNREADABLE, Entry, Fence, Revision, SessionId
from engine.coordination.store import Store
from engine.errors import KeyChanged

T = TypeVar("T")

PAUSE: Final = "cron/pause/"
MARK: Final = "cron/mark/"
NODE: Final = "cron/node/"
PAGE: Final = 500

KEPT: Final = 200
SLACK: Final = 50
"""Fires of a schedule that are kept, and how many more there may be until the oldest are removed."""

STALE: Final = timedelta(days=30)
"""After which fires of a schedule are removed that is not there any more."""


class Mark(Struct, frozen=True, kw_only=True):
    """From when on a schedule's moments count: what was before its first sight, or while it was paused, does not."""

    since: datetime
    timing: str


class Pause(Struct, frozen=True, kw_only=True):
    """A schedule that does not fire until somebody resumes it."""

    by: str
    since: datetime


class NodePlans(Struct, frozen=True, kw_only=True):
    """The schedules of a node's settings, so that others can fire them when they lead."""

    plans: tuple[Plan, ...]
    workspace: str = ""
    """The id of the one that wrote this; empty in what an older version wrote, as the two below."""
    where: str = ""
    session: SessionId = SessionId("")


class Kept(Struct, frozen=True):
    """A fire as it is kept."""

    fire: Fire
    revision: Revision


class Page(Struct, frozen=True):
    """All that is kept of all schedules."""

    plans: dict[str, Plan]
    """Added by hand."""
    nodes: dict[str, NodePlans]
    pauses: dict[str, Pause]
    marks: dict[str, Mark]
    fires: dict[str, list[Kept]]


def counts_from(mark: Mark | None, fires: list[Kept]) -> datetime | None:
    """Return the last moment that is decided; None: nothing was ever. Fires by hand decide nothing."""
    decided = [kept.fire.nominal for kept in fires if not kept.fire.by_hand]
    return max([*decided, mark.since] if mark is not None else decided, default=None)


def all_plans(page: Page, own: Mapping[str, Plan]) -> dict[str, Plan]:
    """Return every plan once: this node's own first, then the other nodes' by their names, then those added by hand."""
    found = dict(page.plans)
    for node in sorted(page.nodes, reverse=True):
        found |= {plan.name: plan for plan in page.nodes[node].plans}
    return {
        name: replace(plan, paused=plan.paused or name in page.pauses)
        for name, plan in sorted({**found, **own}.items())
    }


def moment_text(moment: datetime) -> str:
    """Return a moment as it stands in keys."""
    precision = "seconds" if moment.microsecond == 0 else "microseconds"
    return moment.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


class Ledger:
    """What is kept of schedules."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(self) -> Page:
        """Read everything."""
        page = Page({}, {}, {}, {}, {})
        async for entry in self._entries(SCHEDULES):
            _note(entry, PLAN, Plan, page.plans)
            _note(entry, NODE, NodePlans, page.nodes)
            _note(entry, PAUSE, Pause, page.pauses)
            _note(entry, MARK, Mark, page.marks)
            if entry.key.startswith(FIRE) and (fire := read_fire(entry)) is not None:
                page.fires.setdefault(fire.schedule, []).append(Kept(fire, entry.revision))
        return replace(page, fires={name: _newest_first(fires) for name, fires in page.fires.items()})

    async def plans(self, own: Mapping[str, Plan]) -> dict[str, Plan]:
        """Return all plans by name, as far as they are paused by hand too; `own` are those of this node's settings."""
        page = Page({}, {}, {}, {}, {})
        for prefix in (PLAN, NODE, PAUSE):
            async for entry in self._entries(prefix):
                _note(entry, PLAN, Plan, page.plans)
                _note(entry, NODE, NodePlans, page.nodes)
                _note(entry, PAUSE, Pause, page.pauses)
        return all_plans(page, own)

    async def published(self, node: str) -> tuple[NodePlans | None, Revision]:
        """Return what stands under a node's name, with the revision of whatever that is."""
        entry = await self._store.get(full_name(NODE, node))
        return (_read(entry, NodePlans), entry.revision) if entry is not None else (None, ABSENT)

    async def publish(self, node: str, plans: NodePlans, expected: Revision) -> None:
        """Write a node's plans for the others; none at all is no entry. Raises `KeyChanged`."""
        key = full_name(NODE, node)
        if plans.plans:
            await self._store.put(key, msgspec.json.encode(plans), expected=expected)
        elif expected != ABSENT:
            await self._store.delete(key, expected=expected)

    async def withdraw(self, node: str, name: str) -> None:
        """Take a plan out of those of a node that is gone."""
        kept, revision = await self.published(node)
        if kept is not None:
            left = tuple(plan for plan in kept.plans if plan.name != name)
            with suppress(KeyChanged):  # the node is back, and wrote its own
                await self.publish(node, replace(kept, plans=left), revision)

    async def fires(self, schedule: str) -> list[Kept]:
        """Return a schedule's fires, newest first."""
        kept = [
            Kept(fire, entry.revision)
            async for entry in self._entries(f"{FIRE}{schedule}/")
            if (fire := read_fire(entry)) is not None and fire.schedule == schedule
        ]
        return _newest_first(kept)

    async def take(self, fire: Fire, fence: Fence | None) -> Kept | None:
        """Write a fire that nobody wrote before; None: somebody did. Raises `LeaseLost` for an outdated fence."""
        try:
            revision = await self._store.put(_fire_key(fire), msgspec.json.encode(fire), expected=ABSENT, fence=fence)
        except KeyChanged:
            return None
        return Kept(fire, revision)

    async def amend(self, kept: Kept, fire: Fire) -> Kept | None:
        """Write what became of a fire; None: somebody else did meanwhile."""
        try:
            revision = await self._store.put(_fire_key(fire), msgspec.json.encode(fire), expected=kept.revision)
        except KeyChanged:
            return None
        return Kept(fire, revision)

    async def mark(self, plan: Plan, now: datetime) -> Mark:
        """Return from when on a plan's moments count: from now on, if it is new or its timing is."""
        key = full_name(MARK, plan.name)
        while True:
            entry = await self._store.get(key)
            mark = _read(entry, Mark) if entry is not None else None
            if mark is not None and mark.timing == timing_of(plan):
                return mark
            mark = Mark(since=now, timing=timing_of(plan))
            try:
                await self._store.put(
                    key, msgspec.json.encode(mark), expected=entry.revision if entry is not None else ABSENT
                )
            except KeyChanged:
                continue
            return mark

    async def begin_anew(self, plan: Plan, now: datetime) -> None:
        """Let only the moments count that are still to come."""
        mark = Mark(since=now, timing=timing_of(plan))
        await self._store.put(full_name(MARK, plan.name), msgspec.json.encode(mark))

    async def add(self, plan: Plan) -> None:
        """Write a new plan. Raises `KeyChanged` if there is one of that name."""
        await self._store.put(full_name(PLAN, plan.name), msgspec.json.encode(plan), expected=ABSENT)

    async def change(self, plan: Plan) -> None:
        """Write a plan."""
        await self._store.put(full_name(PLAN, plan.name), msgspec.json.encode(plan))

    async def remove(self, name: str) -> None:
        """Remove a plan; its fires are kept for a while."""
        for prefix in (PLAN, PAUSE, MARK):
            await self._store.delete(prefix + name)

    async def unreadable(self) -> dict[str, bytes]:
        """Return what stands under the names of schedules added by hand and is none that this version can read."""
        return {
            entry.key.removeprefix(PLAN): entry.value
            async for entry in self._entries(PLAN)
            if _read(entry, Plan) is None
        }

    async def discard(self, name: str) -> bool:
        """Remove what cannot be read; return whether it was there, and still cannot. Raises `KeyChanged`."""
        entry = await self._store.get(PLAN + name)
        if entry is None or _read(entry, Plan) is not None:
            return False
        return await self._store.delete(entry.key, expected=entry.revision)

    async def pause(self, name: str, pause: Pause) -> None:
        """Note that a schedule does not fire."""
        await self._store.put(full_name(PAUSE, name), msgspec.json.encode(pause))

    async def resume(self, name: str) -> None:
        """Note that a schedule fires again."""
        await self._store.delete(full_name(PAUSE, name))

    async def sweep(self, fires: list[Kept]) -> None:
        """Remove the oldest of a schedule's fires if there are too many; never the last one that decides anything."""
        if len(fires) <= KEPT + SLACK:
            return
        decided = next((kept for kept in fires if not kept.fire.by_hand), None)
        for kept in fires[KEPT:]:
            if kept is not decided and not unsubmitted(kept.fire):
                await self._store.delete(_fire_key(kept.fire))

    async def sweep_stale(self, known: frozenset[str], now: datetime) -> None:
        """Remove old fires of schedules that are not there any more."""
        async for entry in self._entries(FIRE):
            fire = read_fire(entry)
            if fire is not None and fire.schedule not in known and now - fire.taken > STALE:
                await self._store.delete(entry.key)

    async def _entries(self, prefix: str) -> AsyncIterator[Entry]:
        after = ""
        while True:
            page = await self._store.entries(prefix, after=after, limit=PAGE)
            for entry in page:
                yield entry
            if len(page) < PAGE:
                return
            after = page[-1].key


def unsubmitted(fire: Fire) -> bool:
    """Tell whether a fire's task is still to be submitted."""
    return fire.task is None and fire.outcome in {Outcome.FIRED, Outcome.LATE}


def overdue(fires: list[Kept]) -> Iterator[Kept]:
    """Yield the fires whose task is still to be submitted, oldest first."""
    return (kept for kept in reversed(fires) if unsubmitted(kept.fire))


def read_fire(entry: Entry) -> Fire | None:
    """Return the fire that an entry holds; None for one that this version cannot read."""
    return _read(entry, Fire)


def _fire_key(fire: Fire) -> str:
    return full_name(FIRE, f"{fire.schedule}/{moment_text(fire.nominal)}")


def _newest_first(fires: list[Kept]) -> list[Kept]:
    return sorted(fires, key=lambda kept: kept.fire.nominal, reverse=True)


def _note(entry: Entry, prefix: str, kind: type[T], into: dict[str, T]) -> None:
    if entry.key.startswith(prefix) and (value := _read(entry, kind)) is not None:
        into[entry.key.removeprefix(prefix)] = value


def _read(entry: Entry, kind: type[T]) -> T | None:
    """Return what an entry holds; None for what this version cannot read: it is left alone."""
    try:
        return msgspec.json.decode(entry.value, type=kind)
    except UNREADABLE:
        return None
