"""Guards: rules that refuse a whole plan, each with a number, a limit and a sentence on how to proceed. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from engine.reconcile.plan import Plan
from engine.settings.model import GuardSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What guards need to know beside the plan, by target where it is a mapping; a target not named has 0."""

    recent_counts: Sequence[int] = ()
    removed_lately: Mapping[str, int] = field(default_factory=dict)
    least_members: Mapping[str, int] = field(default_factory=dict)


def judge(plan: Plan, guards: GuardSettings, circumstances: Circumstances) -> Plan:
    """Return the plan with every guard's verdict on exactly its changes. For a new plan, a derived one, and again on
    what is left at apply time."""
    raise RuntimeError("under construction")
