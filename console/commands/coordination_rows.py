"""What coordination prints for scripts: plain objects with durations in seconds. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from engine.coordination.clocks.timing import ClockStanding, PeerSkew, Reading
from engine.coordination.overview import LeaderStanding
from engine.coordination.scheduling.fires import Fire, ScheduleStanding
from engine.coordination.standing import ClaimStanding, Entry, Who
from engine.coordination.stream import Message, Offset
from engine.coordination.working.task import Task


def seconds(length: timedelta | None) -> float | None:
    """Return a length in seconds, to the microsecond."""
    return round(length.total_seconds(), 6) if length is not None else None


def text(value: bytes) -> str:
    """Return a value as text; bytes that are none are escaped as in \\xff."""
    return value.decode("utf-8", "backslashreplace")


def who(one: Who) -> dict[str, Any]:
    """Return who somebody is."""
    return {"actor": one.actor, "node": one.node, "pid": one.pid, "purpose": one.purpose}


def claim(standing: ClaimStanding) -> dict[str, Any]:
    """Return a lock or an election."""
    holder = standing.holder
    return {
        "name": standing.name,
        "holder": None
        if holder is None
        else {
            **who(holder.who),
            "session": holder.session,
            "token": holder.token,
            "since": holder.since,
            "value": text(holder.value),
        },
        "ttl_seconds": seconds(standing.ttl),
        "left_seconds": seconds(standing.left),
        "waiters": [{**who(each.who), "session": each.session, "since": each.since} for each in standing.waiters],
        "past": [
            {
                **who(each.who),
                "token": each.token,
                "since": each.since,
                "until": each.until,
                "ending": each.ending,
            }
            for each in standing.past
        ],
    }


def leader(standing: LeaderStanding) -> dict[str, Any]:
    """Return a group with its leader and its past terms."""
    row = claim(standing.claim)
    del row["name"], row["past"]
    terms = [
        {
            **who(term.who),
            "token": term.token,
            "since": term.since,
            "until": term.until,
            "ending": term.ending,
            "value": term.value,
        }
        for term in standing.terms
    ]
    return {"group": standing.group, **row, "terms": terms}


def task(one: Task) -> dict[str, Any]:
    """Return a task."""
    attempt = one.attempt
    return {
        "id": one.id,
        "name": one.name,
        "state": one.state,
        "payload": one.payload,
        "priority": one.priority,
        "due": one.due,
        "submitted": one.submitted,
        "submitted_by": one.submitted_by,
        "key": one.key,
        "attempts": one.attempts,
        "most_attempts": one.most_attempts,
        "timeout_seconds": seconds(one.timeout),
        "worker": {**who(attempt.who), "token": attempt.token, "started": attempt.started} if attempt else None,
        "ended": one.ended,
        "result": one.result,
        "error": one.error,
        "cancel_asked": one.cancel_asked,
        "origin": one.origin,
    }


def schedule(standing: ScheduleStanding) -> dict[str, Any]:
    """Return a schedule with its last fires."""
    plan = standing.plan
    return {
        "name": plan.name,
        "task": plan.task,
        "payload": plan.payload,
        "every_seconds": plan.every,
        "cron": plan.cron,
        "at": plan.at,
        "timezone": plan.timezone,
        "missed": plan.missed,
        "overlap": plan.overlap,
        "paused": plan.paused,
        "added_by": plan.added_by,
        "next": standing.next,
        "fires": [fire(each) for each in standing.fires],
    }


def fire(one: Fire) -> dict[str, Any]:
    """Return a fire."""
    return {
        "schedule": one.schedule,
        "nominal": one.nominal,
        "outcome": one.outcome,
        "taken": one.taken,
        "by": one.by,
        "task": one.task,
        "why": one.why,
    }


def entry(one: Entry) -> dict[str, Any]:
    """Return a key with its value."""
    return {"key": one.key, "value": text(one.value), "revision": one.revision, "left_seconds": seconds(one.left)}


class StreamStanding(NamedTuple):
    """A stream: the offset of its last message, how many it holds, up to where each group of readers is done."""

    name: str
    last: Offset
    held: int
    groups: Mapping[str, Offset]


def stream(one: StreamStanding) -> dict[str, Any]:
    """Return how a stream stands."""
    return {"stream": one.name, "last": one.last, "messages": one.held, "groups": one.groups}


def message(one: Message) -> dict[str, Any]:
    """Return a message of a stream."""
    return {"offset": one.offset, "at": one.at, "key": one.name, "data": text(one.data)}


def reading(one: Reading) -> dict[str, Any]:
    """Return what a source said of the time."""
    return {
        "source": one.source,
        "offset_seconds": seconds(one.offset),
        "error_seconds": seconds(one.error),
        "delay_seconds": seconds(one.delay),
        "stratum": one.stratum,
        "at": one.at,
        "fault": one.fault,
    }


def clock(standing: ClockStanding, skews: list[PeerSkew]) -> dict[str, Any]:
    """Return how this host's clock stands."""
    return {
        "offset_seconds": seconds(standing.offset),
        "error_seconds": seconds(standing.error),
        "synchronised": standing.synchronised,
        "said": standing.said,
        "stepped": standing.stepped,
        "step_seconds": seconds(standing.step),
        "readings": [reading(each) for each in standing.readings],
        "peers": [
            {
                "peer": each.peer,
                "skew_seconds": seconds(each.skew),
                "error_seconds": seconds(each.error),
                "at": each.at,
                "fault": each.fault,
            }
            for each in skews
        ],
    }
