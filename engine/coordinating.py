"""The lesser composition root: coordination without the rest of an engine.

A lock in a script is asked for more often than a plan: a command that needs nothing else starts in half the time, for
it imports neither how targets are synced nor how nodes replicate (`tests/architecture/test_run_time_imports.py`).
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from engine.clock import Clock
from engine.coordination.coordination import Coordination
from engine.coordination.duties import Duties
from engine.coordination.means import Means
from engine.ground import Extensions, Ground, Secrets, open_ground
from engine.planned_work import plans_of, terms_for
from engine.redaction import REDACTOR
from engine.settings.model import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordinating:
    """A process of a workspace that coordinates with others, and does nothing else."""

    workspace: Workspace
    clock: Clock
    actor: str
    coordination: Coordination


@asynccontextmanager
async def open_coordination(
    workspace: Workspace,
    secrets: Secrets,
    *,
    actor: str = "",
    purpose: str = "",
    read_only: bool = False,
    extensions: Extensions | None = None,
) -> AsyncIterator[Coordinating]:
    """Open the workspace's state and its coordination, as `open_engine` does; what is done by hand is in the log."""
    opening = open_ground(workspace, secrets, actor=actor, purpose=purpose, read_only=read_only, extensions=extensions)
    async with opening as ground, coordination_on(ground).open() as coordination:
        yield Coordinating(workspace=workspace, clock=ground.clock, actor=ground.actor, coordination=coordination)


def coordination_on(ground: Ground) -> Coordination:
    """Return the coordination of this process; nothing is connected yet."""
    workspace = ground.workspace
    host, *servers = ground.time_sources()
    return Coordination(
        Means(
            backend=ground.backend(),
            clock=ground.clock,
            notices=ground.notices,
            who=ground.who,
            record=ground.record,
            ttl=workspace.coordination.shared.ttl,
            read_only=ground.read_only,
        ),
        Duties(
            chance=random.random,
            redactor=REDACTOR,
            host=host,
            servers=servers,
            clock=workspace.clock,
            skews=ground.skews,
            terms=terms_for(workspace),
            plans=plans_of(workspace),
            home=ground.home,
        ),
    )
