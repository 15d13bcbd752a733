"""Telling the other nodes of the schedules in this node's settings, so that whoever leads fires them.

A node's schedules are one key, named after the node. Two workspaces that call themselves by one name would overwrite
one another there, so an entry says which workspace wrote it, and in which session: another workspace's is replaced only
when that session is over. A workspace that starts anew finds its own entry, and takes it over at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from engine.coordination.ground import Attend, Ground
from engine.coordination.scheduling.fires import Plan
from engine.coordination.scheduling.ledger import Ledger, NodePlans
from engine.coordination.store import LONGEST_VALUE
from engine.coordination.working.handling import checked_payload
from engine.errors import CoordinationError, KeyChanged

LOOK: Final = timedelta(seconds=1)
PATIENCE: Final = 2
"""Times of the other session's ttl: one that is still there then is renewed by somebody who lives."""


class Home(Struct, frozen=True):
    """The workspace that this process belongs to."""

    id: str
    """Random, kept in its state."""
    where: str
    """For people: folder and host."""


class Publishing:
    """The schedules of this node's settings, by name, and how the others hear of them."""

    def __init__(
        self, ground: Ground, attend: Attend, home: Callable[[], Awaitable[Home]], plans: Sequence[Plan]
    ) -> None:
        self._ground = ground
        self._ledger = Ledger(ground.store)
        self._attend = attend
        self._home = home
        self.plans: Mapping[str, Plan] = {plan.name: replace(plan, node=self._node) for plan in plans}

    async def publish(self) -> None:
        """Write the schedules, unless they stand there already; without any, take those away that this workspace wrote
        before. Waits until the session of another workspace that has this name may have lapsed.

        Raises `CoordinationError` when it has not: two workspaces of one name are alive; and before anything is sent
        for payloads that no task may have, or that are too long together.
        """
        for plan in self.plans.values():
            checked_payload(plan.name, plan.payload, self._ground.redactor)
        home, session = await self._home(), await self._attend()
        ours = NodePlans(plans=tuple(self.plans.values()), workspace=home.id, where=home.where, session=session.id)
        if (size := len(msgspec.json.encode(ours))) > LONGEST_VALUE:
            raise CoordinationError(
                f"The schedules of {self._node} have {size:,} bytes together; {LONGEST_VALUE:,} are the most. Keep "
                "large payloads elsewhere, and their addresses in the settings."
            )
        began = self._ground.clock.monotonic()
        while True:
            found, revision = await self._ledger.published(self._node)
            if found == ours:
                return
            patience = await self._patience(found, home)
            if patience is None:
                try:
                    await self._ledger.publish(self._node, ours, revision)
                    return
                except KeyChanged:
                    continue
            if not self.plans:
                return
            if self._ground.clock.monotonic() - began > patience.total_seconds():
                raise CoordinationError(self._refusal(home, found))
            await self._ground.clock.sleep(LOOK)

    @property
    def _node(self) -> str:
        return self._ground.who.node

    async def _patience(self, found: NodePlans | None, home: Home) -> timedelta | None:
        """Return how long the writer of an entry may seem alive without being so; None: it need not be respected."""
        if found is None or not found.session or found.workspace == home.id:
            return None
        living = {each.id: each.ttl for each in await self._ground.store.sessions()}
        return living[found.session] * PATIENCE if found.session in living else None

    def _refusal(self, home: Home, found: NodePlans | None) -> str:
        other = found.where if found is not None else "another workspace"
        return (
            f"Two workspaces on this backend call themselves {self._node}: {other}, which is at work, and this one, "
            f"{home.where}. Each would overwrite the schedules of the other. Set `node:` in the syncdeck.yaml of one "
            "of them to another name, and start it again."
        )
