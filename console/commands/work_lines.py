"""How tasks, schedules, keys and streams read on the command line. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from console.commands.coordination_lines import person
from console.commands.coordination_rows import StreamStanding, text
from console.commands.table import moment, safe, span, table
from console.presentation.ages import count
from engine.coordination.scheduling.fires import Plan, ScheduleStanding
from engine.coordination.standing import Entry
from engine.coordination.stream import Message
from engine.coordination.working.task import Task, TaskCounts, TaskState

SHORT_ID = 10
WIDEST_VALUE = 60


def tasks(listed: Sequence[Task], counts: TaskCounts, now: datetime) -> Iterator[str]:
    """Yield how many there are in each state, and the table of those listed."""
    yield "  ".join(f"{getattr(counts, state.value):,} {state.value}" for state in TaskState)
    if not listed:
        return
    yield ""
    rows = [
        [
            each.id[:SHORT_ID],
            safe(each.name),
            each.state.value,
            f"{each.attempts}/{each.most_attempts}",
            when(each, now),
            shortened(each.error) or (f"from {safe(each.origin)}" if each.origin else ""),
        ]
        for each in listed
    ]
    yield from table(["TASK", "COMMAND", "STATE", "TRIES", "WHEN", "ABOUT"], rows)


def when(task: Task, now: datetime) -> str:
    """Return the moment that matters in a task's state."""
    if task.state is TaskState.RUNNING and task.attempt is not None:
        return f"for {span(max(now - task.attempt.started, timedelta()))}"
    if task.ended is not None:
        return f"{span(max(now - task.ended, timedelta()))} ago"
    return f"in {span(task.due - now)}" if task.due > now else "due"


def task(one: Task, now: datetime) -> Iterator[str]:
    """Yield everything known of one task."""
    yield f"{one.id}  {safe(one.name)}  {one.state.value}, {when(one, now)}"
    origin = f" ({safe(one.origin)})" if one.origin else ""
    yield f"submitted  {moment(one.submitted)} by {safe(one.submitted_by)}{origin}"
    yield f"tries      {one.attempts} of {one.most_attempts}, {span(one.timeout)} each at most"
    if one.key:
        yield f"key        {safe(one.key)}"
    if one.attempt is not None:
        yield f"worker     {person(one.attempt.who)} on {safe(one.attempt.who.node)}, token {one.attempt.token}"
    if one.payload is not None:
        yield f"payload    {in_json(one.payload)}"
    if one.cancel_asked:
        yield f"cancel     asked by {safe(one.cancel_asked)}"
    if one.error:
        yield "error"
        yield from (f"  {safe(line)}" for line in one.error.splitlines())
    if one.result is not None:
        yield "result"
        shown = one.result if isinstance(one.result, str) else in_json(one.result)
        yield from (f"  {safe(line)}" for line in shown.splitlines())


def schedules(listed: Sequence[ScheduleStanding], now: datetime) -> Iterator[str]:
    """Yield the table of schedules."""
    if not listed:
        yield "No schedule is set. Add one under cron in syncdeck.yaml, or with: syncdeck cron add"
        return
    rows = [
        [
            safe(each.plan.name),
            rule(each.plan),
            safe(each.plan.task),
            following(each, now),
            f"{each.fires[0].outcome.value} {moment(each.fires[0].nominal)}" if each.fires else "never",
        ]
        for each in listed
    ]
    yield from table(["SCHEDULE", "WHEN", "TASK", "NEXT", "LAST"], rows)


def unreadable_plans(found: Mapping[str, bytes]) -> Iterator[str]:
    """Yield a sentence for each name under which there is no schedule that can be read, and what to do with it."""
    for name, value in found.items():
        yield f"{unreadable_plan(name, value)} Upgrade this node, or: syncdeck cron remove {safe(name)}"


def unreadable_plan(name: str, value: bytes) -> str:
    """Return what there is instead of a schedule."""
    return (
        f"{safe(name)} is no schedule that this version can read, and never fires: {count(len(value), 'byte')}, "
        f"{shortened(text(value))}."
    )


def schedule(one: ScheduleStanding, now: datetime) -> Iterator[str]:
    """Yield everything known of one schedule."""
    yield from schedules([one], now)
    plan = one.plan
    yield ""
    yield f"missed: {plan.missed.value}   overlap: {plan.overlap.value}   payload: {in_json(plan.payload)}"
    yield f"added by {safe(plan.added_by)}" if plan.added_by else "set in syncdeck.yaml"
    if one.fires:
        yield ""
        rows = [
            [
                moment(each.nominal),
                each.outcome.value,
                f"{(each.taken - each.nominal).total_seconds():.1f}s",
                (each.task or "-")[:SHORT_ID],
                safe(each.by),
                safe(each.why),
            ]
            for each in one.fires
        ]
        yield from table(["MOMENT", "OUTCOME", "AFTER", "TASK", "BY", ""], rows)


def rule(plan: Plan) -> str:
    """Return when a schedule fires."""
    if plan.every is not None:
        return f"every {span(timedelta(seconds=plan.every)) if plan.every >= 1 else f'{plan.every:g}s'}"
    if plan.at is not None:
        return f"once {moment(plan.at)}"
    return plan.cron if plan.timezone == "UTC" else f"{plan.cron} {plan.timezone}"


def following(one: ScheduleStanding, now: datetime) -> str:
    """Return when a schedule fires next."""
    if one.plan.paused:
        return "paused"
    if one.next is None:
        return "ended"
    return f"in {span(one.next - now)}" if one.next > now else "now"


def keys(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield the table of keys."""
    if not entries:
        yield "There is no such key."
        return
    rows = [
        [
            safe(each.key),
            str(each.revision),
            span(each.left) if each.left is not None else "-",
            count(len(each.value), "byte"),
            shortened(text(each.value)),
        ]
        for each in entries
    ]
    yield from table(["KEY", "REVISION", "EXPIRES IN", "SIZE", "VALUE"], rows)


def streams(listed: Sequence[StreamStanding]) -> Iterator[str]:
    """Yield the table of streams."""
    if not listed:
        yield "There is no stream. The first message makes one: syncdeck streams append NAME DATA"
        return
    rows = [[safe(each.name), f"{each.last:,}", f"{each.held:,}", readers(each)] for each in listed]
    yield from table(["STREAM", "LAST OFFSET", "MESSAGES", "READERS"], rows)


def readers(one: StreamStanding) -> str:
    """Return up to where each group of readers is done."""
    behind = {group: one.last - offset for group, offset in sorted(one.groups.items())}
    return ", ".join(f"{safe(group)} {f'{left:,} behind' if left else 'at the end'}" for group, left in behind.items())


def message(one: Message) -> str:
    """Return a message of a stream on one line."""
    key = f"  {safe(one.name)}" if one.name else ""
    return f"{one.offset}  {moment(one.at)}{key}  {safe(text(one.data).rstrip())}"


def in_json(value: Any) -> str:
    """Return a value as JSON."""
    return safe(msgspec.json.encode(value).decode())


def shortened(value: str) -> str:
    """Return the beginning of a text's first line."""
    line = safe(value.partition("\n")[0])
    return line if len(line) <= WIDEST_VALUE else line[: WIDEST_VALUE - 1] + "…"
