"""The calling side of `replication`, in a process of its own: `replication_caller FOLDER push|pull|follow`.

Prints one JSON object: what was moved, in how many seconds, and the most memory that the process had.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from pathlib import Path

import httpx

from console.__main__ import bring_together
from engine.assembly import Engine
from engine.events.log import Filter
from engine.settings.replication import Direction

PEER = "there"
NEWS = 200


async def move(engine: Engine, direction: Direction) -> dict[str, float]:
    """Sync once, in one direction."""
    result = await engine.replication.sync(PEER, direction)
    if result.error:
        raise SystemExit(result.error)
    return {
        "moved": result.pulled + result.pushed,
        "seconds": (result.ended_at - result.started_at).total_seconds(),
        "batches": result.batches,
    }


async def follow(engine: Engine) -> dict[str, float]:
    """Write at the peer, one event after another, and see how soon each is in the log here."""
    url = engine.workspace.peers[PEER].url
    _, last = await engine.log.bounds()
    waits: list[float] = []
    async with asyncio.TaskGroup() as group, httpx.AsyncClient(base_url=url) as http:
        running = group.create_task(engine.replication.run())
        seen = engine.log.follow(last, Filter(type="news.*"))
        for number in range(NEWS):
            event = {"id": f"news-{number}", "type": "news.told", "aggregate_id": "news:1", "data": {"n": number}}
            written = time.perf_counter()
            (await http.post("/push", json=[{"event": event, "version": "1"}])).raise_for_status()
            while (await anext(seen)).data["n"] != number:
                pass
            waits.append(time.perf_counter() - written)
        running.cancel()
    waits.sort()
    return {"median_ms": statistics.median(waits) * 1000, "p99_ms": waits[int(len(waits) * 0.99)] * 1000}


async def main(folder: Path, what: str) -> None:
    """Open the engine on a workspace as a command does, and do what is asked."""
    async with bring_together().open(folder) as engine:
        told = await (follow(engine) if what == "follow" else move(engine, Direction(what)))
    print(json.dumps({**told, "peak": peak_bytes("self")}))


def peak_bytes(process: int | str) -> int:
    """Return the most memory that a process ever had (proc(5), VmHWM)."""
    (line,) = [line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
