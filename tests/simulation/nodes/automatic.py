"""The same stories without anybody who says when to sync: the nodes' own intervals, lines that are followed, and
patience do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from msgspec.structs import replace

from engine.events.vector import merge
from tests.doubles.journal import Crash
from tests.simulation.nodes.deeds import DEEDS, exchange
from tests.simulation.nodes.ending import Ending
from tests.simulation.nodes.node import Node
from tests.simulation.nodes.story import Story

EVERY = timedelta(minutes=10)
LONGEST_BACKOFF = timedelta(minutes=5)
CALLS_FOR_NOTHING = 3
"""At most, in a sync that finds nothing to do: a greeting, and a look at what was left out at both ends."""


@dataclass
class AutomaticStory(Story):
    """Nobody syncs by hand."""

    working: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.deeds = {deed: weight for deed, weight in DEEDS.items() if deed is not exchange}
        super().__post_init__()

    def _up(self, node: Node) -> None:
        for name, settings in node.peers.items():
            node.peers[name] = replace(settings, every=EVERY)
        super()._up(node)
        self.working.append(self.network.group.create_task(self._run(node)))

    async def _run(self, node: Node) -> None:
        try:
            await node.replication.run()
        except Crash as crash:
            self.say(f"  {crash}")
        except BaseExceptionGroup as errors:
            if errors.split(Crash)[1] is not None:
                raise

    async def _end(self) -> None:
        await self._mend()
        pause = EVERY + LONGEST_BACKOFF
        goal = merge(*(node.replica.vector() for node in self.nodes))
        await asyncio.sleep(pause.total_seconds() * (self.diameter + 1))
        ending = Ending(self.nodes, self.leaf, self.watch)
        if ending.forked():
            last = [each.memory.peers[name].last for each in self.nodes for name in each.peers]
            assert any(result is not None and result.refusals for result in last), "nobody was told of a fork"
        else:
            await ending.all_the_same(goal, self.chance)
            assert ending.all_know_the_same(), "nodes know different things although nothing stands between them"
            await self._keep_quiet()
        for task in self.working:
            task.cancel()

    async def _keep_quiet(self) -> None:
        """When all is the same, there is little to say."""
        calls = self.network.calls
        await asyncio.sleep(3_600)
        ways = sum(len(node.peers) for node in self.nodes)
        most = ways * CALLS_FOR_NOTHING * (timedelta(hours=1) // EVERY + 1)
        assert self.network.calls - calls <= most, f"{self.network.calls - calls} calls in an hour of peace"
