"""What a serving node logs of its work: syncs, conflicts, tasks, fires, and a backend that is gone or back."""

from __future__ import annotations

import logging

from console.presentation.ages import count
from engine.assembly import Engine
from engine.events.own import REINCARNATED
from engine.events.replicating.standing import SyncResult

logger = logging.getLogger("syncdeck.serve")

WORK = {"task.started": logging.DEBUG, "task.done": logging.INFO, "task.failed": logging.WARNING}


async def tell_of(engine: Engine) -> None:
    """Log what comes of syncs, conflicts that open or end, and origins that this node had to give up."""
    away = False
    with engine.notices.subscribe("") as notices:
        async for notice in notices:
            if isinstance(notice.detail, SyncResult):
                _tell_result(notice.detail)
            elif notice.topic == REINCARNATED:
                logger.warning("%s. This node writes as %s from now on", notice.detail, notice.subject)
            elif notice.topic in WORK:
                logger.log(WORK[notice.topic], "task %s", notice.detail, extra={"task": notice.subject})
            elif notice.topic == "coordination.down":
                logger.warning("coordination is away: %s", notice.detail)
                away = True
            elif notice.topic == "coordination.up" and away:
                logger.info("coordination answers again")
                away = False
            elif notice.topic == "clock.stepped":
                logger.warning("the wall clock was set")
            elif notice.topic.startswith("conflict."):
                logger.info("%s %s", notice.topic, notice.subject, extra={"conflict": notice.subject})


def _tell_result(result: SyncResult) -> None:
    took = (result.ended_at - result.started_at).total_seconds()
    facts = {"peer": result.peer, "pulled": result.pulled, "pushed": result.pushed, "conflicts": result.conflicts}
    facts |= {"seconds": round(took, 3), "kind": result.error_kind}
    moved = f"{result.pulled} pulled, {result.pushed} pushed"
    if result.conflicts:
        moved += f", {count(result.conflicts, 'aggregate')} edited on both sides"
    if result.recovered:
        logger.warning("%s", result.recovered, extra={"peer": result.peer})
    if result.error:
        logger.warning("sync with %s ended early: %s (%s)", result.peer, result.error, moved, extra=facts)
    else:
        level = logging.INFO if result.pulled or result.pushed else logging.DEBUG
        logger.log(level, "synced with %s: %s", result.peer, moved, extra=facts)
    for refusal in result.refusals:
        logger.warning(
            "not exchanged with %s: %s",
            result.peer,
            refusal.sentence,
            extra={"peer": result.peer, "kind": refusal.kind},
        )
