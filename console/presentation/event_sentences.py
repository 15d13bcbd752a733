"""What the engine's own events say, in words. Pure; an event that is not as expected has no sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Data = Mapping[str, Any]


def sentence(event_type: str, data: Data) -> str:
    """Return an event's data as a short sentence; empty for types that only others write, or data of another shape."""
    words = _WORDS.get(event_type)
    if words is None:
        return ""
    try:
        return words(data)
    except (KeyError, TypeError, AttributeError, ValueError):
        return ""


def _counts(counts: Mapping[str, int], nothing: str) -> str:
    return ", ".join(f"{count:,} {word}" for word, count in counts.items() if count) or nothing


def _to_do(counts: Mapping[str, int], nothing: str) -> str:
    return ", ".join(f"{count:,} to {word}" for word, count in counts.items() if count) or nothing


def _plan_kept(data: Data) -> str:
    refused = f"; refused by {len(data['refusals'])} guards" if data["refusals"] else ""
    failed = f"; {len(data['errors'])} could not be read" if data["errors"] else ""
    return f"{data['sync']}: {_to_do(data['counts'], 'nothing to do')}{refused}{failed}"


def _target_planned(data: Data) -> str:
    members = "" if data["members"] is None else f" of {data['members']:,} members"
    failure = f"; {data['failure']}" if data["failure"] else ""
    return f"{data['health']}: {_to_do(data['counts'], 'nothing to do')}{members}{failure}"


def _decided(data: Data) -> str:
    lifted = f", lifting {', '.join(data['overrides'])}" if data["overrides"] else ""
    return f"{data['comment'] or 'without a comment'}{lifted}"


def _run_intended(data: Data) -> str:
    batch = data["intended"]
    where = batch["lease"].removeprefix("target:")
    return f"about to make {batch['items']:,} changes at {where}, items {batch['first']:,} to {batch['last']:,}"


def _adapter_checked(data: Data) -> str:
    return f"passed, {data['count']:,} records" if data["passed"] else f"failed: {'; '.join(data['failed'])}"


_WORDS: Mapping[str, Callable[[Data], str]] = {
    "source.read": lambda data: f"{data['count']:,} records in scope",
    "plan.kept": _plan_kept,
    "plan.approved": _decided,
    "plan.rejected": _decided,
    "target.planned": _target_planned,
    "target.quarantined": lambda data: str(data["quarantine"]),
    "apply.refused": lambda data: str(data["reason"]),
    "lease.taken": lambda data: f"by {data['holder']}, token {data['token']}",
    "lease.released": lambda data: f"token {data['token']}",
    "run.started": lambda data: f"{data['sync']}: {data['items']:,} changes at {', '.join(data['targets'])}",
    "run.intended": _run_intended,
    "run.concluded": lambda data: _counts(data["concluded"], "nothing"),
    "run.ended": lambda data: f"{data['state']}: {_counts(data['counts'], 'nothing')}. {data['verdict']}",
    "adapter.checked": _adapter_checked,
}
