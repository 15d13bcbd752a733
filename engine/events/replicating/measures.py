"""What is counted of syncs: how long they take, what they move, what goes wrong, what becomes contested.

The four of go-sync-kit (duration, events, errors by kind, conflicts) and what else an operator would graph. Plain
numbers of this process, from its start; adapters put them into a format.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from engine.events.replicating.standing import PeerStatus, SyncResult

DURATIONS = (0.005, 0.02, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0)
"""Upper bounds in seconds, from an idle sync on loopback to a node that was away for a month."""


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One number, or one histogram."""

    name: str
    help: str
    kind: str
    """`counter`, `gauge` or `histogram`."""
    labels: Mapping[str, str] = {}
    value: float = 0.0
    """Of a histogram: the sum of all that was observed."""
    buckets: Sequence[tuple[float, int]] = ()
    """Of a histogram: upper bounds, and how many were at most that; the last bound is infinite."""


class Measures:
    """Counts of one process."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._durations: dict[str, list[int]] = {}
        self._syncs: Counter[tuple[str, str]] = Counter()
        self._events: Counter[tuple[str, str]] = Counter()
        self._errors: Counter[tuple[str, str]] = Counter()
        self._calls: Counter[str] = Counter()
        self._conflicts: Counter[str] = Counter()
        self._standing: dict[str, PeerStatus] = {}

    def note(self, result: SyncResult) -> None:
        """Count a sync that ended."""
        peer = result.peer
        seconds = (result.ended_at - result.started_at).total_seconds()
        self._seconds[peer] = self._seconds.get(peer, 0.0) + seconds
        counts = self._durations.setdefault(peer, [0] * (len(DURATIONS) + 1))
        counts[bisect_left(DURATIONS, seconds)] += 1
        self._syncs[peer, "complete" if result.complete else "failed" if result.error else "partial"] += 1
        self._events[peer, "pulled"] += result.pulled
        self._events[peer, "pushed"] += result.pushed
        self._calls[peer] += result.attempts
        self._conflicts[peer] += result.conflicts
        if result.error_kind:
            self._errors[peer, result.error_kind] += 1
        for refusal in result.refusals:
            self._errors[peer, refusal.kind] += 1

    def stand(self, status: PeerStatus) -> None:
        """Note how a peer stands now."""
        self._standing[status.name] = status

    def snapshot(self) -> Sequence[Metric]:
        """Return all numbers as they are now."""
        return [
            *(_durations(peer, counts, self._seconds[peer]) for peer, counts in sorted(self._durations.items())),
            *_counters("syncdeck_syncs", "Syncs that ended, by outcome.", ("peer", "outcome"), self._syncs),
            *_counters("syncdeck_sync_events", "Events moved.", ("peer", "direction"), self._events),
            *_counters("syncdeck_sync_errors", "Syncs and origins that failed.", ("peer", "kind"), self._errors),
            *_counters("syncdeck_sync_calls", "Calls to peers, tries again included.", ("peer",), self._calls),
            *_counters("syncdeck_sync_conflicts", "Aggregates edited on both sides.", ("peer",), self._conflicts),
            *(metric for _, status in sorted(self._standing.items()) for metric in _standing(status)),
        ]


def _durations(peer: str, counts: Sequence[int], seconds: float) -> Metric:
    bounds = (*DURATIONS, float("inf"))
    return Metric(
        name="syncdeck_sync_seconds",
        help="Time from the beginning of a sync to its end.",
        kind="histogram",
        labels={"peer": peer},
        value=seconds,
        buckets=[(bound, sum(counts[: index + 1])) for index, bound in enumerate(bounds)],
    )


def _counters(
    name: str, words: str, labels: Sequence[str], counts: Mapping[tuple[str, str], int] | Mapping[str, int]
) -> Iterable[Metric]:
    for key, count in sorted(counts.items()):
        values = (key,) if isinstance(key, str) else key
        yield Metric(name=name, help=words, kind="counter", labels=dict(zip(labels, values, strict=True)), value=count)


def _standing(status: PeerStatus) -> Iterable[Metric]:
    gauges = [
        ("syncdeck_peer_to_push", "Events here that the peer lacks.", status.to_push),
        ("syncdeck_peer_to_pull", "Events there that are lacking here.", status.to_pull),
        ("syncdeck_peer_lag_seconds", "Age of the oldest event that the peer lacks.", status.lag_seconds or 0.0),
        ("syncdeck_peer_failures", "Syncs that failed since the last that did not.", status.memory.failures),
    ]
    for name, words, value in gauges:
        yield Metric(name=name, help=words, kind="gauge", labels={"peer": status.name}, value=value)
