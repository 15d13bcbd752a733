"""What events say, in words: the engine's own each in its own sentence, everybody else's as what they change. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from console.presentation.ages import count
from console.presentation.patches import brief, patch_words
from console.presentation.spans import clean
from engine.events.event import Event
from engine.events.own import is_own

Data = Mapping[str, Any]

REDACTED = "redacted: its payload is gone, its hash still holds"


def told(event: Event) -> str:
    """Return what an event says, in a few hundred characters at most, whatever is in it."""
    if event.redacted:
        return REDACTED
    if event.type in _SETTLING:
        return _settling(event)
    if own := sentence(event.type, event.data):
        return clean(own, 300)
    return named_values(event.data) if is_own(event.aggregate_id) else patch_words(event.data)


def sentence(event_type: str, data: object) -> str:
    """Return an event's data as a short sentence; empty for types that only others write, or data of another shape."""
    words = _WORDS.get(event_type)
    if words is None or not isinstance(data, Mapping):
        return ""
    try:
        return words(data)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError):
        return ""


def named_values(data: object) -> str:
    """Return data in a few words: its plain values first to last, larger ones by their size."""
    if not isinstance(data, Mapping):
        return brief(data)
    parts: list[str] = []
    length = 0
    for name, value in data.items():
        parts.append(f"{clean(str(name), 40)}={brief(value)}")
        length += len(parts[-1])
        if length > 300:
            break
    return " ".join(parts)


_SETTLING = frozenset({"conflict.resolved", "conflict.reopened"})


def _settling(event: Event) -> str:
    """A resolution is a patch on somebody's aggregate; what makes it one stands in its metadata."""
    comment = event.metadata.get("comment")
    why = f" ({clean(str(comment), 80)})" if comment else ""
    if event.type == "conflict.reopened":
        return f"opened again: {clean(str(event.metadata.get('undoes', 'a resolution')), 60)} no longer counts{why}"
    return f"settled: {patch_words(event.data)}{why}"


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


def _peer_synced(data: Data) -> str:
    counts = {"pulled": data["pulled"], "pushed": data["pushed"]}
    moved = ", ".join(f"{number:,} {word}" for word, number in counts.items() if number) or "nothing new"
    conflicts = f", {count(data['conflicts'], 'aggregate')} edited on both sides" if data.get("conflicts") else ""
    left = f", {len(data['refusals'])} histories left out" if data.get("refusals") else ""
    return f"{moved}{conflicts}{left}{'; ' + data['error'] if data.get('error') else ''}"


def _reincarnated(data: Data) -> str:
    names = [str(data[name]) for name in ("was", "old", "from") if name in data]
    return f"this node writes under a new origin{', no longer ' + names[0] if names else ''}: {data['reason']}"


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
    "conflict.claimed": lambda _: "somebody is at it",
    "conflict.released": lambda _: "nobody is at it any more",
    "peer.synced": _peer_synced,
    "node.reincarnated": _reincarnated,
    "event.redacted": lambda data: f"payload removed for good: {data['reason']}",
}
