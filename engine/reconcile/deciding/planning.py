"""Making a plan: differences, look-up answers, limits and rules in, a judged plan out. Pure and deterministic to the
byte, whatever the order in which either side was read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from engine.reconcile.comparing.canonical import collector_paused
from engine.reconcile.comparing.difference import Difference
from engine.reconcile.comparing.wanted import Wanted
from engine.reconcile.deciding.drafting import Draft
from engine.reconcile.deciding.guards import Circumstances, judge
from engine.reconcile.plan import Plan, TargetPlan
from engine.reconcile.ports import Found, Limits, Miss
from engine.reconcile.records import RecordKey
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
    planned. `recent_counts` are sizes of the last good source reads (`Journal.recent_source_counts`).

    Uses up what is wanted and the differences: the room of a million records is needed for the changes. To plan again,
    read again."""
    read = None if isinstance(wanted, str) else wanted
    with collector_paused():
        drafts = [_draft(sync, reading) for reading in targets] if read else []
        if read:
            read.release()
        plan = Plan(
            sync=sync.name,
            mode=sync.mode,
            created_at=occasion.now,
            created_by=occasion.actor,
            expires_at=occasion.now + sync.approval.expires,
            config_digest=occasion.config_digest,
            source=read.snapshot if read else None,
            targets=tuple(draft.finish() if isinstance(draft, Draft) else draft for draft in drafts),
            notes=read.notes if read else (),
            error=wanted if isinstance(wanted, str) else "",
        )
        circumstances = Circumstances(
            recent_counts=recent_counts,
            removed_lately={reading.target: reading.removed_lately for reading in targets},
            least_members={reading.target: reading.limits.least_members for reading in targets},
            owned={reading.target: reading.owned for reading in targets},
        )
        return judge(plan, sync.guards, circumstances)


def _draft(sync: SyncSettings, reading: TargetReading) -> Draft | TargetPlan:
    """Return the draft of a target's plan, with everybody identified; or why there is none."""
    if reading.error or reading.difference is None:
        return TargetPlan(target=reading.target, error=reading.error or f"{reading.target} was not read.")
    return Draft(sync, reading.difference, reading.limits, reading.owned, dict(reading.answers))


def configuration_digest(sync: SyncSettings, adapters: Sequence[AdapterSettings]) -> str:
    """Return the digest of everything a plan of this sync depends on: what it compares, how, by which rules, and the
    settings of the adapters it names. Approval policy, schedule and freeze windows are judged at apply time and are
    not in it."""
    guards = msgspec.structs.replace(sync.guards, freeze=())
    named = sorted((one for one in adapters if one.name in {sync.source, *sync.targets}), key=lambda one: one.name)
    compared = (sync.name, sync.source, sync.targets, sync.where, sync.case_sensitive, sync.attributes)
    settled = (*compared, sync.mode, sync.rename_by, guards, named)
    body = msgspec.json.encode(settled, order="deterministic", enc_hook=str)
    return hashlib.blake2b(body, digest_size=32).hexdigest()
