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

from engine.settings.catalogue import Cron, Expression, PathText, Pattern, Timezone
from engine.settings.coordination import ClockSettings, CommandSettings, CoordinationSettings, CronSettings
from engine.settings.replication import ConflictSettings, PeerSettings, ServerSettings

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
Zone = Annotated[Timezone, Meta(description="Time zone that the expression is read in.", examples=["Europe/Berlin"])]

SHORTEST_INTERVAL = timedelta(seconds=10)
"""A sync reads whole collections: more often than this is a typing mistake, or a way to be locked out by a service."""


class FreezeWindow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A time in which nothing is applied (or, with `allow`, the only time in which something is); deny beats allow."""

    cron: Annotated[
        Cron, Meta(description="When the window opens, as a cron expression of five fields.", examples=["0 18 * * fri"])
    ]
    duration: Annotated[timedelta, Meta(description="How long the window stays open.", examples=["62h"])]
    timezone: Zone = "UTC"
    allow: Annotated[
        bool, Meta(description="Turn the window round: changes are applied only while such a window is open.")
    ] = False

    def __post_init__(self) -> None:
        if not self.cron or self.duration <= timedelta():
            raise ValueError("a freeze window needs a cron expression and a duration longer than nothing.")


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
        Percent | None, Meta(description="Most that the source may shrink against the median of its last 5 good reads.")
    ] = 30.0
    window_removal_percent: Annotated[
        Percent | None, Meta(description="Most removals in percent of the target within any 24 hours, over all runs.")
    ] = 30.0
    min_left: Annotated[Count, Meta(description="Fewest members a target must have left afterwards.")] = 0
    protect: Annotated[
        tuple[Pattern, ...],
        Meta(
            description="Patterns (* and ?) of keys that are never removed, renamed or updated.",
            examples=[["*@contractor.example"]],
        ),
    ] = ()
    managed_only: Annotated[
        bool, Meta(description="Remove only members that Syncdeck itself added, or that were adopted.")
    ] = False
    freeze: Annotated[tuple[FreezeWindow, ...], Meta(description="Times in which nothing is applied.")] = ()


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

    every: Annotated[
        timedelta | None, Meta(description="Time from one run to the next; instead of cron.", examples=["15m"])
    ] = None
    cron: Annotated[
        Cron, Meta(description="Cron expression of five fields; instead of every.", examples=["*/15 * * * *"])
    ] = ""
    timezone: Zone = "UTC"
    apply: Annotated[AutomaticApply, Meta(description="What a scheduled run may do without asking.")] = (
        AutomaticApply.ASK
    )

    def __post_init__(self) -> None:
        if (self.every is None) == (not self.cron):
            raise ValueError('a schedule has exactly one of the two: every (as in 15m) or cron (as in "*/15 * * * *").')
        if self.every is not None and self.every < SHORTEST_INTERVAL:
            raise ValueError("every is shorter than ten seconds. Write 10s or more.")


class AdapterSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One configured endpoint: its type's word, and that type's own settings, already validated."""

    name: str
    type: str
    settings: msgspec.Struct


class SyncSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One source, its targets, and the rules between them."""

    name: Annotated[str, Meta(description="The sync's name: its key in the file.")]
    source: Annotated[str, Meta(description="Adapter that says who should be there.")]
    targets: Annotated[
        tuple[str, ...], Meta(min_length=1, description="Adapters that are brought in step with the source.")
    ]
    where: Annotated[
        Expression,
        Meta(
            description="JMESPath over a source record: only records for which it is true are wanted at the targets.",
            examples=["department == 'eng' && active == 'yes'"],
        ),
    ] = ""
    mode: Annotated[Mode, Meta(description="What the sync may do, and in which order.")] = Mode.ADD_REMOVE
    case_sensitive: Annotated[bool, Meta(description="Tell keys apart that differ only in letter case.")] = False
    attributes: Annotated[
        dict[str, Expression],
        Meta(
            description="Target attribute: JMESPath over the source record. Attributes not named are never touched.",
            examples=[{"role": "title"}],
        ),
    ] = {}
    rename_by: Annotated[
        str,
        Meta(
            description="Target attribute that identifies a record for good: a removal and an addition that agree on "
            "it are a rename.",
            examples=["employee_number"],
        ),
    ] = ""
    guards: Annotated[GuardSettings, Meta(description="Limits that refuse a whole plan.")] = GuardSettings()
    approval: Annotated[ApprovalSettings, Meta(description="Who has to agree before a plan is applied.")] = (
        ApprovalSettings()
    )
    schedule: Annotated[Schedule | None, Meta(description="When the sync runs by itself; without: only by hand.")] = (
        None
    )
    quarantine_after: Annotated[
        int,
        Meta(ge=1, description="Failed or refused runs in a row after which automatic runs leave a target alone."),
    ] = 3
    paused: Annotated[bool, Meta(description="Keep the sync from running by itself; it can be planned by hand.")] = (
        False
    )


class WorkspaceHeader(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file says about itself, above its sections."""

    syncdeck: Annotated[int, Meta(description="Format of this file; this version reads format 1.", examples=[FORMAT])]
    title: Annotated[str, Meta(description="What the console's header calls this workspace.")] = ""
    node: Annotated[str, Meta(description="Name of this node. Default: the host's name.", examples=["berlin-1"])] = ""
    state: Annotated[PathText, Meta(description="The state file, relative to this file's folder.")] = (
        ".syncdeck/state.db"
    )
    protected: Annotated[
        bool,
        Meta(description="A production workspace: the console colours its header and asks for typed names throughout."),
    ] = False


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
    peers: dict[str, PeerSettings] = {}
    server: ServerSettings = ServerSettings()
    conflicts: ConflictSettings = ConflictSettings()
    coordination: CoordinationSettings = CoordinationSettings()
    tasks: dict[str, CommandSettings] = {}
    cron: dict[str, CronSettings] = {}
    clock: ClockSettings = ClockSettings()
