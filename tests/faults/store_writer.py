"""A process to kill: appends to a state file from several tasks, takes what a peer sends, and prints what was
acknowledged, line by line: origin, seq, chain.

python -m tests.faults.store_writer FILE MARK
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from engine.clock import SystemClock
from engine.events.event import NewEvent, Origin
from engine.storage.database import open_database
from engine.storage.event_digest import EventDigest
from engine.storage.event_log import StoredEventLog
from engine.storage.replica import StoredReplica
from tests.faults.peer import Peer

APPENDERS = 8


def acknowledge(line: str) -> None:
    """Say so past every buffer of this process: what is written here has left it, whatever happens to it then."""
    os.write(1, f"{line}\n".encode())


async def main(state: Path, mark: str) -> None:
    """Append for ever."""
    async with open_database(state) as database, asyncio.TaskGroup() as group:
        clock = SystemClock()
        log = StoredEventLog(database, clock, "berlin-1")
        replica = StoredReplica(database, log, clock, "berlin-1", EventDigest(database))

        async def append(task: int) -> None:
            number = 0
            while True:
                size = 1 + number % 3 * 40
                batch = [
                    NewEvent(
                        type="fault.appended",
                        aggregate_id=f"task:{task}",
                        data={"mark": mark, "task": task, "number": number, "part": part, "of": size},
                    )
                    for part in range(size)
                ]
                appended = await log.append(batch)
                acknowledge(f"{appended[-1].origin} {appended[-1].seq} {appended[-1].chain}")
                number += 1

        async def receive() -> None:
            peer = Peer(Origin(f"peer-{mark}-{os.getpid()}~00000001"))
            while True:
                batch = await peer.next_batch()
                receipt = await replica.receive(batch)
                assert receipt.taken == len(batch.items)
                acknowledge(f"{peer.origin} {receipt.vector[peer.origin]} {batch.items[-1].chain.hex()}")

        for task in range(APPENDERS):
            group.create_task(append(task))
        group.create_task(receive())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
