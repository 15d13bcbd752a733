"""What waits in a queue is taken together, so that what it costs is paid once for all."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from typing import TypeVar

Job = TypeVar("Job")


def next_group(jobs: SimpleQueue[Job | None], limit: int) -> tuple[list[Job], bool]:
    """Wait for a job and take all that came with it, `limit` at most; tell whether more may come: None is the last."""
    job = jobs.get()
    group: list[Job] = []
    while job is not None:
        group.append(job)
        if len(group) == limit:
            return group, True
        try:
            job = jobs.get_nowait()
        except Empty:
            return group, True
    return group, False
