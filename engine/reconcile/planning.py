"""Making a plan: differences, look-up answers, limits and rules in, a judged plan out. Pure and deterministic to the
byte, whatever the order in which either side was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from engine.reconcile.difference import Difference
from engine.reconcile.plan import Plan
from engine.reconcile.ports import Found, Limits, Miss
from engine.reconcile.records import RecordKey
from engine.reconcile.wanted import Wanted
from engine.settings.model import AdapterSettings, SyncSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Who plans, when, and under which configuration (`configuration_digest`)."""

    now: datetime
    actor: str
    config_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetReading:
    """All that is known of one target when its plan is made. `error` is the sentence of a failed read; then the rest
    does not matter."""

    target: str
    difference: Difference | None = None
    error: str = ""
    answers: Mapping[str, Found | Miss] = field(default_factory=dict)
    """What `Target.resolve` answered for `difference.to_resolve()`."""
    limits: Limits = field(default_factory=Limits)
    owned: frozenset[RecordKey] = frozenset()
    removed_lately: int = 0
    """Members that runs have removed from it within the last 24 hours."""


def make_plan(
    sync: SyncSettings,
    wanted: Wanted | str,
    targets: Sequence[TargetReading],
    occasion: Occasion,
    recent_counts: Sequence[int] = (),
) -> Plan:
    """Return the judged plan. `wanted` is the sentence of a failed source read, if it failed: then no target is
    planned. `recent_counts` are sizes of the last good source reads (`Journal.recent_source_counts`)."""
    raise RuntimeError("under construction")


def configuration_digest(sync: SyncSettings, adapters: Sequence[AdapterSettings]) -> str:
    """Return the digest of everything a plan of this sync depends on: what it compares, how, by which rules, and the
    settings of the adapters it names. Approval policy, schedule and freeze windows are judged at apply time and are
    not in it."""
    raise RuntimeError("under construction")
