"""Plans to look at: small ones with every kind of line, and one with as many changes as asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec.structs import replace

from engine.reconcile.history import Digest
from engine.reconcile.plan import Action, Change, Parked, Plan, Snapshot, TargetPlan, Verdict
from engine.reconcile.records import Carried, Fingerprint, RecordKey
from engine.settings.model import Mode

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def digest_of(plan: Plan) -> Digest:
    """Return a digest that follows from the plan, as the real one does."""
    return Digest(blake2b(msgspec.json.encode(plan), digest_size=32).hexdigest())


def snapshot(adapter: str, count: int, *carried: Carried) -> Snapshot:
    """Return what a side held two minutes before now."""
    return Snapshot(
        adapter=adapter,
        read_at=NOW - timedelta(minutes=2),
        fingerprint=Fingerprint(count=count, sum=f"{count:032x}"),
        proof=f"end of file, {count} rows",
        carried=carried,
    )


def addition(name: str, why: str = "in people, department is eng") -> Change:
    return Change(
        action=Action.ADD,
        key=RecordKey(name.lower()),
        spelling=name,
        after={"name": name.split("@", maxsplit=1)[0].title(), "role": "Engineer"},
        why=why,
    )


def removal(name: str, why: str = "no longer in people") -> Change:
    return Change(
        action=Action.REMOVE, key=RecordKey(name.lower()), spelling=name, before={"role": "Engineer"}, why=why
    )


def update(name: str, before: str = "Junior Engineer", after: str = "Senior Engineer") -> Change:
    return Change(
        action=Action.UPDATE,
        key=RecordKey(name.lower()),
        spelling=name,
        before={"name": "Ann Lee", "role": before},
        after={"name": "Ann Lee", "role": after},
        why="people says otherwise",
    )


def rename(name: str, to: str) -> Change:
    return Change(
        action=Action.RENAME,
        key=RecordKey(name.lower()),
        spelling=name,
        renamed_to=to,
        before={"role": "Engineer"},
        after={"role": "Engineer"},
        why="same employee number",
    )


def plan(*targets: TargetPlan, **more: Any) -> Plan:
    """Return a plan over these targets."""
    made = Plan(
        sync="engineering",
        mode=Mode.ADD_REMOVE,
        created_at=NOW - timedelta(minutes=2),
        created_by="ann@desk",
        expires_at=NOW + timedelta(hours=23),
        config_digest="c" * 64,
        source=snapshot("people", 512),
        targets=targets,
        source_guards=(Verdict(guard="min_source", observed=512, limit=1, unit="records"),),
    )
    return replace(made, **more)


def sample_plan(**more: Any) -> Plan:
    """Return a plan of two targets with every kind of line."""
    wiki = TargetPlan(
        target="wiki",
        snapshot=snapshot("wiki", 120, Carried(label="ci-bot", kind="bot")),
        changes=(
            rename("bob.ray@acme.example", "robert.ray@acme.example"),
            addition("dee.ott@acme.example"),
            addition("O'Brien@acme.example"),
            update("ann.lee@acme.example"),
            removal("cy.wu@acme.example"),
            removal("Eva.K@acme.example"),
        ),
        parked=(
            Parked(
                spelling="ghost@acme.example", reason="There is no account of that address at wiki.", action=Action.ADD
            ),
        ),
        guards=(
            Verdict(guard="max_removals", observed=2, limit=10, unit="members"),
            Verdict(guard="max_removal_percent", observed=1.7, limit=20, unit="%"),
        ),
        in_step=112,
    )
    chat = TargetPlan(
        target="chat",
        snapshot=snapshot("chat", 80),
        changes=(addition("dee.ott@acme.example"), removal("cy.wu@acme.example")),
        guards=(Verdict(guard="max_removals", observed=1, limit=10, unit="members"),),
        left_alone={"update": 3},
        in_step=78,
    )
    return plan(wiki, chat, **more)


REFUSAL = (
    "The plan removes 40 of 52 members of list; at most 20 % may go in one plan. Check the source people, or have "
    "somebody override max_removal_percent for this plan."
)


def refused_plan(**more: Any) -> Plan:
    """Return a plan that one guard refuses."""
    target = TargetPlan(
        target="list",
        snapshot=snapshot("list", 52),
        changes=tuple(removal(f"user{number}@acme.example") for number in range(40)),
        guards=(
            Verdict(guard="max_removals", observed=40, limit=50, unit="members"),
            Verdict(guard="max_removal_percent", observed=76.9, limit=20, unit="%", refusal=REFUSAL),
        ),
        in_step=12,
    )
    return plan(target, **more)


def large_plan(count: int, targets: int = 4) -> Plan:
    """Return a plan of `count` changes: six in ten additions, three updates, one removal."""
    makers = [addition] * 6 + [update] * 3 + [removal]
    per_target = count // targets
    return plan(
        *(
            TargetPlan(
                target=f"target-{number}",
                snapshot=snapshot(f"target-{number}", per_target * 2),
                changes=tuple(
                    sorted(
                        (makers[one % 10](f"user{one:06d}@acme.example") for one in range(per_target)),
                        key=lambda change: list(Action).index(change.action),
                    )
                ),
                in_step=per_target,
            )
            for number in range(targets)
        )
    )
