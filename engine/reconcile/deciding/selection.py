"""Choosing some items of a plan: the choice is a plan of its own that names its parent. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from engine.errors import NothingFound
from engine.reconcile.deciding.protection import protecting
from engine.reconcile.history import Digest
from engine.reconcile.plan import Plan, item_id, items
from engine.reconcile.records import fold

_COMPARED_NAMES = 20_000
"""How many names a misspelt choice is compared with, to find the nearest."""


def derive(plan: Plan, digest: Digest, chosen: Sequence[str], now: datetime, actor: str) -> Plan:
    """Return a plan of only the chosen items (item ids, keys, spellings, targets, or patterns with `*`), naming
    `digest` as its parent.

    It is not judged yet: hand it to `guards.judge`. It expires with its parent. Raises `NothingFound` for a choice
    that fits nothing.
    """
    taken: set[str] = set()
    for choice in chosen:
        fitting = _fitting(plan, choice)
        if not fitting:
            raise NothingFound(_not_found(plan, choice))
        taken |= fitting
    targets = tuple(
        replace(
            target,
            changes=tuple(change for change in target.changes if item_id(target.target, change) in taken),
            guards=(),
        )
        for target in plan.targets
    )
    return replace(plan, created_at=now, created_by=actor, targets=targets, parent=digest)


def _fitting(plan: Plan, choice: str) -> set[str]:
    """Return the ids of the items that a choice names. A pattern may name an id, a key or a target.

    Letter case is only forgiven where nobody is called exactly so: in a case-sensitive sync Anna and anna are two.
    """
    text = choice.strip()
    if "*" not in text and "?" not in text:
        exactly = {
            name for name, target, change in items(plan) if text in (name, change.key, change.spelling, target.target)
        }
        folded = fold(text)
        return exactly or {name for name, _, change in items(plan) if folded == change.key}
    pattern = protecting([text])
    return {
        name
        for name, target, change in items(plan)
        if pattern.fullmatch(name) or pattern.fullmatch(change.key) or pattern.fullmatch(target.target)
    }


def _not_found(plan: Plan, choice: str) -> str:
    names = [target.target for target in plan.targets]
    for name, _, change in items(plan):
        names += [change.key, name]
        if len(names) > _COMPARED_NAMES:
            break
    near = difflib.get_close_matches(choice, names, 3, 0.6)
    hint = f" The nearest are: {', '.join(near)}." if near else ""
    return f"Nothing in this plan of {plan.sync} is called {choice!r}.{hint}"
