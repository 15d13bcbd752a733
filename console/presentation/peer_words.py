"""What is said of a peer: how a sync went, why it stands as it does, and the way out. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from console.presentation.ages import count
from console.presentation.spans import clean

if TYPE_CHECKING:
    from engine.events.replicating.messages import Refusal
    from engine.events.replicating.standing import PeerStatus, SyncResult

WAYS_OUT: dict[str, str] = {
    "unavailable": "Where syncdeck serve runs, it is tried again with longer and longer pauses. See whether the peer "
    "runs and is reached from here: t tests the way step by step.",
    "refused": "Trying again will not help: t tests the way, e opens the settings. The token must be one of the "
    "peer's server.tokens.",
    "fork": "The two hold different events under the same number: one of them was restored from a backup, or its "
    "state file was changed. Nothing of that history is exchanged. = shows whose histories part and from where; keep "
    "the side that is right, and give the other its state file anew.",
    "clone": "Another node writes under this node's name: a copied state file. Nothing is exchanged before one of "
    "the two writes under a name of its own; this node does so by itself at the next sync.",
    "clock_ahead": "Its clock is ahead of ours. Nothing is lost: its events are taken when it is their time here. "
    "Set the clock of the node that is wrong.",
    "storage": "This node could not write what it got. syncdeck doctor looks at the state file.",
    "cancelled": "It was stopped. Nothing is lost: s goes on where it ended.",
}
"""By the kind of error: what to do."""

LEFT_OUT: dict[str, str] = {
    "clock_ahead": "wait until it is their time here: the clock of their node is ahead. Set it",
    "fork": "are not taken: other events stand here under the same numbers. = shows where the histories part",
    "gap": "are not taken: events before them are missing at the peer too. They come when it has them",
    "cause_missing": "wait for events that they build on and that did not come yet",
    "chain_broken": "are not taken: their hash chain does not hold, so somebody changed them. "
    "Run syncdeck events verify on the node they come from",
    "malformed": "are not taken: they are not what events are. Ask who runs the peer",
    "too_large": "are not taken: they are larger than this node takes (server.max_unpacked_bytes)",
}
"""By the kind of refusal: what became of the events, and what to do where something can be done."""


def got(result: SyncResult, *, short: bool = False) -> str:
    """Return what a sync moved: "3 pulled, 5 pushed, 1 aggregate edited on both sides"."""
    words = (" in", " out") if short else (" pulled", " pushed")
    moved = [f"{number:,}{word}" for number, word in zip((result.pulled, result.pushed), words, strict=True) if number]
    twice = f"{count(result.conflicts, 'aggregate')} edited on both sides" if result.conflicts and not short else ""
    left = f"{count(len(result.refusals), 'history', 'histories')} left out" if result.refusals and not short else ""
    return (" " if short else ", ").join(part for part in (*moved, twice, left) if part) or "nothing new"


def concluded(result: SyncResult) -> str:
    """Return how a sync ended, as a sentence to tell in passing."""
    peer = clean(result.peer)
    if result.error_kind in {"busy", "paused"}:
        return clean(result.error)
    if result.error:
        moved = f" Before that: {got(result)}." if result.pulled or result.pushed else ""
        return f"{clean(result.error)}{moved}"
    return f"{peer} is in step: {got(result)}." if result.complete else f"{peer}: {got(result)}."


def advice(peer: PeerStatus) -> Iterator[tuple[str, str]]:
    """Yield (role, sentence) for everything that keeps a peer from being in step, with the way out."""
    memory, last = peer.memory, peer.memory.last
    if peer.connection == "paused":
        yield "", "Paused: nothing goes either way, by itself or by hand. S lets it go on, or paused in its settings."
        return
    error = memory.error or (last.error if last is not None else "")
    if error:
        yield "error", f"{clean(error)}{_failures(memory.failures)}"
        kind = last.error_kind if last is not None and last.error else ""
        usual = WAYS_OUT["refused" if peer.connection == "refused" else "unavailable"]
        yield "warn", WAYS_OUT.get(kind, usual)
    if last is not None and last.recovered:
        yield "warn", clean(last.recovered)
    for refusal in last.refusals if last is not None else ():
        yield "warn", refused(refusal)
    if peer.connection == "never" and not error:
        yield "", "Not met yet. t tests the way without exchanging anything, s syncs now."


def refused(refusal: Refusal) -> str:
    """Return what became of the events that were left out, and the sentence of whoever left them out."""
    fate = LEFT_OUT.get(refusal.kind, f"were left out ({clean(refusal.kind, 40)})")
    return f"Events of {clean(refusal.origin)} from {refusal.seq:,} on {fate}. {clean(refusal.sentence)}".strip()


def _failures(failures: int) -> str:
    return f" ({count(failures, 'attempt')} failed in a row)" if failures > 1 else ""
