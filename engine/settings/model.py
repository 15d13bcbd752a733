"""Every setting of a workspace, with its unit and the reason for its default. Values only.

Durations are `timedelta` here and `15m`, `24h`, `7d` in the file. The names are a contract with users' files.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

FORMAT = 1


class Mode(StrEnum):
    """What a sync may do, and in which order (ovotech/go-sync's four operating modes).

    The default adds first: go-sync removes first by default and leaves everybody stranded when the additions fail.
    """

    ADD_REMOVE = "add-remove"
    REMOVE_ADD = "remove-add"
    ADD_ONLY = "add-only"
    REMOVE_ONLY = "remove-only"


class AutomaticApply(StrEnum):
    """What a scheduled run may do without asking."""

    ASK = "ask"
    ADDITIONS = "additions"
    WITHIN_GUARDS = "within-guards"


Count = Annotated[int, Meta(ge=0)]
Percent = Annotated[float, Meta(ge=0, le=100)]


class FreezeWindow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A time in which nothing is applied (or, with `allow`, the only time in which something is); deny beats allow."""

    cron: str
    """When the window opens, as a cron expression of five fields."""
    duration: timedelta
    timezone: str = "UTC"
    allow: bool = False


class GuardSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits that refuse a whole plan. All defaults protect; a limit is raised here, for one plan by an approval
    that names the guard, and never by a flag."""

    max_removals: Annotated[Count | None, Meta(description="Most removals in one plan, for each target.")] = 10
    max_removal_percent: Annotated[
        Percent | None, Meta(description="Most removals in percent of the target; counts only above 10 members.")
    ] = 20.0
    max_additions: Annotated[Count | None, Meta(description="Most additions in one plan, for each target.")] = 500
    max_updates: Annotated[Count | None, Meta(description="Most updates and renames in one plan, for each target.")] = (
        None
    )
    min_source: Annotated[Count, Meta(description="Fewest records the source must hold.")] = 1
    max_source_drop_percent: Annotated[
        Percent | None,
        Meta(description="Largest shrinking of the source against the median of its last five good reads."),
    ] = 30.0
    window_removal_percent: Annotated[
        Percent | None, Meta(description="Most removals in percent of the target within any 24 hours, over all runs.")
    ] = 30.0
    min_left: Annotated[Count, Meta(description="Fewest members a target must have left afterwards.")] = 0
    protect: Annotated[
        tuple[str, ...], Meta(description="Patterns (* and ?) of keys that are never removed, renamed or updated.")
    ] = ()
    managed_only: Annotated[
        bool, Meta(description="Remove only members that Syncdeck itself added, or that were adopted.")
    ] = False
    freeze: tuple[FreezeWindow, ...] = ()


class ApprovalSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who must agree before a plan is applied."""

    required: Annotated[bool, Meta(description="Ask for an approval before every apply.")] = False
    removals: Annotated[bool, Meta(description="Ask for an approval whenever something would be removed.")] = True
    four_eyes: Annotated[bool, Meta(description="The one who made the plan may not be the only one to approve it.")] = (
        False
    )
    expires: Annotated[timedelta, Meta(description="How long a plan may wait until it is applied.")] = timedelta(
        hours=24
    )


class Schedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the sync runs by itself: exactly one of `every` and `cron`."""

    every: timedelta | None = None
    cron: str = ""
    timezone: str = "UTC"
    apply: AutomaticApply = AutomaticApply.ASK


class AdapterSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One configured endpoint: its type's word, and that type's own settings, already validated."""

    name: str
    type: str
    settings: msgspec.Struct


class SyncSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One source, its targets, and the rules between them."""

    name: str
    source: str
    targets: tuple[str, ...]
    where: str = ""
    """JMESPath over a source record; only records for which it is true are wanted at the targets."""
    mode: Mode = Mode.ADD_REMOVE
    case_sensitive: bool = False
    attributes: dict[str, str] = {}
    """Target attribute: JMESPath over the source record. Attributes not named here are never touched."""
    rename_by: str = ""
    """Target attribute that identifies a record for good (an employee number): a pair of a removal and an addition
    that agree on it is a rename."""
    guards: GuardSettings = GuardSettings()
    approval: ApprovalSettings = ApprovalSettings()
    schedule: Schedule | None = None
    quarantine_after: Annotated[int, Meta(ge=1)] = 3
    """Failed or refused runs in a row after which a target is left alone by automatic runs."""
    paused: bool = False
    """A paused sync is planned by hand only."""


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """A whole workspace file."""

    folder: Path
    file: Path
    node: str
    state: Path
    adapters: dict[str, AdapterSettings] = {}
    syncs: dict[str, SyncSettings] = {}
    protected: bool = False
    """A production workspace: the console colours its header and asks for typed names throughout."""
    title: str = ""
